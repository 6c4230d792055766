//! Networks and views small enough for finite differences.

use barlow_nn::{EncoderConfig, EncoderName, Precision, ProjectorConfig, Stem};
use barlow_objectives::{
    ConstantValue, Layer, Needs, Objective, ObjectiveConfig, Registry, Scope, StepContext,
};
use barlow_testing::fill;
use barlow_train::networks::Networks;
use burn::tensor::{Device, Tensor, TensorData};

/// Side of the views.
const SIDE: usize = 16;

/// Length of the embedding.
pub(crate) const DIM: usize = 16;

pub(crate) fn device() -> Device {
    Device::flex().autodiff()
}

/// A `ResNet`-18 of width 2 and a projector of two layers.
pub(crate) fn networks(layer: Layer, needs: &Needs) -> Networks {
    let encoder = EncoderConfig {
        name: EncoderName::ResNet18,
        width: 2,
        stem: Stem::Small,
        channels: 3,
        zero_init_residual: false,
    };
    let projector = ProjectorConfig::new(format!("24-{DIM}").parse().expect("widths"));
    Networks::new(&encoder, &projector, (layer, needs), 0, &device(), Precision::F32)
}

/// `[n, 3, 16, 16]`, a function of its name.
pub(crate) fn view(name: &str, n: usize) -> Tensor<4> {
    let values = fill(name, n * 3 * SIDE * SIDE, -2.0, 2.0);
    Tensor::from_data(TensorData::new(values, [n, 3, SIDE, SIDE]), &device())
}

/// An objective for embeddings of this length.
pub(crate) fn objective(name: &str, constants: &[(&str, ConstantValue)]) -> Box<dyn Objective> {
    let mut config = ObjectiveConfig { name: name.to_owned(), ..ObjectiveConfig::default() };
    for (constant, value) in constants {
        config.constants.set(constant, value.clone());
    }
    let device = Device::flex();
    let scope = Scope { dim: DIM, batch_size: 8, images: 8, classes: 0, seed: 0, device: &device };
    Registry::default().create(&config, &scope).expect("an objective that fits")
}

/// A step of ten.
pub(crate) fn context(step: u64) -> StepContext<'static> {
    StepContext::on_one_rank(step, 10)
}

pub(crate) fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f64> {
    tensor.clone().into_data().iter::<f64>().collect()
}
