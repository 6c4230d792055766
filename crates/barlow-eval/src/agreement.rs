//! How alike an encoder sees two views of the same image, vector against vector.
//!
//! Source of alignment: Wang and Isola, 2020 (`α = 2`); the tests' numbers come from NumPy.

use crate::measure::Measure;
use crate::pairs::norm;
use crate::rows::{Rows, RowsError};

/// Relations between two views of the same images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// Images with two views.
    pub images: usize,
    /// Mean of `|x - y|²` for the unit features x, y of two views of an image, 0..4.
    pub alignment: f64,
    /// Mean cosine of two views of an image, -1..1.
    pub mean_cosine: f64,
}

impl Agreement {
    /// Of two views.
    ///
    /// # Shapes
    /// - `views`: two of `[n, dim]`, contiguous, an image in the same row of both
    ///
    /// # Numerics
    /// f64. A row of zeros has no direction: it stays at the centre.
    ///
    /// # Errors
    /// As [`Rows::views`].
    pub fn of(views: [&[f32]; 2], dim: usize) -> Result<Self, RowsError> {
        let views = Rows::views(&views, dim)?;
        let (a, b) = (views[0], views[1]);
        let images = a.images();
        let mut sums = [0.0; 2];
        for image in 0..images {
            let (x, y) = (a.row(image), b.row(image));
            let dot: f64 = x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
            let lengths = [norm(x), norm(y)];
            let product = lengths[0] * lengths[1];
            let cosine = if product > 0.0 { dot / product } else { 0.0 };
            let squares = lengths.iter().filter(|&&length| length > 0.0).count() as f64;
            sums[0] += (squares - 2.0 * cosine).max(0.0);
            sums[1] += cosine;
        }
        let [alignment, mean_cosine] = sums.map(|sum| sum / images as f64);
        Ok(Self { images, alignment, mean_cosine })
    }

    /// The numbers, with what they mean.
    pub fn measures(&self) -> Vec<Measure> {
        vec![
            Measure {
                name: "alignment",
                value: self.alignment,
                unit: "",
                formula: "mean |x - y|^2, x, y unit features of two views of an image",
                meaning: "how far a distortion moves an image on the sphere; 0 is not at all",
            },
            Measure {
                name: "mean_cosine_between_views",
                value: self.mean_cosine,
                unit: "",
                formula: "mean <x, y>, x, y unit features of two views of an image",
                meaning: "what views share; compare with the mean cosine between images",
            },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use barlow_testing::Fixture;

    #[test]
    fn alignment_matches_numpy() {
        for case in ["tall", "wide"] {
            let fixture = Fixture::open(&format!("features/{case}"));
            let view = |name: &str| -> Vec<f32> {
                fixture.array(name).1.iter().map(|&value| value as f32).collect()
            };
            let dim = fixture.array("view_a").0[1];
            let agreement = Agreement::of([&view("view_a"), &view("view_b")], dim).unwrap();
            fixture.assert_close("alignment", [agreement.alignment]);
            fixture.assert_close("mean_cosine_between_views", [agreement.mean_cosine]);
        }
    }

    #[test]
    fn same_direction_aligns_and_opposite_is_four_apart() {
        let a = [1.0, 2.0, -3.0, 0.5];
        let longer = a.map(|value| 3.0 * value);
        let opposite = a.map(|value| -value);
        let of = |b: &[f32]| Agreement::of([&a, b], 2).unwrap();
        assert!(of(&longer).alignment.abs() < 1e-12);
        assert!((of(&opposite).alignment - 4.0).abs() < 1e-12);
        assert!((of(&opposite).mean_cosine + 1.0).abs() < 1e-12);
        assert!(Agreement::of([&a, &[1.0; 2]], 2).is_err());
    }
}
