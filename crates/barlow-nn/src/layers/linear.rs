//! A matrix product without bias.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

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

    /// `x Wᵀ`.
    ///
    /// # Shapes
    /// - `x`: `[batch, features_in]`
    /// - output: `[batch, features_out]`
    pub fn forward(&self, x: Tensor<2>, pass: &Pass) -> Tensor<2> {
        let weight = self.weight.val().transpose();
        pass.linear_precision(&x).multiply(x, weight, Tensor::matmul)
    }
}
