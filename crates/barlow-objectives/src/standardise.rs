//! Standardisation over the batch, and the way back through it.

use burn::tensor::Tensor;

/// Added to the variance (official main.py: `BatchNorm1d` with PyTorch's default).
pub(crate) const EPSILON: f64 = 1e-5;

/// Rows standardised column by column: `A = (Z - mean) / sqrt(variance + 1e-5)`, biased variance,
/// no affine.
#[derive(Debug, Clone)]
pub struct Standardised {
    /// `A`, `[n, d]`.
    pub values: Tensor<2>,
    /// `sqrt(variance + 1e-5)`, `[1, d]`.
    pub scale: Tensor<2>,
    /// Share of the rows' power that is not in their mean: `Σ variance / Σ mean of squares`, 0 to 1;
    /// 0 where every row is the same.
    pub variation: f64,
}

impl Standardised {
    /// Standardises `rows`, `[n, d]`.
    ///
    /// # Numerics
    /// Mean first, then the mean of squared deviations, so that a common offset costs no precision
    /// beyond its own rounding.
    pub fn new(rows: Tensor<2>) -> Self {
        let mean = rows.clone().mean_dim(0);
        let centred = rows - mean.clone();
        let variance = (centred.clone() * centred.clone()).mean_dim(0);
        let spread = host_sum(&variance);
        let power = spread + host_sum(&(mean.clone() * mean));
        let scale = (variance + EPSILON).sqrt();
        Self {
            values: centred / scale.clone(),
            scale,
            variation: if power > 0.0 { spread / power } else { 0.0 },
        }
    }

    /// The gradient for `Z`, given the one for `A`:
    /// `(G - mean G - A ∘ mean(G ∘ A)) / sqrt(variance + 1e-5)`, means over the batch.
    ///
    /// # Shapes
    /// - `gradient` and output: `[n, d]`
    pub fn backward(&self, gradient: Tensor<2>) -> Tensor<2> {
        let along = (gradient.clone() * self.values.clone()).mean_dim(0);
        let mean = gradient.clone().mean_dim(0);
        (gradient - mean - self.values.clone() * along) / self.scale.clone()
    }
}

/// The sum of a row, `[1, d]` (or column), in f64 on the host: the engine's own sum over a whole
/// tensor may associate differently from run to run.
pub(crate) fn host_sum(row: &Tensor<2>) -> f64 {
    row.clone().into_data().iter::<f64>().sum()
}
