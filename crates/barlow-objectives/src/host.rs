//! Outputs as matrices of f64 on the host, for objectives that take inverses and determinants of
//! covariances, which lose in f32 what nearly singular ones still hold.
//!
//! A column is an image: the rows of a tensor, read as they lie, are the columns of a matrix that
//! is stored column by column.

use burn::tensor::{Device, Tensor, TensorData};
use nalgebra::{Cholesky, DMatrix};

/// The images of `[n, d]` as the columns of a matrix, `d×n`.
pub(crate) fn columns(rows: &Tensor<2>) -> DMatrix<f64> {
    let [n, d] = rows.dims();
    DMatrix::from_iterator(d, n, rows.clone().into_data().iter::<f64>())
}

/// The columns of a matrix `d×n` as the rows of a tensor `[n, d]`, rounded to f32.
pub(crate) fn rows(columns: &DMatrix<f64>, device: &Device) -> Tensor<2> {
    let values: Vec<f32> = columns.iter().map(|&value| value as f32).collect();
    Tensor::from_data(TensorData::new(values, [columns.ncols(), columns.nrows()]), device)
}

/// Every column less their mean. It is its own way back: a gradient for the result becomes one for
/// `columns` in the same manner.
pub(crate) fn centred(mut columns: DMatrix<f64>) -> DMatrix<f64> {
    let mean = columns.column_mean();
    columns.column_iter_mut().for_each(|mut column| column -= &mean);
    columns
}

/// `Σ x xᵀ / divisor` over columns, `d×d`.
pub(crate) fn second_moments(columns: &DMatrix<f64>, divisor: f64) -> DMatrix<f64> {
    columns * columns.transpose() / divisor
}

/// `ln |M + aI|` and `(M + aI)⁻¹ X`; nothing where that matrix is not positive definite, as where a
/// number is not finite.
pub(crate) fn log_determinant(
    mut matrix: DMatrix<f64>,
    added: f64,
    x: &DMatrix<f64>,
) -> Option<(f64, DMatrix<f64>)> {
    for i in 0..matrix.nrows() {
        matrix[(i, i)] += added;
    }
    let factor = Cholesky::new(matrix)?;
    Some((factor.ln_determinant(), factor.solve(x)))
}

/// Columns of length 1.
#[derive(Debug)]
pub(crate) struct Directions {
    /// `d×n`.
    pub(crate) values: DMatrix<f64>,
    /// What each column was divided by: its length, or 1e-12 where that is less.
    lengths: Vec<f64>,
}

impl Directions {
    pub(crate) fn new(mut columns: DMatrix<f64>) -> Self {
        let divided = columns.column_iter_mut().map(|mut column| {
            let length = column.norm().max(1e-12);
            column /= length;
            length
        });
        let lengths = divided.collect();
        Self { values: columns, lengths }
    }

    /// The gradient for the columns, given the one for their directions: what is along a direction
    /// does not count, `(g - ⟨g, u⟩ u) / length`.
    pub(crate) fn backward(&self, mut gradient: DMatrix<f64>) -> DMatrix<f64> {
        let columns = gradient.column_iter_mut().zip(self.values.column_iter());
        for ((mut gradient, direction), length) in columns.zip(&self.lengths) {
            let along = gradient.dot(&direction);
            gradient.axpy(-along / length, &direction, 1.0 / length);
        }
        gradient
    }
}
