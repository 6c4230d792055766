//! A predictor of constant rate moves while the schedule still warms up the rest (`SimSiam`).

use barlow_nn::{EncoderConfig, EncoderName, Precision, ProjectorConfig, Stem};
use barlow_objectives::{ConstantValue, Layer, ObjectiveConfig, Registry, Scope, StepContext};
use barlow_testing::fill;
use barlow_train::networks::Networks;
use barlow_train::optimizer::Optimizer;
use barlow_train::schedule::{Rates, StepRates};
use barlow_train::settings::OptimizerSettings;
use barlow_train::step::Step;
use burn::tensor::{Device, Tensor, TensorData};

#[test]
fn only_the_predictor_moves_at_a_rate_of_zero() {
    let inner = Device::flex();
    let mut config = ObjectiveConfig { name: "simsiam".to_owned(), ..ObjectiveConfig::default() };
    config.constants.set("predictor", ConstantValue::Text("4-8".into()));
    let scope = Scope { dim: 8, batch_size: 6, images: 6, classes: 0, seed: 0, device: &inner };
    let mut objective = Registry::default().create(&config, &scope).expect("it fits");
    let encoder = EncoderConfig {
        name: EncoderName::ResNet18,
        width: 4,
        stem: Stem::Small,
        channels: 3,
        zero_init_residual: true,
    };
    let projector = ProjectorConfig::new("8-8".parse().expect("widths"));
    let device = inner.clone().autodiff();
    let needs = objective.needs();
    let layer = (Layer::Embedding, &needs);
    let mut networks = Networks::new(&encoder, &projector, layer, 0, &device, Precision::F32);
    let view = |name| {
        let values: Vec<f32> = fill(name, 6 * 3 * 64, -1.0, 1.0);
        Tensor::<4>::from_data(TensorData::new(values, [6, 3, 8, 8]), &device)
    };
    let ids: Vec<u64> = (0..6).collect();
    let context = StepContext { ids: &ids, ..StepContext::on_one_rank(0, 10) };
    let before = networks.arrays();
    let step = Step::compute(&networks, &*objective, vec![view("a"), view("b")], &context);
    let rate = |rate| Rates { weights: rate, biases_and_norms: rate };
    let settings = OptimizerSettings { weight_decay: 0.0, ..OptimizerSettings::default() };
    step.expect("one rank")
        .apply(
            &mut networks,
            &mut *objective,
            &mut Optimizer::new(&settings),
            StepRates { now: rate(0.0), peak: rate(0.1) },
            &context,
        )
        .expect("one rank");
    let after = networks.arrays();
    let is_trained = |name: &str| !name.contains("running_");
    for (name, array) in before.iter().filter(|(name, _)| is_trained(name)) {
        let is_predictors = name.starts_with("predictor");
        assert_eq!(after[name] != *array, is_predictors, "{name}");
    }
    assert!(before.keys().any(|name| name.starts_with("predictor")));
}
