//! The rectifier, where it follows no norm.

use burn::tensor::activation;

use super::activation::Activation;

/// Negative values become 0.
pub(crate) fn relu(x: &Activation) -> Activation {
    x.relu_on_cpu().unwrap_or_else(|| activation::relu(x.tensor()).into())
}
