//! Labels of all images by optimal transport.

use burn::tensor::{Int, Tensor, TensorData};

use crate::sinkhorn::Plan;

/// Rows whose scores are made at a time.
const CHUNK: usize = 4096;

/// The sum over images of relative changes at which rounds end (official `sinkhornknopp.py`), and how
/// often it is looked at.
const CHANGE: f64 = 0.1;
const EVERY: usize = 10;

/// Rounds end here at the latest; the shares of clusters are then as equal as they have become.
pub(super) const MAX_ROUNDS: usize = 1000;

/// The images that have a representation: a row that is not zero.
pub(super) fn known(rows: &Tensor<2>) -> Vec<usize> {
    let dim = rows.dims()[1].max(1);
    let values: Vec<f32> = rows.clone().into_data().iter::<f32>().collect();
    let rows = values.chunks_exact(dim).enumerate();
    rows.filter(|(_, row)| row.iter().any(|&value| value != 0.0)).map(|(i, _)| i).collect()
}

/// The logarithms of `softmax(r Wᵀ + b)` for some of the rows, in f64.
pub(super) fn log_softmax(
    rows: &Tensor<2>,
    images: &[usize],
    weight: &Tensor<2>,
    bias: &Tensor<2>,
) -> Vec<f64> {
    let clusters = weight.dims()[0];
    let columns = weight.clone().transpose();
    let mut logarithms = Vec::with_capacity(images.len() * clusters);
    for chunk in images.chunks(CHUNK) {
        let chunk: Vec<i64> = chunk.iter().map(|&image| image as i64).collect();
        let count = chunk.len();
        let indices = Tensor::<1, Int>::from_data(TensorData::new(chunk, [count]), &rows.device());
        let scores = rows.clone().select(0, indices).matmul(columns.clone()) + bias.clone();
        logarithms.extend(scores.into_data().iter::<f64>());
    }
    for row in logarithms.chunks_exact_mut(clusters) {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = row.iter().map(|score| (score - largest).exp()).sum();
        for score in row {
            *score -= largest + sum.ln();
        }
    }
    logarithms
}

/// The shares of images in clusters for `P^exponent`, given the logarithms of `P`, `[n, clusters]`, and the
/// rounds that they took.
pub(super) fn balanced(logarithms: Vec<f64>, clusters: usize, exponent: f64) -> (Plan, usize) {
    let logarithms = logarithms.into_iter().map(|logarithm| exponent * logarithm).collect();
    let mut plan = Plan::new(logarithms, clusters);
    for round in 0..MAX_ROUNDS {
        let change = plan.round();
        if round.is_multiple_of(EVERY) && change < CHANGE {
            return (plan, round + 1);
        }
    }
    (plan, MAX_ROUNDS)
}
