//! A matrix product, with or without bias.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::activation::Activation;
use super::norm::ChannelSums;
use super::pool::global_average_pool;
use crate::init::Initializer;
use crate::pass::Pass;

/// A linear layer, in PyTorch's layout.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[features_out, features_in]`.
    pub weight: Param<Tensor<2>>,
    /// `[features_out]`.
    pub bias: Option<Param<Tensor<1>>>,
}

impl Linear {
    /// A linear layer with PyTorch's first weights.
    pub fn new(input: usize, output: usize, has_bias: bool, initializer: &Initializer) -> Self {
        Self {
            weight: initializer.kaiming_uniform("weight", [output, input]),
            bias: has_bias.then(|| initializer.uniform_bias("bias", [output, input])),
        }
    }

    /// `x Wᵀ + b`, and in training, where there is no bias, the sums that a norm after it needs.
    ///
    /// # Shapes
    /// - `x`: `[batch, features_in, 1, 1]`
    /// - output: `[batch, features_out, 1, 1]`
    pub fn forward(&self, x: &Activation, pass: &Pass) -> (Activation, Option<ChannelSums>) {
        let (y, sums) = self.multiply(x, pass);
        match &self.bias {
            None => (y, sums),
            Some(bias) => {
                let rows = global_average_pool(&y) + bias.val().unsqueeze();
                (Activation::from_rows(rows, pass), None)
            }
        }
    }

    fn multiply(&self, x: &Activation, pass: &Pass) -> (Activation, Option<ChannelSums>) {
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
