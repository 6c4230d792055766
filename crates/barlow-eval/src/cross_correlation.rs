//! The cross-correlation matrix of two views, `C = AᵀB / n`, which Barlow Twins drives to the
//! identity.
//!
//! `A` and `B` are the views' features standardised over the images, as the objective does it: mean
//! first, biased variance, eps 1e-5, each view by itself. `C` is made tile by tile and never held:
//! what stays is its diagonal, the sum of squares, and a small picture of it.
//!
//! Numbers in tests: `reference/objective.py` and `reference/features.py`.

use std::ops::Range;

use barlow_data::Image;
use nalgebra::DMatrix;

use crate::columns::Columns;
use crate::measure::Measure;
use crate::rows::{Rows, RowsError};
use crate::tiles::{Part, WIDTH, tiles};

/// Added to the variance (official main.py: `BatchNorm1d` with PyTorch's default).
pub(crate) const EPSILON: f64 = 1e-5;

/// Cells on a side of the picture, at most.
const MOST_CELLS: usize = 1024;

/// Small matrices are enlarged to about this many pixels on a side.
const PICTURE_PX: usize = 512;

/// Correlation 1, 0 and -1 as red, green, blue: the ends of `ColorBrewer`'s `RdBu`.
const POSITIVE: [f64; 3] = [178.0, 24.0, 43.0];
const ZERO: [f64; 3] = [255.0; 3];
const NEGATIVE: [f64; 3] = [33.0, 102.0, 172.0];

/// What is known of the cross-correlation matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossCorrelation {
    /// Images with two views.
    pub images: usize,
    /// Dimensions of the features; `C` is `[dim, dim]`.
    pub dim: usize,
    /// `Cᵢᵢ`, `[dim]`, -1..1.
    pub diagonal: Vec<f64>,
    /// `Σᵢ Σ_{j≠i} Cᵢⱼ²`, unweighted.
    pub redundancy_reduction_term: f64,
    /// Dimensions in a row of a cell of `strongest`; 1 up to 1024 dimensions.
    pub cell: usize,
    /// For each square of `cell` by `cell` correlations the one of the largest magnitude, with its
    /// sign, `[side, side]`, rows being dimensions of the first view; `side = ceil(dim / cell)`.
    pub strongest: Vec<f32>,
}

/// What one tile adds.
struct Share {
    row: usize,
    column: usize,
    diagonal: Vec<f64>,
    off_diagonal: f64,
    /// Strongest of each cell, column by column, `[cells down, cells across]`.
    strongest: DMatrix<f64>,
}

impl CrossCorrelation {
    /// Of two views. The same array twice gives the auto-correlation.
    ///
    /// # Shapes
    /// - `views`: two of `[n, dim]`, contiguous, an image in the same row of both
    ///
    /// # Numerics
    /// f64, `n dim²` products. A dimension without variance correlates with nothing.
    ///
    /// # Errors
    /// As [`Rows::views`].
    pub fn of(views: [&[f32]; 2], dim: usize) -> Result<Self, RowsError> {
        let views = Rows::views(&views, dim)?;
        let images = views[0].images();
        let cell = dim.div_ceil(MOST_CELLS);
        let panels = [standardised(views[0]), standardised(views[1])];
        let visit = |row: usize, column: usize, tile: &DMatrix<f64>| {
            let tile = tile / images as f64;
            let on_diagonal = if row == column { tile.nrows() } else { 0 };
            let diagonal: Vec<f64> = (0..on_diagonal).map(|i| tile[(i, i)]).collect();
            let square = |c: f64| c * c;
            let all: f64 = tile.iter().map(|&c| square(c)).sum();
            let off_diagonal = (all - diagonal.iter().map(|&c| square(c)).sum::<f64>()).max(0.0);
            let cells = [tile.nrows().div_ceil(cell), tile.ncols().div_ceil(cell)];
            let mut strongest = DMatrix::zeros(cells[0], cells[1]);
            for j in 0..tile.ncols() {
                for i in 0..tile.nrows() {
                    let place = (i / cell, j / cell);
                    if tile[(i, j)].abs() > f64::abs(strongest[place]) {
                        strongest[place] = tile[(i, j)];
                    }
                }
            }
            Share { row, column, diagonal, off_diagonal, strongest }
        };
        // Whole cells to a tile.
        let width = (WIDTH / cell).max(1) * cell;
        let shares = tiles([dim, images], width, Part::Whole, [&panels[0], &panels[1]], visit);

        let side = dim.div_ceil(cell);
        let mut strongest = vec![0.0; side * side];
        for share in &shares {
            for i in 0..share.strongest.nrows() {
                for j in 0..share.strongest.ncols() {
                    let place = (share.row / cell + i) * side + share.column / cell + j;
                    strongest[place] = share.strongest[(i, j)] as f32;
                }
            }
        }
        Ok(Self {
            images,
            dim,
            diagonal: shares.iter().flat_map(|share| share.diagonal.iter().copied()).collect(),
            redundancy_reduction_term: shares.iter().map(|share| share.off_diagonal).sum(),
            cell,
            strongest,
        })
    }

