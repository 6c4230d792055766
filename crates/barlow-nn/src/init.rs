//! First weights: a pure function of the seed and the parameter's torchvision name.

use std::fmt::Display;

use barlow_random::{Key, Stream};
use burn::module::{Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};
use sha2::{Digest, Sha256};

/// Makes the first values of parameters; one per module, so that it knows the name so far.
#[derive(Debug, Clone)]
pub struct Initializer {
    seed: u64,
    path: String,
    device: Device,
}

impl Initializer {
    /// For the root of a network, whose parameters will live on `device`.
    pub fn new(seed: u64, device: &Device) -> Self {
        Self { seed, path: String::new(), device: device.clone() }
    }

    /// The initializer of a part: `root.part("layer1").part(0)` names parameters `layer1.0.*`.
    #[must_use]
    pub fn part(&self, name: impl Display) -> Self {
        Self { path: self.name(&name.to_string()), ..self.clone() }
    }

    fn name(&self, leaf: &str) -> String {
        if self.path.is_empty() { leaf.to_owned() } else { format!("{}.{leaf}", self.path) }
    }

    fn stream(&self, leaf: &str) -> Stream {
        let digest = Sha256::digest(self.name(leaf).as_bytes());
        let mut word = [0; 8];
        word.copy_from_slice(&digest[..8]);
        Key { seed: self.seed, purpose: u64::from_le_bytes(word), ..Key::default() }.stream()
    }

    fn parameter<const D: usize>(
        &self,
        shape: [usize; D],
        mut value: impl FnMut() -> f64,
    ) -> Param<Tensor<D>> {
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| value() as f32).collect();
        self.trained(Tensor::from_data(TensorData::new(values, shape), &self.device))
    }

    fn trained<const D: usize>(&self, tensor: Tensor<D>) -> Param<Tensor<D>> {
        let tensor = if self.device.is_autodiff() { tensor.require_grad() } else { tensor };
        Param::initialized(ParamId::new(), tensor)
    }

    /// A convolution's weight, `[out, in, height, width]`: normal with standard deviation
    /// `sqrt(2 / (out * height * width))`, as torchvision's ResNet (Kaiming, fan-out, ReLU).
    pub fn kaiming_normal(&self, leaf: &str, shape: [usize; 4]) -> Param<Tensor<4>> {
        let deviation = (2.0 / (shape[0] * shape[2] * shape[3]) as f64).sqrt();
        self.normal(leaf, shape, deviation)
    }

    /// A linear layer's weight, `[out, in]`: uniform within `±1/sqrt(in)`, as PyTorch's
    /// `nn.Linear` (Kaiming, fan-in, a = √5).
    pub fn kaiming_uniform(&self, leaf: &str, shape: [usize; 2]) -> Param<Tensor<2>> {
        let bound = 1.0 / (shape[1] as f64).sqrt();
        let mut stream = self.stream(leaf);
        self.parameter(shape, || stream.uniform(-bound, bound))
    }

    /// The bias of a linear layer with a weight of `[out, in]`: uniform within `±1/sqrt(in)`, as
    /// PyTorch's `nn.Linear`.
    pub fn uniform_bias(&self, leaf: &str, [output, input]: [usize; 2]) -> Param<Tensor<1>> {
        let bound = 1.0 / (input as f64).sqrt();
        let mut stream = self.stream(leaf);
        self.parameter([output], || stream.uniform(-bound, bound))
    }

    /// A weight that is normal with a deviation.
    pub fn normal<const D: usize>(
        &self,
        leaf: &str,
        shape: [usize; D],
        deviation: f64,
    ) -> Param<Tensor<D>> {
        let mut stream = self.stream(leaf);
        self.parameter(shape, || stream.normal() * deviation)
    }

    /// A trained vector of one value.
    pub fn constant(&self, size: usize, value: f64) -> Param<Tensor<1>> {
        self.trained(Tensor::full([size], value, &self.device))
    }

    /// A vector that is carried along but not trained, such as a running mean.
    pub fn buffer(&self, size: usize, value: f64) -> Param<Tensor<1>> {
        Param::initialized(ParamId::new(), Tensor::full([size], value, &self.device))
    }
}
