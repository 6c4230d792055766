//! Second moments of many dimensions, held in the smaller of two forms.
//!
//! For `count` vectors `y` of `dim` dimensions, `Σ y yᵀ / degrees` is `[dim, dim]`, and the Gram
//! matrix `⟨yᵢ, yⱼ⟩ / degrees` is `[count, count]`: they share all eigenvalues that are not 0, so the
//! smaller of the two says everything that spectra and determinants ask for.

use std::ops::Range;

use nalgebra::{Cholesky, DMatrix};

use crate::tiles::{Part, Side, WIDTH, tiles};

/// Side of the largest matrix that is taken apart. Work grows with the cube of it.
pub(crate) const MOST_DIRECTIONS: usize = 2048;

/// Second moments in the smaller form, `[side, side]` with `side = min(count, dim)`.
#[derive(Debug, Clone)]
pub(crate) struct Moments {
    matrix: DMatrix<f64>,
    dim: usize,
}

impl Moments {
    /// Of the vectors `value(index, column)`.
    ///
    /// # Numerics
    /// f64; deterministic on any number of threads.
    pub(crate) fn new(
        [count, dim]: [usize; 2],
        degrees: f64,
        value: impl Fn(usize, usize) -> f64 + Sync,
    ) -> Self {
        let side = count.min(dim);
        let by_dimension = |columns: Range<usize>, rows: Range<usize>| {
            DMatrix::from_fn(columns.len(), rows.len(), |column, row| {
                value(rows.start + row, columns.start + column)
            })
        };
        let by_vector = |rows: Range<usize>, columns: Range<usize>| {
            DMatrix::from_fn(rows.len(), columns.len(), |row, column| {
                value(rows.start + row, columns.start + column)
            })
        };
        let (depth, panels): (usize, &dyn Side) =
            if dim < count { (count, &by_dimension) } else { (dim, &by_vector) };
        let mut matrix = DMatrix::zeros(side, side);
        let copy = |row: usize, column: usize, tile: &DMatrix<f64>| (row, column, tile.clone());
        for (row, column, tile) in tiles([side, depth], WIDTH, Part::Upper, [panels, panels], copy)
        {
            let tile = tile / degrees;
            matrix.view_mut((row, column), tile.shape()).copy_from(&tile);
            let mirrored = tile.transpose();
            matrix.view_mut((column, row), mirrored.shape()).copy_from(&mirrored);
        }
        Self { matrix, dim }
    }

    /// Eigenvalues, largest first, none below 0; those beyond `side` are 0 and left out.
    pub(crate) fn eigenvalues(self) -> Vec<f64> {
        let mut values: Vec<f64> =
            self.matrix.symmetric_eigenvalues().iter().map(|&value| value.max(0.0)).collect();
        values.sort_by(|a, b| b.total_cmp(a));
        values
    }

    /// `ln |Σ + noise I|` over all `dim` dimensions, `noise` above 0.
    ///
    /// With the Gram matrix `G`, `|Σ + noise I| = noise^(dim - side) |G + noise I|`.
    ///
    /// # Numerics
    /// By Cholesky's factors; by eigenvalues where `noise` is so far below the largest of them that
    /// rounding leaves a pivot of 0 or less.
    pub(crate) fn log_determinant(&self, noise: f64) -> f64 {
        let side = self.matrix.nrows();
        let beyond = (self.dim - side) as f64 * noise.ln();
        let mut matrix = self.matrix.clone();
        for i in 0..side {
            matrix[(i, i)] += noise;
        }
        let inside = Cholesky::new(matrix).map_or_else(
            || self.clone().eigenvalues().iter().map(|value| (value + noise).ln()).sum(),
            |factor| factor.ln_determinant(),
        );
        beyond + inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use barlow_random::Key;

    fn normal(count: usize, dim: usize) -> Vec<f64> {
        let mut stream = Key { seed: 3, ..Key::default() }.stream();
        (0..count * dim).map(|_| stream.normal()).collect()
    }

    #[test]
    fn both_forms_agree_with_the_definition() {
        for (count, dim) in [(6, 9), (9, 6), (300, 7), (7, 300)] {
            let values = normal(count, dim);
            let moments = Moments::new([count, dim], 5.0, |row, column| values[row * dim + column]);
            assert_eq!(moments.matrix.nrows(), count.min(dim));
            let full = DMatrix::from_fn(dim, dim, |i, j| {
                let noise = if i == j { 0.25 } else { 0.0 };
                let product = |k: usize| values[k * dim + i] * values[k * dim + j] / 5.0;
                noise + (0..count).map(product).sum::<f64>()
            });
            let expected: f64 = full.clone().lu().u().diagonal().iter().map(|u| u.abs().ln()).sum();
            let found = moments.log_determinant(0.25);
            assert!((found - expected).abs() < 1e-9 * expected.abs(), "{found} {expected}");
            let mut eigenvalues: Vec<f64> =
                full.symmetric_eigenvalues().iter().map(|value| value - 0.25).collect();
            eigenvalues.sort_by(|a, b| b.total_cmp(a));
            for (found, expected) in moments.eigenvalues().iter().zip(eigenvalues) {
                assert!((found - expected).abs() < 1e-9, "{found} {expected}");
            }
        }
    }

    #[test]
    fn noise_below_rounding_still_gives_a_determinant() {
        // Two equal columns: without noise the determinant is 0.
        let moments = Moments::new([50, 2], 1.0, |row, _| row as f64);
        let sum: f64 = (0..50).map(|row| f64::from(row * row)).sum();
        let expected = (2.0 * sum).ln() + 1e-30_f64.ln();
        let found = moments.log_determinant(1e-30);
        // The small eigenvalue is rounding, or 0: nothing below 1e-16 of the largest is known.
        assert!(found.is_finite() && found >= expected - 1.0, "{found} {expected}");
    }
}
