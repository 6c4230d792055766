//! Gradients by autodiff, for objectives whose closed form is not worth its keep.

use burn::tensor::{ElementConversion, Tensor};

/// The value of `loss` at `inputs` and its gradient for each of them.
///
/// `loss` sees the inputs as leaves of a graph of their own; an input it does not use gets zeros.
///
/// # Shapes
/// - `inputs`: any `[rows, columns]`, outside any graph; each gradient has its input's
/// - `loss` returns `[1]`
pub fn by_autodiff(
    inputs: Vec<Tensor<2>>,
    loss: impl FnOnce(&[Tensor<2>]) -> Tensor<1>,
) -> (f64, Vec<Tensor<2>>) {
    let leaves: Vec<Tensor<2>> =
        inputs.into_iter().map(|input| input.autodiff().require_grad()).collect();
    let value = loss(&leaves);
    let gradients = value.backward();
    let of = |leaf: &Tensor<2>| {
        leaf.grad(&gradients).unwrap_or_else(|| leaf.clone().inner().zeros_like())
    };
    (value.inner().into_scalar::<f32>().elem(), leaves.iter().map(of).collect())
}