    /// Mean of `Cᵢᵢ`, -1..1.
    pub fn mean_diagonal(&self) -> f64 {
        self.diagonal.iter().sum::<f64>() / self.dim as f64
    }

    /// Root mean square of `Cᵢⱼ`, i ≠ j, 0..1; 0 for one dimension.
    pub fn rms_off_diagonal(&self) -> f64 {
        let pairs = self.dim as f64 * (self.dim as f64 - 1.0);
        (self.redundancy_reduction_term / pairs.max(1.0)).sqrt()
    }

    /// `Σᵢ (Cᵢᵢ - 1)²`.
    pub fn invariance_term(&self) -> f64 {
        self.diagonal.iter().map(|c| (c - 1.0).powi(2)).sum()
    }

    /// What two independent dimensions correlate by, by chance (root mean square): `1/√n`.
    pub fn chance(&self) -> f64 {
        1.0 / (self.images as f64).sqrt()
    }

    /// The Barlow Twins loss of all images as one batch.
    pub fn loss(&self, lambda: f64) -> f64 {
        self.invariance_term() + lambda * self.redundancy_reduction_term
    }

    /// The numbers, with what they mean.
    pub fn measures(&self, lambda: f64) -> Vec<Measure> {
        vec![
            Measure {
                name: "mean_diagonal",
                value: self.mean_diagonal(),
                unit: "",
                formula: "mean of C_ii",
                meaning: "how far a dimension agrees between two views; 1 is invariant",
            },
            Measure {
                name: "rms_off_diagonal",
                value: self.rms_off_diagonal(),
                unit: "",
                formula: "sqrt(mean of C_ij^2), i != j",
                meaning: "how far different dimensions repeat each other; 0 is no redundancy",
            },
            Measure {
                name: "chance_off_diagonal",
                value: self.chance(),
                unit: "",
                formula: "1 / sqrt(n)",
                meaning: "what independent dimensions show over so many images",
            },
            Measure {
                name: "invariance_term",
                value: self.invariance_term(),
                unit: "",
                formula: "sum (C_ii - 1)^2",
                meaning: "first term of the loss; 0 if all dimensions are invariant",
            },
            Measure {
                name: "redundancy_reduction_term",
                value: self.redundancy_reduction_term,
                unit: "",
                formula: "sum C_ij^2, i != j",
                meaning: "second term of the loss, before its weight; 0 if all are uncorrelated",
            },
            Measure {
                name: "loss",
                value: self.loss(lambda),
                unit: "",
                formula: "invariance term + lambda * redundancy-reduction term",
                meaning: "the objective with all images as one batch",
            },
        ]
    }

    /// `C` as a picture: -1 blue, 0 white, 1 red, the first dimension above and at the left.
    ///
    /// # Range
    /// 3 channels, square, at most 1024 pixels on a side. Up to 1024 dimensions, each correlation is
    /// a square of equal pixels; beyond, a pixel is the strongest of `cell` by `cell` correlations,
    /// so that chance alone looks stronger the larger `cell` is.
    pub fn picture(&self) -> Image {
        let side = self.dim.div_ceil(self.cell);
        let factor = (PICTURE_PX / side).max(1);
        let mut image = Image::new(side * factor, side * factor, 3);
        let width = image.width;
        for (place, pixel) in image.pixels.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let (x, y) = (place % width / factor, place / width / factor);
            *pixel = colour(f64::from(self.strongest[y * side + x]));
        }
        image
    }
}

/// Columns of the standardised rows as rows of a block.
fn standardised(
    rows: Rows<'_>,
) -> impl Fn(Range<usize>, Range<usize>) -> DMatrix<f64> + Sync + use<'_> {
    let Columns { mean, variance } = Columns::of(&[rows]);
    let scale: Vec<f64> = variance.iter().map(|v| 1.0 / (v + EPSILON).sqrt()).collect();
    move |columns, images| {
        DMatrix::from_fn(columns.len(), images.len(), |i, j| {
            let column = columns.start + i;
            (rows.value(images.start + j, column) - mean[column]) * scale[column]
        })
    }
}

