//! How feature vectors of different images lie to each other, on the unit sphere.
//!
//! Uniformity says how evenly they cover it: `ln mean exp(-2 |x - y|²)` over pairs of different
//! images, -4 or lower where directions are spread over many dimensions, 0 where all are the same.
//!
//! Source: Wang and Isola, 2020 (`t = 2`); the tests' numbers come from NumPy.

use std::ops::Range;

use nalgebra::DMatrix;

use crate::measure::Measure;
use crate::rows::Rows;
use crate::tiles::{Part, WIDTH, tiles};

/// Images whose pairs are all looked at; of more, so many, spread evenly.
const MOST_IMAGES: usize = 4096;

/// Cosine from which two images count as near duplicates: an angle of 0.8 degrees.
const NEAR: f64 = 0.9999;

/// Relations between different images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pairs {
    /// Images whose pairs were looked at, at most 4096.
    pub images: usize,
    /// `ln mean exp(-2 |x - y|²)` over pairs, -8..0.
    pub uniformity: f64,
    /// Mean cosine of two different images, -1..1.
    pub mean_cosine: f64,
    /// Share of the images that have another with a cosine of at least 0.9999, 0..1.
    pub near_duplicates: f64,
}

/// What one tile adds.
struct Share {
    kernel: f64,
    cosine: f64,
    near: Vec<usize>,
}

impl Pairs {
    /// Of all pairs among the rows; of more than 4096 rows, among 4096 spread evenly. A row of zeros
    /// has no direction: it stays at the centre, with a cosine of 0 to all.
    ///
    /// # Numerics
    /// f64; `images² dim / 2` products.
    pub fn of(rows: Rows<'_>) -> Self {
        if rows.images() > MOST_IMAGES {
            let values = rows.spread(MOST_IMAGES);
            return Self::among(Rows::of_checked(&values, rows.dim()));
        }
        Self::among(rows)
    }

    fn among(rows: Rows<'_>) -> Self {
        let (images, dim) = (rows.images(), rows.dim());
        let norms: Vec<f64> = (0..images).map(|image| norm(rows.row(image))).collect();
        let unit = |image: usize, column: usize| match norms[image] {
            0.0 => 0.0,
            norm => rows.value(image, column) / norm,
        };
        let panel = |images: Range<usize>, columns: Range<usize>| {
            DMatrix::from_fn(images.len(), columns.len(), |image, column| {
                unit(images.start + image, columns.start + column)
            })
        };
        let squared_length = |image: usize| if norms[image] > 0.0 { 1.0 } else { 0.0 };
        let visit = |row: usize, column: usize, tile: &DMatrix<f64>| {
            let mut share = Share { kernel: 0.0, cosine: 0.0, near: Vec::new() };
            for j in 0..tile.ncols() {
                for i in (0..tile.nrows()).take_while(|i| row + i < column + j) {
                    let cosine = tile[(i, j)];
                    let lengths = squared_length(row + i) + squared_length(column + j);
                    share.kernel += (-2.0 * (lengths - 2.0 * cosine).max(0.0)).exp();
                    share.cosine += cosine;
                    if cosine >= NEAR {
                        share.near.extend([row + i, column + j]);
                    }
                }
            }
            share.near.sort_unstable();
            share.near.dedup();
            share
        };
        let shares = tiles([images, dim], WIDTH, Part::Upper, [&panel, &panel], visit);
        let pairs = images as f64 * (images as f64 - 1.0) / 2.0;
        let mut near = vec![false; images];
        shares.iter().flat_map(|share| &share.near).for_each(|&image| near[image] = true);
        Self {
            images,
            uniformity: (shares.iter().map(|share| share.kernel).sum::<f64>() / pairs).ln(),
            mean_cosine: shares.iter().map(|share| share.cosine).sum::<f64>() / pairs,
            near_duplicates: near.iter().filter(|&&near| near).count() as f64 / images as f64,
        }
    }

    /// The numbers, with what they mean.
    pub fn measures(&self) -> Vec<Measure> {
        vec![
            Measure {
                name: "uniformity",
                value: self.uniformity,
                unit: "nats",
                formula: "ln mean exp(-2 |x - y|^2), x, y unit features of different images",
                meaning: "how evenly images cover the sphere; lower is more even, 0 is one point",
            },
            Measure {
                name: "mean_cosine_between_images",
                value: self.mean_cosine,
                unit: "",
                formula: "mean <x, y>, x, y unit features of different images",
                meaning: "what all images have in common; 1 is one direction for all",
            },
            Measure {
                name: "near_duplicates",
                value: self.near_duplicates,
                unit: "",
                formula: "share of images with another at a cosine >= 0.9999",
                meaning: "images that the features do not tell apart",
            },
        ]
    }
}

/// Euclidean length.
pub(crate) fn norm(row: &[f32]) -> f64 {
    row.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use barlow_random::Key;
    use barlow_testing::Fixture;

    fn of(values: &[f32], dim: usize) -> Pairs {
        Pairs::of(Rows::new(values, dim).unwrap())
    }

    #[test]
    fn uniformity_matches_numpy() {
        for case in ["tall", "wide"] {
            let fixture = Fixture::open(&format!("features/{case}"));
            let (shape, values) = fixture.array("view_a");
            let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
            let pairs = of(&values, shape[1]);
            fixture.assert_close("uniformity", [pairs.uniformity]);
            fixture.assert_close("mean_cosine_between_images", [pairs.mean_cosine]);
            assert!(pairs.near_duplicates.abs() < 1e-12);
        }
    }

    #[test]
    fn one_point_has_uniformity_zero_and_nothing_but_duplicates() {
        let pairs = of(&[3.0_f32, 4.0].repeat(300), 2);
        assert!(pairs.uniformity.abs() < 1e-12 && (pairs.mean_cosine - 1.0).abs() < 1e-12);
        assert!((pairs.near_duplicates - 1.0).abs() < 1e-12);
    }

    #[test]
    fn orthogonal_images_have_uniformity_minus_four() {
        // |x - y|² = 2 for every pair.
        let mut rows = vec![0.0_f32; 400 * 400];
        (0..400).for_each(|i| rows[i * 400 + i] = 0.5 + i as f32);
        let pairs = of(&rows, 400);
        assert!((pairs.uniformity + 4.0).abs() < 1e-12 && pairs.mean_cosine.abs() < 1e-12);
    }

    #[test]
    fn copies_are_found_across_tiles_and_rows_of_zeros_have_no_direction() {
        let mut stream = Key { seed: 5, ..Key::default() }.stream();
        let mut rows: Vec<f32> = (0..600 * 16).map(|_| stream.normal() as f32).collect();
        let copy = rows[..16].to_vec();
        rows[599 * 16..].iter_mut().zip(copy).for_each(|(to, from)| *to = 2.0 * from);
        assert!((of(&rows, 16).near_duplicates - 2.0 / 600.0).abs() < 1e-12);
        // |x - 0|² = 1.
        assert!((of(&[0.0, 0.0, 0.0, 2.0], 2).uniformity + 2.0).abs() < 1e-12);
    }
}
