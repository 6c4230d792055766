//! What each dimension of the features does by itself.

use crate::columns::Columns;
use crate::measure::Measure;
use crate::pairs::norm;
use crate::rows::Rows;

/// A dimension whose deviation is at most this share of the typical one says nothing: f32 keeps
/// seven digits.
const DEAD: f64 = 1e-5;

/// Deviations of single dimensions, and the length of feature vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Dimensions {
    /// Images that it was taken of.
    pub images: usize,
    /// Dimensions of the features.
    pub dim: usize,
    /// Standard deviations (biased) of the dimensions: smallest, nine deciles, largest;
    /// interpolated.
    pub deviation_deciles: [f64; 11],
    /// Dimensions with a deviation of at most `1e-5` of the typical one: the median or, where the
    /// median is itself so far below the largest, the largest. All of them where all rows are the
    /// same up to rounding.
    pub dead: usize,
    /// Mean Euclidean length of a feature vector.
    pub mean_norm: f64,
    /// Share of the features' power that differs between images, `Σ variance / Σ mean of squares`,
    /// 0..1.
    pub variation: f64,
}

impl Dimensions {
    /// # Numerics
    /// f64, mean first, then squared deviations.
    pub fn of(rows: Rows<'_>) -> Self {
        let columns = Columns::of(&[rows]);
        let mut deviations: Vec<f64> = columns.variance.iter().map(|v| v.sqrt()).collect();
        deviations.sort_by(f64::total_cmp);
        let decile = |tenth: usize| {
            let place = tenth as f64 / 10.0 * (deviations.len() - 1) as f64;
            let (low, high) = (deviations[place as usize], deviations[place.ceil() as usize]);
            low + (high - low) * place.fract()
        };
        let deviation_deciles: [f64; 11] = std::array::from_fn(decile);
        let (median, largest) = (deviation_deciles[5], deviation_deciles[10]);
        let typical = if median > DEAD * largest { median } else { largest };
        let dead = if columns.are_constant() {
            rows.dim()
        } else {
            deviations.iter().filter(|&&deviation| deviation <= DEAD * typical).count()
        };
        let norms: f64 = (0..rows.images()).map(|image| norm(rows.row(image))).sum();
        Self {
            images: rows.images(),
            dim: rows.dim(),
            deviation_deciles,
            dead,
            mean_norm: norms / rows.images() as f64,
            variation: columns.variation(),
        }
    }

    /// The numbers, with what they mean.
    pub fn measures(&self) -> Vec<Measure> {
        let deviation = |name, value, meaning| Measure {
            name,
            value,
            unit: "",
            formula: "sqrt(mean of squared deviations) of a dimension",
            meaning,
        };
        vec![
            deviation(
                "smallest_deviation",
                self.deviation_deciles[0],
                "how far the stillest dimension moves between images",
            ),
            deviation(
                "median_deviation",
                self.deviation_deciles[5],
                "how far a typical dimension moves between images",
            ),
            deviation(
                "largest_deviation",
                self.deviation_deciles[10],
                "how far the liveliest dimension moves between images",
            ),
            Measure {
                name: "dead_dimensions",
                value: self.dead as f64,
                unit: "dimensions",
                formula: "number with deviation <= 1e-5 of the median deviation",
                meaning: "dimensions that are the same for every image",
            },
            Measure {
                name: "mean_norm",
                value: self.mean_norm,
                unit: "",
                formula: "mean |x|",
                meaning: "length of a feature vector",
            },
            Measure {
                name: "variation",
                value: self.variation,
                unit: "",
                formula: "sum variance / sum mean of squares",
                meaning: "share of the features' power that differs between images; 0 if collapsed",
            },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use barlow_testing::Fixture;

    fn of(values: &[f32], dim: usize) -> Dimensions {
        Dimensions::of(Rows::new(values, dim).unwrap())
    }

    #[test]
    fn deviations_match_numpy() {
        for case in ["tall", "wide"] {
            let fixture = Fixture::open(&format!("features/{case}"));
            let (shape, values) = fixture.array("view_a");
            let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
            let dimensions = of(&values, shape[1]);
            fixture.assert_close("deviation_deciles", dimensions.deviation_deciles);
            fixture.assert_close("mean_norm", [dimensions.mean_norm]);
            fixture.assert_close("variation", [dimensions.variation]);
        }
    }

    #[test]
    fn dead_dimensions_are_counted_against_the_typical_one() {
        // Deviations of columns ±s are s.
        let dead = |scales: &[f32]| {
            let negative = scales.iter().map(|scale| 1.0 - scale);
            let rows: Vec<f32> = scales.iter().map(|scale| 1.0 + scale).chain(negative).collect();
            of(&rows, scales.len()).dead
        };
        assert_eq!(dead(&[1.0, 1.0, 1.0]), 0);
        assert_eq!(dead(&[1.0, 0.0, 1.0]), 1);
        assert_eq!(dead(&[1.0, 1e-3, 1.0]), 0);
        // More than half dead: the largest is the measure.
        assert_eq!(dead(&[0.0, 0.0, 1.0]), 2);
        // One dimension above all others leaves them alive, unless they drown in its rounding.
        assert_eq!(dead(&[0.5, 0.5, 0.5, 1e4]), 0);
        assert_eq!(dead(&[0.5, 0.5, 0.5, 1e6]), 3);
        assert_eq!(dead(&[0.0, 0.0, 0.0]), 3);
    }
}
