//! Three training steps of a tiny model, whole, against PyTorch in f64 (`reference/model.py`):
//! losses, gradients through everything, momentum, weights and running statistics.

use std::collections::BTreeMap;

use barlow_nn::{EncoderConfig, EncoderName, Precision, ProjectorConfig, Stem, named};
use barlow_objectives::{BarlowTwins, Layer, Needs, Objective, StepContext};
use barlow_testing::{Fixture, fill, fill_parameter};
use barlow_train::networks::Networks;
use barlow_train::optimizer::Optimizer;
use barlow_train::schedule::{Rates, StepRates};
use barlow_train::settings::OptimizerSettings;
use barlow_train::step::Step;
use burn::tensor::{Device, Tensor, TensorData};

const VIEW: [usize; 4] = [8, 3, 16, 16];

fn views(step: u64, device: &Device) -> Vec<Tensor<4>> {
    let n = VIEW.iter().product();
    let view_a = fill(&format!("view_a/step{step}"), n, -2.0, 2.0);
    let noise = fill(&format!("noise/step{step}"), n, -2.0, 2.0);
    let view_b = view_a.iter().zip(noise).map(|(a, noise)| 0.8 * a + 0.3 * noise).collect();
    [view_a, view_b].map(|values| Tensor::from_data(TensorData::new(values, VIEW), device)).into()
}

fn networks(device: &Device) -> Networks {
    let encoder = EncoderConfig {
        name: EncoderName::ResNet18,
        width: 2,
        stem: Stem::Small,
        channels: 3,
        zero_init_residual: true,
    };
    let projector = ProjectorConfig::new("24-24-16".parse().expect("widths"));
    let mut networks = Networks::new(
        &encoder,
        &projector,
        (Layer::Embedding, &Needs::default()),
        0,
        device,
        Precision::F32,
    );
    networks.online = named::replace(networks.online, |name, old| {
        let values = fill_parameter(name, &old.shape);
        let length = [values.len()];
        Some(Tensor::from_data(TensorData::new(values, length), &old.values.device()))
    });
    networks
}

#[test]
fn three_steps_match_pytorch() {
    let device = Device::flex().autodiff();
    let mut networks = networks(&device);
    let mut objective = BarlowTwins::new(0.0051);
    let mut optimizer = Optimizer::new(&OptimizerSettings::default());
    let rates = Rates { weights: 0.2, biases_and_norms: 0.0048 };
    let steps = Fixture::open("model/steps");
    let mut deviations = Vec::new();
    for step in 0..3 {
        let ids: Vec<u64> = (0..8).collect();
        let context = StepContext { ids: &ids, ..StepContext::on_one_rank(step, 3) };
        let computed =
            Step::compute(&networks, &objective, views(step, &device), &context).expect("one rank");
        assert_eq!(computed.fault, None);
        let terms: BTreeMap<_, _> = computed.evaluation.terms.iter().copied().collect();
        for (key, found) in [
            ("loss", computed.evaluation.loss),
            ("invariance_term", terms["invariance"]),
            ("redundancy_reduction_term", terms["redundancy_reduction"]),
        ] {
            deviations.extend(steps.deviation(&format!("step{step}/{key}"), [found]));
        }
        if step != 1 {
            let gradients = Fixture::open(&format!("model/gradients_step{step}"));
            let found = computed.gradients();
            assert_eq!(found.keys().cloned().collect::<Vec<_>>(), gradients.names());
            for (name, gradient) in found {
                let values = gradient.clone().into_data().iter::<f64>().collect::<Vec<_>>();
                deviations.extend(gradients.deviation(name, values));
            }
        }
        computed
            .apply(
                &mut networks,
                &mut objective,
                &mut optimizer,
                StepRates { now: rates, peak: rates },
                &context,
            )
            .expect("one rank");
    }
    let momentum = Fixture::open("model/momentum_end");
    for (name, array) in optimizer.state("") {
        let name = name.strip_suffix(":momentum").expect("LARS keeps momentum only");
        let found = array.to_f32().expect("f32").into_iter().map(f64::from);
        deviations.extend(momentum.deviation(name, found));
    }
    let weights = Fixture::open("model/weights_end");
    let running = Fixture::open("model/running_statistics_end");
    let tensors = named::tensors(&networks.online);
    assert_eq!(tensors.len(), weights.names().len() + running.names().len());
    for (name, tensor) in tensors {
        let fixture = if tensor.is_trained { &weights } else { &running };
        let found = tensor.values.into_data().iter::<f64>().collect::<Vec<_>>();
        deviations.extend(fixture.deviation(&name, found));
    }
    assert_eq!(objective.name(), "barlow-twins");
    assert!(deviations.is_empty(), "{}", deviations.join("\n"));
}
