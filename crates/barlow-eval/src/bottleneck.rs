//! The information-bottleneck reading of Barlow Twins, for features taken as Gaussian.
//!
//! A representation Z of a distorted image Y should say much of the image X and little of the
//! distortion: minimise `IB = I(Z, Y) - β I(Z, X)`. Z follows from Y, so `H(Z|Y)` is a constant that
//! is left out, and up to the scale `1/β`
//!
//! ```text
//! IB_β = H(Z|X) + ((1 - β) / β) H(Z)
//! ```
//!
//! A Gaussian of covariance Σ in d dimensions has the entropy `½ ln |2πe Σ|`, hence
//!
//! ```text
//! H(Z)   = ½ (d ln 2πe + ln |T + σ² I|)      T: covariance of all views of all images
//! H(Z|X) = ½ (d ln 2πe + ln |W + σ² I|)      W: covariance of an image's views, pooled over images
//! ```
//!
//! The paper averages the log-determinant over images. With m views, an image's own covariance has
//! rank m - 1 and no log-determinant, so the covariance is averaged instead: a linear discriminant's
//! within-class scatter. ln |·| is concave, so this is an upper bound of the paper's average, equal
//! to it where all images spread alike. Both covariances are unbiased (divided by nm - 1 and
//! n (m - 1)); their log-determinants are too low by about `d² / 2` over these numbers, so that many
//! more images than dimensions are wanted.
//!
//! σ² is the variance of Gaussian noise that Z is seen through. It bounds entropies from below, at
//! `½ d ln 2πe σ²` for constant features. Only features seen through the same σ² can be compared.
//! For β ≤ 1 both coefficients are at least 0, and constants are best: the trade-off has nothing to
//! gain from telling images apart. Only β > 1 is of interest.
//!
//! Source: paper, appendix "Connection between Barlow Twins and the Information Bottleneck
//! Principle". Numbers in tests: closed forms and `reference/features.py`.

use std::f64::consts::{E, TAU};

use crate::columns::Columns;
use crate::measure::Measure;
use crate::moments::{MOST_DIRECTIONS, Moments};
use crate::rows::{Rows, RowsError};

/// Noise relative to the mean variance of a dimension: a thousandth of its deviation.
const RELATIVE_NOISE: f64 = 1e-6;

/// Entropies of features of several views, in nats.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bottleneck {
    /// Images that it was taken of.
    pub images: usize,
    /// Views of each.
    pub views: usize,
    /// Dimensions of the features.
    pub dim: usize,
    /// σ², above 0.
    pub noise_variance: f64,
    /// H(Z).
    pub entropy: f64,
    /// H(Z|X).
    pub conditional_entropy: f64,
}

/// The noise to see features through where nothing else asks for another: `1e-6` of the mean
/// variance of a dimension, over all views; `1e-6` where all rows are the same up to rounding.
///
/// # Errors
/// As [`Rows::views`].
pub fn noise_variance(views: &[&[f32]], dim: usize) -> Result<f64, RowsError> {
    let columns = Columns::of(&Rows::views(views, dim)?);
    let mean = columns.variance.iter().sum::<f64>() / dim as f64;
    Ok(if columns.are_constant() { RELATIVE_NOISE } else { RELATIVE_NOISE * mean })
}

impl Bottleneck {
    /// Of the views of the same images. Where views and dimensions are both more than 2048, of so
    /// many images, spread evenly, that there are 2048 views.
    ///
    /// # Shapes
    /// - `views`: at least two of `[n, dim]`, contiguous, an image in the same row of all
    ///
    /// # Range
    /// - `noise_variance`: σ², above 0, see [`noise_variance`]; less than `1e-30` is taken as that
    ///
    /// # Numerics
    /// f64; determinants by Cholesky's factors.
    ///
    /// # Errors
    /// As [`Rows::views`].
    pub fn of(views: &[&[f32]], dim: usize, noise_variance: f64) -> Result<Self, RowsError> {
        let rows = Rows::views(views, dim)?;
        if dim > MOST_DIRECTIONS && rows.len() * rows[0].images() > MOST_DIRECTIONS {
            let most = (MOST_DIRECTIONS / rows.len()).max(2);
            let kept: Vec<Vec<f32>> = rows.iter().map(|view| view.spread(most)).collect();
            let kept: Vec<&[f32]> = kept.iter().map(Vec::as_slice).collect();
            return Ok(Self::among(&Rows::views(&kept, dim)?, noise_variance));
        }
        Ok(Self::among(&rows, noise_variance))
    }

