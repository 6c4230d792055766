//! Embeddings to try, and what Barlow Twins says of them.

use barlow_objectives::{BarlowTwins, CrossCorrelationForm};
use barlow_testing::fill;
use burn::tensor::{Device, Tensor, TensorData};

/// Official main.py.
pub(crate) const LAMBDA: f64 = 0.0051;

/// `[n, d]` rows on the CPU.
pub(crate) fn tensor(values: &[f32], [n, d]: [usize; 2]) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values.to_vec(), [n, d]), &Device::flex())
}

/// Row-major values.
pub(crate) fn values(tensor: &Tensor<2>) -> Vec<f64> {
    tensor.clone().into_data().iter::<f64>().collect()
}

/// Two correlated embeddings, `[n, d]`, of variance about 3.
pub(crate) fn pair(name: &str, [n, d]: [usize; 2]) -> [Vec<f32>; 2] {
    let a = fill(&format!("a/{name}"), n * d, -3.0, 3.0);
    let noise = fill(&format!("b/{name}"), n * d, -3.0, 3.0);
    let b = a.iter().zip(noise).map(|(a, noise)| 0.7 * a + 0.5 * noise).collect();
    [a, b]
}

/// Loss and both gradients, in the form that is cheaper.
pub(crate) fn evaluate(
    lambda: f64,
    embeddings: &[Vec<f32>; 2],
    shape: [usize; 2],
) -> (f64, [Vec<f64>; 2]) {
    let [n, d] = shape;
    evaluate_as(CrossCorrelationForm::cheaper(n, d), lambda, embeddings, shape)
}

/// Loss and both gradients, in the given form.
pub(crate) fn evaluate_as(
    form: CrossCorrelationForm,
    lambda: f64,
    [a, b]: &[Vec<f32>; 2],
    shape: [usize; 2],
) -> (f64, [Vec<f64>; 2]) {
    let found = BarlowTwins::new(lambda).loss([tensor(a, shape), tensor(b, shape)], form);
    (found.loss, found.gradients.map(|gradient| values(&gradient)))
}

/// The largest difference, as a share of the largest expected value.
pub(crate) fn error(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0_f64, |largest, e| largest.max(e.abs()));
    let differences = found.iter().zip(expected).map(|(f, e)| (f - e).abs());
    // A NaN must not be lost in a maximum.
    differences.fold(0.0, |worst: f64, e| if e > worst || e.is_nan() { e } else { worst }) / largest
}

/// Swaps rows: row i of the result is row `order[i]`.
pub(crate) fn permuted<T: Copy>(rows: &[T], d: usize, order: &[usize]) -> Vec<T> {
    order.iter().flat_map(|&row| rows[row * d..(row + 1) * d].iter().copied()).collect()
}
