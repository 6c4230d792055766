//! Rows of length 1, and the way back through them.

use burn::tensor::Tensor;

/// Rows divided by their length, which is taken as 1e-12 at least: `U = Z / |Z|`.
#[derive(Debug, Clone)]
pub(crate) struct UnitRows {
    /// `U`, `[n, d]`.
    pub(crate) values: Tensor<2>,
    /// `|Z|`, `[n, 1]`.
    length: Tensor<2>,
}

impl UnitRows {
    /// # Shapes
    /// - `rows`: `[n, d]`
    pub(crate) fn new(rows: Tensor<2>) -> Self {
        let squares = (rows.clone() * rows.clone()).sum_dim(1);
        // 1e-24 is a normal number in f32.
        let length = squares.clamp_min(1e-24).sqrt();
        Self { values: rows / length.clone(), length }
    }

    /// The gradient for `Z`, given the one for `U`: `(G - U ∘ ⟨G, U⟩) / |Z|`.
    ///
    /// # Shapes
    /// - `gradient` and output: `[n, d]`
    pub(crate) fn backward(&self, gradient: Tensor<2>) -> Tensor<2> {
        let along = (gradient.clone() * self.values.clone()).sum_dim(1);
        (gradient - self.values.clone() * along) / self.length.clone()
    }
}

/// Rows of length 1; a row of zeros stays as it is.
pub(crate) fn unit(rows: Tensor<2>) -> Tensor<2> {
    UnitRows::new(rows).values
}