    fn among(rows: &[Rows<'_>], noise_variance: f64) -> Self {
        let (images, views, dim) = (rows[0].images(), rows.len(), rows[0].dim());
        let noise_variance = noise_variance.max(1e-30);
        let count = images * views;
        // Vector `index` is view `index % views` of image `index / views`.
        let value = |index: usize, column: usize| rows[index % views].value(index / views, column);
        let mean = Columns::of(rows).mean;
        let total = Moments::new([count, dim], (count - 1) as f64, |index, column| {
            value(index, column) - mean[column]
        });
        let within = Moments::new([count, dim], (count - images) as f64, |index, column| {
            let image = index / views;
            let own: f64 = rows.iter().map(|view| view.value(image, column)).sum();
            value(index, column) - own / views as f64
        });
        let entropy = |moments: &Moments| {
            0.5 * (dim as f64 * (TAU * E).ln() + moments.log_determinant(noise_variance))
        };
        Self {
            images,
            views,
            dim,
            noise_variance,
            entropy: entropy(&total),
            conditional_entropy: entropy(&within),
        }
    }

    /// `I(Z, X) = H(Z) - H(Z|X)`: what the features say of the image, whatever its distortion. May
    /// come out slightly below 0 where they say nothing.
    pub fn information(&self) -> f64 {
        self.entropy - self.conditional_entropy
    }

    /// `H(Z|X) + ((1 - β) / β) H(Z)`, lower is better.
    ///
    /// # Range
    /// - `beta`: above 0
    pub fn trade_off(&self, beta: f64) -> f64 {
        self.conditional_entropy + (1.0 - beta) / beta * self.entropy
    }

    /// The numbers, with what they mean.
    pub fn measures(&self, beta: f64) -> Vec<Measure> {
        let nats =
            |name, value, formula, meaning| Measure { name, value, unit: "nats", formula, meaning };
        vec![
            nats(
                "entropy",
                self.entropy,
                "H(Z) = 1/2 ln |2 pi e (Cov(Z) + sigma^2 I)|",
                "how much features vary over images and distortions",
            ),
            nats(
                "conditional_entropy",
                self.conditional_entropy,
                "H(Z|X) = 1/2 ln |2 pi e (W + sigma^2 I)|, W the covariance of an image's views, \
                 pooled over images",
                "how much features vary with the distortion alone",
            ),
            nats(
                "information",
                self.information(),
                "I(Z, X) = H(Z) - H(Z|X)",
                "what features say of the image itself",
            ),
            nats(
                "trade_off",
                self.trade_off(beta),
                "IB_beta = H(Z|X) + ((1 - beta) / beta) H(Z)",
                "the information bottleneck that Barlow Twins approximates; lower is better, to be \
                 compared at one sigma^2 only; for beta <= 1 constant features are best",
            ),
            Measure {
                name: "noise_variance",
                value: self.noise_variance,
                unit: "",
                formula: "sigma^2",
                meaning: "noise that features are seen through, so that constants have an entropy",
            },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use barlow_testing::Fixture;

    /// Column `j` of a Hadamard matrix of 64 rows: ±1, centred for `j > 0`, orthogonal to all others.
    fn sign(image: usize, j: usize) -> f32 {
        if (image & j).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 }
    }

    /// 64 images in `dim` dimensions of deviation `signal`, two views at ± `distortion`.
    fn views(dim: usize, signal: f32, distortion: f32) -> [Vec<f32>; 2] {
        [1.0, -1.0].map(|side| {
            let value = move |image: usize, j: usize| {
                signal * sign(image, j + 1) + side * distortion * sign(image, j + 32)
            };
            (0..64).flat_map(|image| (0..dim).map(move |j| value(image, j))).collect()
        })
    }

    fn of(views: &[Vec<f32>; 2], dim: usize, noise: f64) -> Bottleneck {
        Bottleneck::of(&[&views[0], &views[1]], dim, noise).unwrap()
    }

    #[test]
    fn entropies_of_known_covariances_follow_the_closed_form() {
        let dim = 20;
        for (signal, distortion, noise) in [(1.0, 0.5, 1e-6), (3.0, 0.25, 0.1), (0.0, 1.0, 1e-3)] {
            let found = of(&views(dim, signal, distortion), dim, noise);
            let (s, w) = (f64::from(signal).powi(2), f64::from(distortion).powi(2));
            // 128 views around one mean; 64 pairs around 64 means.
            let total = (s + w) * 128.0 / 127.0;
            let within = w * 128.0 / 64.0;
            let entropy = |variance: f64| 0.5 * dim as f64 * (TAU * E * (variance + noise)).ln();
            assert!((found.entropy - entropy(total)).abs() < 1e-9);
            assert!((found.conditional_entropy - entropy(within)).abs() < 1e-9);
            assert!((found.information() - entropy(total) + entropy(within)).abs() < 1e-9);
        }
    }

    #[test]
    fn entropies_match_numpy() {
        for case in ["tall", "wide"] {
            let fixture = Fixture::open(&format!("features/{case}"));
            let view = |name: &str| -> Vec<f32> {
                fixture.array(name).1.iter().map(|&value| value as f32).collect()
            };
            let dim = fixture.array("view_a").0[1];
            let views = [view("view_a"), view("view_b")];
            let found = of(&views, dim, fixture.number("noise_variance"));
            fixture.assert_close("entropy", [found.entropy]);
            fixture.assert_close("conditional_entropy", [found.conditional_entropy]);
            fixture.assert_close("trade_off", [found.trade_off(fixture.number("beta"))]);
        }
    }

    #[test]
    fn constants_are_best_up_to_beta_one_and_beaten_beyond() {
        let (dim, noise) = (20, 1e-6);
        let constant = of(&[vec![0.5; 64 * dim], vec![0.5; 64 * dim]], dim, noise);
        let floor = 0.5 * dim as f64 * (TAU * E * noise).ln();
        assert!((constant.entropy - floor).abs() < 1e-9);
        assert!((constant.conditional_entropy - floor).abs() < 1e-9);
        let informative = of(&views(dim, 1.0, 0.0), dim, noise);
        let others = [
            informative,
            of(&views(dim, 1.0, 0.3), dim, noise),
            of(&views(dim, 0.0, 1.0), dim, noise),
            of(&views(dim, 1e-4, 1e-5), dim, noise),
        ];
        for beta in [0.01, 0.5, 1.0] {
            for other in others {
                assert!(constant.trade_off(beta) <= other.trade_off(beta) + 1e-9, "{beta}");
            }
        }
        // Invariant features: H(Z|X) is at the floor, H(Z) far above it.
        for beta in [1.001, 1.5, 10.0] {
            assert!(informative.trade_off(beta) < constant.trade_off(beta) - 0.1, "{beta}");
        }
    }

    #[test]
    fn features_that_follow_the_distortion_only_say_nothing_of_the_image() {
        // W = T but for the degrees of freedom, 128/64 against 128/127.
        let found = of(&views(20, 0.0, 1.0), 20, 1e-9);
        assert!((found.information() - 10.0 * (64.0_f64 / 127.0).ln()).abs() < 1e-6);
    }

    #[test]
    fn default_noise_is_relative_to_the_mean_variance() {
        let [a, b] = views(20, 2.0, 0.0);
        assert!((noise_variance(&[&a, &b], 20).unwrap() - 4e-6).abs() < 1e-12);
        let constant = [0.5_f32; 40];
        assert!((noise_variance(&[&constant, &constant], 20).unwrap() - 1e-6).abs() < 1e-18);
        assert!(noise_variance(&[&a], 20).is_err());
    }
}
