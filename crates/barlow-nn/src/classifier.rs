//! An encoder with a linear classifier behind it.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use crate::encoder::Encoder;
use crate::init::Initializer;

/// An encoder and the linear classifier of its representations, torchvision's `fc`.
#[derive(Module, Debug)]
pub struct Classifier {
    /// What gives the representation.
    pub encoder: Encoder,
    /// What makes a score for each class of it.
    pub fc: LinearClassifier,
}

/// Scores of classes: a linear layer with bias, in PyTorch's layout.
#[derive(Module, Debug)]
pub struct LinearClassifier {
    /// `[classes, representation_dim]`.
    weight: Param<Tensor<2>>,
    /// `[classes]`.
    bias: Param<Tensor<1>>,
}

impl LinearClassifier {
    /// Weights normal with deviation 0.01, bias 0 (official evaluate.py).
    pub fn new(representation_dim: usize, classes: usize, initializer: &Initializer) -> Self {
        Self {
            weight: initializer.normal("weight", [classes, representation_dim], 0.01),
            bias: initializer.constant(classes, 0.0),
        }
    }

    /// # Shapes
    /// - `representation`: `[batch, representation_dim]`
    /// - output: `[batch, classes]`
    pub fn forward(&self, representation: Tensor<2>) -> Tensor<2> {
        representation.matmul(self.weight.val().transpose()) + self.bias.val().unsqueeze()
    }

    /// Weight, `[classes, representation_dim]`, and bias, `[classes]`.
    pub fn values(&self) -> (Tensor<2>, Tensor<1>) {
        (self.weight.val(), self.bias.val())
    }
}
