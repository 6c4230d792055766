//! Losses on a cross-correlation matrix `C`, `[d, d]`, with their gradients for it.

use burn::tensor::Tensor;

use super::off_diagonal;
use crate::standardise::host_sum;

/// Weights of a loss's two terms.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weights {
    /// Of the invariance term.
    pub(crate) invariance: f64,
    /// Of the redundancy-reduction term.
    pub(crate) lambda: f64,
}

/// A loss's two terms, unweighted, and the gradient of their weighted sum.
#[derive(Debug, Clone)]
pub(crate) struct MatrixLoss {
    pub(crate) invariance_term: f64,
    pub(crate) redundancy_reduction_term: f64,
    /// For `C`, `[d, d]`.
    pub(crate) gradient: Tensor<2>,
}

/// `Σᵢ (Cᵢᵢ - 1)²` and `Σᵢ Σ_{j≠i} (Cᵢⱼ - target)²`.
///
/// # Numerics
/// Sums along rows in f32, over rows in f64.
pub(crate) fn squares(c: &Tensor<2>, target: f64, weights: Weights) -> MatrixLoss {
    let d = c.dims()[0];
    let diagonal = Tensor::<2>::eye(d, &c.device());
    let off = off_diagonal(d, &c.device());
    let difference = c.clone() - (diagonal.clone() + off.clone() * target);
    let squares = difference.clone() * difference.clone();
    let sum = |of: &Tensor<2>| host_sum(&(squares.clone() * of.clone()).sum_dim(1));
    let (invariance_term, redundancy_reduction_term) = (sum(&diagonal), sum(&off));
    let weight = diagonal * weights.invariance + off * weights.lambda;
    MatrixLoss { invariance_term, redundancy_reduction_term, gradient: difference * weight * 2.0 }
}

/// `-log Σᵢ exp(Cᵢᵢ / T)` and `log Σᵢ Σ_{j≠i} exp(max(Cᵢⱼ, 0) / T)`, for two dimensions or more.
///
/// # Numerics
/// The largest exponent is taken out of each sum; sums along rows in f32, over rows in f64.
///
/// # Source
/// Paper, table 5 (neither `T` nor λ is stated).
pub(crate) fn cross_entropies(c: &Tensor<2>, temperature: f64, weights: Weights) -> MatrixLoss {
    let d = c.dims()[0];
    let diagonal = Tensor::<2>::eye(d, &c.device());
    let off = off_diagonal(d, &c.device());
    let positive = c.clone().greater_elem(0.0).float();
    let (invariance, softmax) = log_sum_exp(&(c.clone() / temperature), &diagonal);
    let clipped = c.clone() * positive.clone() / temperature;
    let (redundancy, off_softmax) = log_sum_exp(&clipped, &off);
    let pull = softmax * (-weights.invariance / temperature);
    let push = off_softmax * positive * (weights.lambda / temperature);
    MatrixLoss {
        invariance_term: -invariance,
        redundancy_reduction_term: redundancy,
        gradient: pull + push,
    }
}

/// The logarithm of the sum of exponentials over the elements where `mask` is 1 and not 0, and the
/// share of each in that sum.
fn log_sum_exp(exponents: &Tensor<2>, mask: &Tensor<2>) -> (f64, Tensor<2>) {
    // What is masked out is moved far below all others.
    let masked = exponents.clone() * mask.clone() + (mask.clone() - 1.0) * f64::from(f32::MAX);
    let largest = masked.clone().max_dim(1).into_data();
    let largest = largest.iter::<f64>().fold(f64::NEG_INFINITY, f64::max);
    let powers = (masked - largest).exp();
    let sum = host_sum(&powers.clone().sum_dim(1));
    (largest + sum.ln(), powers / sum)
}
