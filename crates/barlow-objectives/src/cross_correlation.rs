//! The cross-correlation matrix `C = AᵀB / n` of two normalised views, losses on it, and the way back.
//!
//! What the variants of Barlow Twins have in common. Unlike the plain form (module `barlow_twins`)
//! all of them form `C`: `3nd²` multiplications with the gradients, and `[d, d]` of memory some times.
//! Numbers in tests: `reference/objectives_barlow_twins.py`.

mod health;
mod loss;

use burn::tensor::Tensor;

pub(crate) use health::Health;
pub(crate) use loss::{Weights, cross_entropies, squares};

use crate::standardise::host_sum;

/// Two normalised views and their matrix.
#[derive(Debug, Clone)]
pub(crate) struct CrossCorrelation {
    a: Tensor<2>,
    b: Tensor<2>,
    /// `C = AᵀB / n`, `[d, d]`.
    pub(crate) matrix: Tensor<2>,
}

impl CrossCorrelation {
    /// # Shapes
    /// - `a`, `b`: `[n, d]`
    pub(crate) fn new(a: Tensor<2>, b: Tensor<2>) -> Self {
        let matrix = a.clone().transpose().matmul(b.clone()) / a.dims()[0] as f64;
        Self { a, b, matrix }
    }

    /// The gradients for `A` and `B`, given the one for `C`: `B Gᵀ / n` and `A G / n`.
    ///
    /// # Shapes
    /// - `gradient`: `[d, d]`; output: `[n, d]` twice
    pub(crate) fn backward(&self, gradient: Tensor<2>) -> [Tensor<2>; 2] {
        let gradient = gradient / self.a.dims()[0] as f64;
        let for_a = self.b.clone().matmul(gradient.clone().transpose());
        [for_a, self.a.clone().matmul(gradient)]
    }

    /// The mean of `Cᵢᵢ`.
    pub(crate) fn mean_diagonal(&self) -> f64 {
        host_sum(&(self.a.clone() * self.b.clone()).mean_dim(0)) / self.a.dims()[1] as f64
    }

    /// The root mean square of `Cᵢⱼ`, `i ≠ j`; 0 for one dimension.
    pub(crate) fn rms_off_diagonal(&self) -> f64 {
        let d = self.matrix.dims()[0];
        let off = self.matrix.clone() * off_diagonal(d, &self.matrix.device());
        let squares = host_sum(&(off.clone() * off).sum_dim(1));
        (squares / (d * (d - 1)).max(1) as f64).sqrt()
    }
}

/// Ones off the diagonal, `[d, d]`.
pub(crate) fn off_diagonal(d: usize, device: &burn::tensor::Device) -> Tensor<2> {
    Tensor::eye(d, device) * -1.0 + 1.0
}
