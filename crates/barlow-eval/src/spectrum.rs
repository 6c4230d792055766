//! How many directions a set of vectors really uses.
//!
//! The eigenvalues of the covariance, largest first, and four ways to count them.

use crate::columns::Columns;
use crate::measure::Measure;
use crate::moments::{MOST_DIRECTIONS, Moments};
use crate::rows::Rows;

/// The variance of feature vectors along their principal directions.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrum {
    /// Images that it was taken of.
    pub images: usize,
    /// Dimensions of the features.
    pub dim: usize,
    /// Eigenvalues of the covariance (biased, divided by the images), largest first,
    /// `min(images, dim)` of them, all others being 0. All 0 where the vectors are the same up to
    /// the rounding of f32.
    pub eigenvalues: Vec<f64>,
}

impl Spectrum {
    /// The spectrum of the rows. Where images and dimensions are both more than 2048, of 2048 images,
    /// spread evenly.
    ///
    /// # Numerics
    /// f64; the eigenvalues of a symmetric matrix of side `min(images, dim)`.
    pub fn of(rows: Rows<'_>) -> Self {
        let (images, dim) = (rows.images(), rows.dim());
        if images.min(dim) > MOST_DIRECTIONS {
            let values = rows.spread(MOST_DIRECTIONS);
            return Self::whole(Rows::of_checked(&values, dim));
        }
        Self::whole(rows)
    }

    fn whole(rows: Rows<'_>) -> Self {
        let (images, dim) = (rows.images(), rows.dim());
        let columns = Columns::of(&[rows]);
        let eigenvalues = if columns.are_constant() {
            vec![0.0; images.min(dim)]
        } else {
            let centred =
                |image: usize, column: usize| rows.value(image, column) - columns.mean[column];
            Moments::new([images, dim], images as f64, centred).eigenvalues()
        };
        Self { images, dim, eigenvalues }
    }

    /// All variance, the trace of the covariance.
    pub fn variance(&self) -> f64 {
        self.eigenvalues.iter().sum()
    }

    /// The share of the variance along the first direction, the first two, and so on, 0..1; all 0
    /// without variance.
    pub fn explained(&self) -> Vec<f64> {
        let variance = self.variance();
        let mut sum = 0.0;
        let share = |value: &f64| {
            sum += value;
            if variance > 0.0 { (sum / variance).min(1.0) } else { 0.0 }
        };
        self.eigenvalues.iter().map(share).collect()
    }

    /// The fewest directions that hold the given share of the variance, share in 0..1; 0 without
    /// variance.
    pub fn directions_for(&self, share: f64) -> usize {
        if self.variance() <= 0.0 {
            return 0;
        }
        // The running sum may end a rounding below 1.
        let reached = |explained: f64| explained >= share - 1e-12;
        let explained = self.explained();
        explained.iter().position(|&e| reached(e)).map_or(explained.len(), |place| place + 1)
    }

    /// `exp(-Σ p ln p)` with `p` the singular values `√λ` over their sum.
    ///
    /// # Range
    /// 1 (all vectors on a line) to `min(images - 1, dim)` (all directions alike); 0 without
    /// variance.
    ///
    /// # Numerics
    /// Singular values below `1e-5` of the largest, the noise of f32 features, count as 0.
    ///
    /// # Source
    /// Roy and Vetterli, 2007.
    pub fn effective_rank(&self) -> f64 {
        let singular = || self.eigenvalues.iter().map(|value| value.sqrt());
        let largest = singular().fold(0.0, f64::max);
        if largest <= 0.0 {
            return 0.0;
        }
        let used = || singular().filter(|&value| value > 1e-5 * largest);
        let sum: f64 = used().sum();
        used().map(|value| value / sum).map(|p| -p * p.ln()).sum::<f64>().exp()
    }

    /// `Σ λ / max λ`: how often the strongest direction's variance is there. 1 to the number of
    /// directions; 0 without variance.
    pub fn stable_rank(&self) -> f64 {
        let largest = self.eigenvalues.first().copied().unwrap_or(0.0);
        if largest > 0.0 { self.variance() / largest } else { 0.0 }
    }

    /// `(Σ λ)² / Σ λ²`: how many equally strong directions would be as concentrated. 1 to the number
    /// of directions; 0 without variance.
    pub fn participation_ratio(&self) -> f64 {
        let squares: f64 = self.eigenvalues.iter().map(|value| value * value).sum();
        if squares > 0.0 { self.variance().powi(2) / squares } else { 0.0 }
    }

    /// The counts, with what they mean.
    pub fn measures(&self) -> Vec<Measure> {
        vec![
            Measure {
                name: "effective_rank",
                value: self.effective_rank(),
                unit: "directions",
                formula: "exp(-sum p ln p), p = singular values / their sum",
                meaning: "directions in use; weak directions still count for something",
            },
            Measure {
                name: "participation_ratio",
                value: self.participation_ratio(),
                unit: "directions",
                formula: "(sum eigenvalues)^2 / sum eigenvalues^2",
                meaning: "directions that hold most of the variance; weak ones hardly count",
            },
            Measure {
                name: "stable_rank",
                value: self.stable_rank(),
                unit: "directions",
                formula: "sum eigenvalues / largest eigenvalue",
                meaning: "all variance in units of the strongest direction; 1 if it is alone",
            },
            Measure {
                name: "directions_for_99_percent",
                value: self.directions_for(0.99) as f64,
                unit: "directions",
                formula: "fewest principal directions with 99 % of the variance",
                meaning: "dimensions that a projection would need to lose a hundredth",
            },
        ]
    }
}

