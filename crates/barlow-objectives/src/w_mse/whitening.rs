//! Whitening of the embeddings of one slice by Cholesky's factor, and the way back.
//!
//! With `X` the centred embeddings, a column an image (`d×m`):
//!
//! ```text
//! S = (1-ε) X Xᵀ / (m-1) + ε I,    S = L Lᵀ,    Y = L⁻¹ X
//! ```
//!
//! For a gradient `G` of `Y` and `P = G Yᵀ`, with `⟦P⟧` the symmetric matrix of `P`'s lower triangle:
//!
//! ```text
//! ∂X = L⁻ᵀ (G - (1-ε)/(m-1) ⟦P⟧ Y),    then less the mean over images
//! ```
//!
//! From Cholesky's derivative (Murray, 2016, "Differentiation of the Cholesky decomposition",
//! equation 9): `∂L = -tril(L⁻ᵀ P)`, of which `tril(Lᵀ ∂L) = -tril(P)`, as `Lᵀ` times what is above
//! the diagonal stays there.

use nalgebra::{Cholesky, DMatrix, Dyn};

use crate::host::{centred, second_moments};

/// Share of a dimension's mean square that its pivot, the variance that the dimensions before it do
/// not explain, must exceed; rounding of embeddings to f32 alone leaves 1e-13.
const SINGULAR: f64 = 1e-12;

/// The embeddings of a slice, whitened.
#[derive(Debug)]
pub(super) struct Whitened {
    /// `Y`, `d×m`: mean 0, and covariance `I` where ε is 0.
    pub(super) values: DMatrix<f64>,
    /// The least, over dimensions, of the share of a dimension's variance that those before it do
    /// not explain: 1 where none are correlated, 0 where one follows from others.
    pub(super) smallest_pivot: f64,
    factor: Cholesky<f64, Dyn>,
    /// `(1-ε)/(m-1)`.
    weight: f64,
}

impl Whitened {
    /// Whitens `columns`, `d×m` with m at least 2; nothing if the covariance is singular.
    pub(super) fn new(columns: DMatrix<f64>, epsilon: f64) -> Option<Self> {
        let count = columns.ncols() as f64;
        let powers: Vec<f64> = columns.row_iter().map(|row| row.norm_squared() / count).collect();
        let weight = (1.0 - epsilon) / (count - 1.0);
        let mut values = centred(columns);
        let mut covariance = second_moments(&values, 1.0 / weight);
        for i in 0..covariance.nrows() {
            covariance[(i, i)] += epsilon;
        }
        let variances = covariance.diagonal();
        let factor = Cholesky::new(covariance)?;
        let pivots = factor.l_dirty().diagonal().map(|root| root * root);
        let is_clear = |(pivot, power): (&f64, &f64)| *pivot > SINGULAR * power;
        if !pivots.iter().zip(&powers).all(is_clear) {
            return None;
        }
        let shares = pivots.iter().zip(&variances).map(|(pivot, variance)| pivot / variance);
        let smallest_pivot = shares.fold(1.0, f64::min);
        factor.l_dirty().solve_lower_triangular_unchecked_mut(&mut values);
        Some(Self { values, smallest_pivot, factor, weight })
    }

    /// The gradient for the columns, given the one for `values`, both `d×m`.
    pub(super) fn backward(&self, mut gradient: DMatrix<f64>) -> DMatrix<f64> {
        let mut product = &gradient * self.values.transpose();
        product.fill_upper_triangle_with_lower_triangle();
        gradient.gemm(-self.weight, &product, &self.values, 1.0);
        self.factor.l_dirty().tr_solve_lower_triangular_unchecked_mut(&mut gradient);
        centred(gradient)
    }
}

#[cfg(test)]
mod tests {
    use barlow_testing::fill;

    use super::*;

    /// Correlated columns, `d×m`, with a mean.
    fn columns([d, m]: [usize; 2]) -> DMatrix<f64> {
        let draw = |name: &str, length| {
            fill(name, length, -1.0, 1.0).into_iter().map(f64::from).collect::<Vec<f64>>()
        };
        let mixing = DMatrix::from_vec(d, d, draw("mixing", d * d));
        (mixing * DMatrix::from_vec(d, m, draw("columns", d * m))).map(|value| value + 3.0)
    }

    #[test]
    fn whitened_columns_have_mean_zero_and_covariance_one() {
        for [d, m] in [[1, 2], [5, 12], [64, 128]] {
            let values = Whitened::new(columns([d, m]), 0.0).expect("a regular slice").values;
            assert!(values.column_mean().amax() < 1e-9, "{d} {m}");
            let covariance = second_moments(&values, m as f64 - 1.0);
            let off = (covariance - DMatrix::identity(d, d)).amax();
            // f64 rounding times the condition of a random 64×64 mixing.
            assert!(off < 1e-8, "{d} {m}: {off}");
        }
    }

    #[test]
    fn the_way_back_is_the_slope_along_any_direction() {
        let [d, m] = [6, 15];
        let draw = |name: &str| {
            let values = fill(name, d * m, -1.0, 1.0).into_iter().map(f64::from);
            DMatrix::from_iterator(d, m, values)
        };
        let (weights, direction) = (draw("weights"), draw("direction"));
        for epsilon in [0.0, 0.3] {
            let value = |step: f64| {
                let moved = columns([d, m]) + &direction * step;
                Whitened::new(moved, epsilon).expect("a regular slice").values.dot(&weights)
            };
            let slope = (value(1e-6) - value(-1e-6)) / 2e-6;
            let whitened = Whitened::new(columns([d, m]), epsilon).expect("a regular slice");
            let found = whitened.backward(weights.clone()).dot(&direction);
            // The square of the step, and rounding over it.
            assert!((found - slope).abs() < 1e-6 * slope.abs(), "{found}, {slope}");
        }
    }

    #[test]
    fn a_slice_is_singular_where_a_dimension_is_constant_or_follows_from_others() {
        let regular = columns([4, 20]);
        let spoilt = |spoil: &dyn Fn(&mut DMatrix<f64>)| {
            let mut spoilt = regular.clone();
            spoil(&mut spoilt);
            [0.0, 0.1].map(|epsilon| Whitened::new(spoilt.clone(), epsilon).is_some())
        };
        assert_eq!(spoilt(&|_| {}), [true; 2]);
        assert_eq!(spoilt(&|columns| columns.fill_row(2, 7.0)), [false, true]);
        assert_eq!(spoilt(&|columns| columns.fill(0.0)), [false, true]);
        let doubled = |columns: &mut DMatrix<f64>| {
            let twice = columns.row(0) * 2.0;
            columns.set_row(3, &twice);
        };
        assert_eq!(spoilt(&doubled), [false, true]);
        // Four images span three dimensions around their mean.
        assert!(Whitened::new(columns([4, 4]), 0.0).is_none());
        assert!(Whitened::new(columns([4, 5]), 0.0).is_some());
    }

    #[test]
    fn the_smallest_pivot_is_the_variance_that_other_dimensions_leave() {
        // The second is the first and a third as much of its own, uncorrelated: 1/9 of 10/9.
        let own = [1.0, 1.0, -1.0, -1.0].map(|value| value / 3.0);
        let first = [1.0, -1.0, 1.0, -1.0];
        let columns =
            DMatrix::from_fn(2, 4, |i, j| if i == 0 { first[j] } else { first[j] + own[j] });
        let found = Whitened::new(columns, 0.0).expect("a regular slice").smallest_pivot;
        assert!((found - 0.1).abs() < 1e-12, "{found}");
    }
}
