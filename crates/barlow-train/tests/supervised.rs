//! Three steps of training with labels against PyTorch in f64 (`reference/supervised.py`): losses,
//! weights and running statistics, with the encoder trained and frozen.

use barlow_nn::{
    Classifier, Encoder, EncoderConfig, EncoderName, Initializer, LinearClassifier, Precision,
    Stem, named,
};
use barlow_testing::{Fixture, fill, fill_parameter};
use barlow_train::supervised::{Supervised, SupervisedConfig, SupervisedRates};
use burn::tensor::{Device, Tensor, TensorData};

const VIEW: [usize; 4] = [8, 3, 16, 16];
const CLASSES: usize = 5;

fn classifier(device: &Device) -> Classifier {
    let config = EncoderConfig {
        name: EncoderName::ResNet18,
        width: 2,
        stem: Stem::Small,
        channels: 3,
        zero_init_residual: true,
    };
    let initializer = Initializer::new(0, device);
    let classifier = Classifier {
        encoder: Encoder::new(&config, &initializer.part("encoder")),
        fc: LinearClassifier::new(config.representation_dim(), CLASSES, &initializer.part("fc")),
    };
    named::replace(classifier, |name, old| {
        let values = fill_parameter(name, &old.shape);
        let length = [values.len()];
        Some(Tensor::from_data(TensorData::new(values, length), &old.values.device()))
    })
}

#[test]
fn three_steps_match_pytorch_trained_and_frozen() {
    let device = Device::flex();
    for (case, is_frozen) in [("finetune", false), ("frozen", true)] {
        let fixture = Fixture::open(&format!("supervised/{case}"));
        let mut training = Supervised::new(
            classifier(&device.clone().autodiff()),
            SupervisedConfig {
                is_frozen,
                momentum: fixture.number("momentum"),
                weight_decay: fixture.number("weight_decay"),
                precision: Precision::F32,
            },
        );
        let rate = |key: &str| fixture.parameter("rates")[key].as_f64().expect("a number");
        let rates = SupervisedRates { encoder: rate("encoder"), classifier: rate("classifier") };
        let mut deviations = Vec::new();
        for step in 0..3 {
            let view = fill(&format!("view/step{step}"), VIEW.iter().product(), -2.0, 2.0);
            let view = Tensor::from_data(TensorData::new(view, VIEW), &device);
            let labels: Vec<usize> = (0..8).map(|i| (step + 2 * i) % CLASSES).collect();
            let loss = training.step(view, &labels, rates).expect("one rank").loss;
            deviations.extend(fixture.deviation(&format!("step{step}/loss"), [loss]));
        }
        let tensors = named::tensors(&training.classifier());
        assert_eq!(tensors.len() + 3, fixture.names().len());
        for (name, tensor) in tensors {
            let found: Vec<f64> = tensor.values.into_data().iter::<f64>().collect();
            deviations.extend(fixture.deviation(&name, found));
        }
        assert!(deviations.is_empty(), "{}", deviations.join("\n"));
    }
}