/// [`Spectrum::effective_rank`] of plain rows; 0 where they cannot be measured (fewer than two, or
/// not finite).
///
/// # Shapes
/// - `rows`: `[n, dim]`, contiguous
pub fn effective_rank(rows: &[f32], dim: usize) -> f64 {
    Rows::new(rows, dim).map_or(0.0, |rows| Spectrum::of(rows).effective_rank())
}

#[cfg(test)]
mod tests {
    use super::*;
    use barlow_random::Key;
    use barlow_testing::Fixture;

    fn normal(n: usize, dim: usize, scale: impl Fn(usize) -> f64) -> Vec<f32> {
        let mut stream = Key::default().stream();
        (0..n * dim).map(|i| (stream.normal() * scale(i % dim)) as f32).collect()
    }

    #[test]
    fn independent_directions_of_equal_power_count_fully() {
        // 4000 samples of 16 directions: singular values within about 10 % of each other.
        let rank = effective_rank(&normal(4000, 16, |_| 1.0), 16);
        assert!((15.9..=16.0).contains(&rank), "{rank}");
    }

    #[test]
    fn known_singular_values_give_the_formula() {
        // Rows ±eᵢ·sᵢ have singular values sᵢ·√2, for which exp(entropy) is worked out directly.
        let scales = [8.0_f64, 4.0, 2.0, 1.0];
        let mut rows = Vec::new();
        for (i, &scale) in scales.iter().enumerate() {
            for sign in [1.0, -1.0] {
                let mut row = [0.0_f32; 4];
                row[i] = (sign * scale) as f32;
                rows.extend(row);
            }
        }
        let sum: f64 = scales.iter().sum();
        let expected = scales.iter().map(|s| -(s / sum) * (s / sum).ln()).sum::<f64>().exp();
        assert!((effective_rank(&rows, 4) - expected).abs() < 1e-9);
    }

    #[test]
    fn both_sides_of_the_matrix_give_the_same_rank() {
        let rows = normal(40, 60, |i| 1.0 / (i + 1) as f64);
        let wide = effective_rank(&rows, 60);
        // The same vectors with 60 further coordinates of zero leave n > dim false and the rank.
        let padded: Vec<f32> =
            rows.chunks_exact(60).flat_map(|row| row.iter().copied().chain([0.0; 60])).collect();
        assert!((wide - effective_rank(&padded, 120)).abs() < 1e-6);
        let doubled = [rows.clone(), rows].concat(); // n 80 > dim 60: the other Gram matrix
        assert!((wide - effective_rank(&doubled, 60)).abs() < 1e-6);
    }

    #[test]
    fn spectrum_matches_numpy() {
        for case in ["tall", "wide"] {
            let fixture = Fixture::open(&format!("features/{case}"));
            let (shape, values) = fixture.array("view_a");
            let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
            let spectrum = Spectrum::of(Rows::new(&values, shape[1]).unwrap());
            fixture.assert_close("effective_rank", [spectrum.effective_rank()]);
            fixture.assert_close("stable_rank", [spectrum.stable_rank()]);
            fixture.assert_close("participation_ratio", [spectrum.participation_ratio()]);
            fixture.assert_close("explained", spectrum.explained());
            fixture.assert_close("eigenvalues", spectrum.eigenvalues);
        }
    }

    #[test]
    fn equal_directions_count_alike_in_every_measure() {
        // Rows ±eᵢ: covariance I / d.
        let dim = 5;
        let mut rows = vec![0.0_f32; 2 * dim * dim];
        for i in 0..dim {
            rows[2 * i * dim + i] = 1.0;
            rows[(2 * i + 1) * dim + i] = -1.0;
        }
        let spectrum = Spectrum::of(Rows::new(&rows, dim).unwrap());
        for measure in spectrum.measures() {
            assert!((measure.value - 5.0).abs() < 1e-9, "{measure:?}");
        }
        assert_eq!(spectrum.directions_for(0.8), 4);
        assert!((spectrum.variance() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn scale_changes_no_count_even_at_the_ends_of_f32() {
        let rows = normal(30, 10, |i| 1.0 / (i + 1) as f64);
        let counts = |scale: f32| {
            let rows: Vec<f32> = rows.iter().map(|value| value * scale).collect();
            Spectrum::of(Rows::new(&rows, 10).unwrap()).measures()
        };
        let plain = counts(1.0);
        for scale in [2.0_f32.powi(120), 2.0_f32.powi(-100)] {
            for (found, expected) in counts(scale).iter().zip(&plain) {
                let error = (found.value / expected.value - 1.0).abs();
                assert!(error < 1e-9, "{scale}: {found:?} {expected:?}");
            }
        }
    }

    #[test]
    fn rows_without_a_measure_have_rank_zero() {
        assert!(effective_rank(&[1.0, f32::NAN, 2.0, 0.0], 2).abs() < 1e-12);
        assert!(effective_rank(&[1.0, 2.0], 2).abs() < 1e-12);
        assert!(effective_rank(&[], 0).abs() < 1e-12);
    }

    #[test]
    fn constant_rows_have_rank_zero_and_a_line_rank_one() {
        let constant = [1.0_f32, 2.0, 3.0].repeat(50);
        assert!(effective_rank(&constant, 3).abs() < 1e-12);
        let line: Vec<f32> = (0..50).flat_map(|i| [i as f32, 2.0 * i as f32, 0.5]).collect();
        assert!((effective_rank(&line, 3) - 1.0).abs() < 1e-3);
    }
}
