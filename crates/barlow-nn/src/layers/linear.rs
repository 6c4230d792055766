//! A matrix product without bias.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::activation::Activation;
use super::norm::ChannelSums;
use crate::init::Initializer;
use crate::pass::Pass;

/// A linear layer without bias, in PyTorch's layout.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[features_out, features_in]`.
    pub weight: Param<Tensor<2>>,
}

impl Linear {
    /// A linear layer with PyTorch's first weights; its one parameter is `weight`.
    pub fn new(input: usize, output: usize, initializer: &Initializer) -> Self {
        Self { weight: initializer.kaiming_uniform("weight", [output, input]) }
    }

    /// `x Wᵀ`, and in training the sums that a norm after it needs.
    ///
    /// # Shapes
    /// - `x`: `[batch, features_in, 1, 1]`
    /// - output: `[batch, features_out, 1, 1]`
    pub fn forward(&self, x: &Activation, pass: &Pass) -> (Activation, Option<ChannelSums>) {
        let weight = self.weight.val();
        let ([batch, _, _, _], [output, input]) = (x.dims(), weight.dims());
        let kernel = weight.clone().reshape([output, input, 1, 1]);
        if let Some((y, sums)) = x.convolve_on_cpu(kernel, 1, pass) {
            let sums = pass.collective().map(|_| ChannelSums::on_cpu(sums, y.dims()));
            return (y, sums);
        }
        let rows = x.tensor().reshape([batch, input]);
        let y = pass.linear_precision(&rows).multiply(rows, weight.transpose(), Tensor::matmul);
        let y = y.reshape([batch, output, 1, 1]);
        let sums = pass.collective().map(|_| ChannelSums::of(&y));
        (y.into(), sums)
    }
}