/// Between white and the colour of the sign, linear in the magnitude.
fn colour(correlation: f64) -> [u8; 3] {
    let end = if correlation < 0.0 { NEGATIVE } else { POSITIVE };
    let share = correlation.abs().min(1.0);
    std::array::from_fn(|i| (ZERO[i] + share * (end[i] - ZERO[i])).round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use barlow_random::Key;
    use barlow_testing::Fixture;

    fn values(fixture: &Fixture, name: &str) -> Vec<f32> {
        fixture.array(name).1.iter().map(|&value| value as f32).collect()
    }

    fn normal(seed: u64, n: usize, dim: usize) -> Vec<f32> {
        let mut stream = Key { seed, ..Key::default() }.stream();
        (0..n * dim).map(|_| stream.normal() as f32).collect()
    }

    #[test]
    fn terms_match_pytorch() {
        for case in [
            "two_images",
            "small",
            "square",
            "tall",
            "odd",
            "square_64",
            "wide",
            "very_tall",
            "wide_odd",
            "constant_column",
            "large_offset",
            "identical_views",
        ] {
            let fixture = Fixture::open(&format!("objective/{case}"));
            let (a, b) = (values(&fixture, "embedding_a"), values(&fixture, "embedding_b"));
            let dim = fixture.array("embedding_a").0[1];
            let found = CrossCorrelation::of([&a, &b], dim).unwrap();
            fixture.assert_close("invariance_term", [found.invariance_term()]);
            fixture.assert_close("redundancy_reduction_term", [found.redundancy_reduction_term]);
            fixture.assert_close("loss", [found.loss(fixture.number("lambda"))]);
        }
    }

    #[test]
    fn every_correlation_matches_numpy() {
        for case in ["tall", "wide"] {
            let fixture = Fixture::open(&format!("features/{case}"));
            let (a, b) = (values(&fixture, "view_a"), values(&fixture, "view_b"));
            let dim = fixture.array("view_a").0[1];
            let found = CrossCorrelation::of([&a, &b], dim).unwrap();
            let (_, expected) = fixture.array("cross_correlation");
            for (place, (found, expected)) in found.strongest.iter().zip(&expected).enumerate() {
                // Cells are f32.
                assert!((f64::from(*found) - expected).abs() < 1e-7, "{place}: {found} {expected}");
            }
            fixture.assert_close("mean_diagonal", [found.mean_diagonal()]);
            fixture.assert_close("rms_off_diagonal", [found.rms_off_diagonal()]);
        }
    }

    #[test]
    fn cells_hold_the_strongest_correlation_with_its_sign() {
        // 1100 dimensions in cells of 2; the sixth repeats the last, turned round.
        let (n, dim) = (40, 1100);
        let mut a = normal(1, n, dim);
        a.chunks_exact_mut(dim).for_each(|row| row[5] = -row[dim - 1]);
        let found = CrossCorrelation::of([&a, &a], dim).unwrap();
        assert_eq!((found.cell, found.strongest.len()), (2, 550 * 550));
        let at = |row: usize, column: usize| f64::from(found.strongest[row * 550 + column]);
        assert!((at(2, 549) + 1.0).abs() < 1e-4 && (at(549, 2) + 1.0).abs() < 1e-4);
        assert!((0..550).all(|cell| (at(cell, cell) - 1.0).abs() < 1e-4));
        let column = |c: usize| (0..n).map(|i| f64::from(a[i * dim + c])).collect::<Vec<f64>>();
        let correlation = |i: usize, j: usize| {
            let (x, y) = (column(i), column(j));
            let mean = |v: &[f64]| v.iter().sum::<f64>() / n as f64;
            let covariance = |v: &[f64], w: &[f64]| {
                let (p, q) = (mean(v), mean(w));
                v.iter().zip(w).map(|(v, w)| (v - p) * (w - q)).sum::<f64>() / n as f64
            };
            covariance(&x, &y) / ((covariance(&x, &x) + 1e-5) * (covariance(&y, &y) + 1e-5)).sqrt()
        };
        let four = [(600, 20), (600, 21), (601, 20), (601, 21)].map(|(i, j)| correlation(i, j));
        let expected = four.into_iter().max_by(|x, y| x.abs().total_cmp(&y.abs())).unwrap();
        assert!((at(300, 10) - expected).abs() < 1e-6);
    }

    #[test]
    fn colours_run_from_blue_over_white_to_red() {
        assert_eq!(colour(0.0), [255; 3]);
        assert_eq!(colour(1.0), [178, 24, 43]);
        assert_eq!(colour(-1.0), [33, 102, 172]);
        assert_eq!((colour(2.0), colour(-2.0)), (colour(1.0), colour(-1.0)));
        assert_eq!(colour(0.5), [217, 140, 149]);
    }

    #[test]
    fn identical_independent_views_make_a_red_diagonal_on_white() {
        // Orthogonal columns: ±1 in the pattern of a Hadamard matrix, without its first column.
        let n: usize = 64;
        let sign =
            |i: usize, j: usize| if (i & j).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 };
        let rows: Vec<f32> = (0..n).flat_map(|i| (1..n).map(move |j| sign(i, j))).collect();
        let found = CrossCorrelation::of([&rows, &rows], n - 1).unwrap();
        assert!(found.rms_off_diagonal() < 1e-12 && (found.mean_diagonal() - 1.0).abs() < 1e-4);
        let image = found.picture();
        assert_eq!((image.width, image.height), (8 * 63, 8 * 63));
        assert_eq!(image.pixel(0, 7), &colour(1.0));
        assert_eq!(image.pixel(8, 0), &colour(0.0));
        let collapsed = CrossCorrelation::of([&[0.5; 640], &[0.5; 640]], 10).unwrap().picture();
        assert!(collapsed.pixels.iter().all(|&value| value == 255));
    }
}
