//! How far features are from a code of independent dimensions.
//!
//! The total correlation of Gaussian features is `TC = -½ ln |R|`, with R their correlation matrix:
//! what is said twice, in nats. It is 0 exactly where no two dimensions correlate, and grows without
//! bound where one follows from others; noise bounds it here. The redundancy-reduction term of Barlow
//! Twins stands in for it: near `R = I`, `TC ≈ ¼ Σ_{i≠j} Rᵢⱼ²`.

use crate::columns::Columns;
use crate::measure::Measure;
use crate::moments::{MOST_DIRECTIONS, Moments};
use crate::rows::Rows;

/// Variance of the noise that is added to each standardised dimension: a thousandth of its
/// deviation.
const NOISE: f64 = 1e-6;

/// Redundancy between the dimensions of features.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TotalCorrelation {
    /// Images that it was taken of.
    pub images: usize,
    /// Dimensions that vary; others are independent of everything and left out.
    pub dim: usize,
    /// `-½ ln |(R + 1e-6 I) / (1 + 1e-6)|`, nats, 0 or more.
    pub value: f64,
}

impl TotalCorrelation {
    /// Of the rows. Where images and dimensions are both more than 2048, of 2048 images, spread
    /// evenly.
    ///
    /// # Numerics
    /// f64, by Cholesky's factors. R is a sample's: with no more images than dimensions it has no
    /// determinant but the noise's, and [`TotalCorrelation::chance`] says what n images show of
    /// independent dimensions.
    pub fn of(rows: Rows<'_>) -> Self {
        if rows.images().min(rows.dim()) > MOST_DIRECTIONS {
            let values = rows.spread(MOST_DIRECTIONS);
            return Self::among(Rows::of_checked(&values, rows.dim()));
        }
        Self::among(rows)
    }

    fn among(rows: Rows<'_>) -> Self {
        let images = rows.images();
        let Columns { mean, variance } = Columns::of(&[rows]);
        // A deviation below f32's rounding of the mean is no variance.
        let varies = |&column: &usize| variance[column] > 1e-12 * mean[column].powi(2);
        let alive: Vec<usize> = (0..rows.dim()).filter(varies).collect();
        if alive.is_empty() {
            return Self { images, dim: 0, value: 0.0 };
        }
        let scale: Vec<f64> = variance.iter().map(|v| 1.0 / v.sqrt()).collect();
        let dim = alive.len();
        let correlation = Moments::new([images, dim], images as f64, |image, index| {
            let column = alive[index];
            (rows.value(image, column) - mean[column]) * scale[column]
        });
        let log_determinant = correlation.log_determinant(NOISE) - dim as f64 * NOISE.ln_1p();
        Self { images, dim, value: (-0.5 * log_determinant).max(0.0) }
    }

    /// What independent Gaussian dimensions show over so many images: about `d (d - 1) / 4n`, for n
    /// well above d.
    pub fn chance(&self) -> f64 {
        self.dim as f64 * (self.dim as f64 - 1.0) / (4.0 * self.images as f64)
    }

    /// The numbers, with what they mean.
    pub fn measures(&self) -> Vec<Measure> {
        vec![
            Measure {
                name: "total_correlation",
                value: self.value,
                unit: "nats",
                formula: "-1/2 ln |R|, R the correlation matrix",
                meaning: "what dimensions say twice; 0 if and only if none correlate",
            },
            Measure {
                name: "chance_total_correlation",
                value: self.chance(),
                unit: "nats",
                formula: "d (d - 1) / 4n",
                meaning: "what independent dimensions show over so many images",
            },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use barlow_testing::Fixture;

    /// 64 images whose dimensions correlate by exactly `r`, from orthogonal columns.
    fn equicorrelated(dim: usize, r: f64) -> Vec<f32> {
        let sign = |image: usize, j: usize| {
            if (image & j).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 }
        };
        let value =
            |image, j| r.sqrt() * sign(image, 1) + (1.0 - r).sqrt() * sign(image, j + 2) + 5.0;
        let rows = (0..64).flat_map(|image| (0..dim).map(move |j| value(image, j) as f32));
        rows.collect()
    }

    #[test]
    fn equicorrelated_dimensions_follow_the_closed_form() {
        for (dim, r) in [(2, 0.5), (10, 0.1), (10, 0.9), (40, 0.3), (7, 0.0)] {
            let rows = equicorrelated(dim, r);
            let found = TotalCorrelation::of(Rows::new(&rows, dim).unwrap());
            let d = dim as f64;
            let expected = -0.5 * ((d - 1.0) * (1.0 - r).ln() + (1.0 + (d - 1.0) * r).ln());
            // Noise of 1e-6 a dimension, and f32 inputs.
            assert!((found.value - expected).abs() < 1e-4 * (1.0 + d), "{found:?} {expected}");
            assert_eq!(found.dim, dim);
        }
    }

    #[test]
    fn total_correlation_matches_numpy() {
        for case in ["tall", "wide"] {
            let fixture = Fixture::open(&format!("features/{case}"));
            let (shape, values) = fixture.array("view_a");
            let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
            let found = TotalCorrelation::of(Rows::new(&values, shape[1]).unwrap());
            fixture.assert_close("total_correlation", [found.value]);
        }
    }

    #[test]
    fn scale_and_constant_dimensions_change_nothing() {
        let rows = equicorrelated(4, 0.4);
        let plain = TotalCorrelation::of(Rows::new(&rows, 4).unwrap());
        let scaled: Vec<f32> = rows
            .chunks_exact(4)
            .flat_map(|row| [row[0], 8.0 * row[1], 0.25 * row[2], row[3], 3.0])
            .collect();
        let found = TotalCorrelation::of(Rows::new(&scaled, 5).unwrap());
        assert_eq!(found.dim, 4);
        assert!((found.value - plain.value).abs() < 1e-9);
        let constant = TotalCorrelation::of(Rows::new(&[0.1; 30], 3).unwrap());
        assert_eq!((constant.dim, constant.value.to_bits()), (0, 0));
    }
}
