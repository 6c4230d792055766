//! What the measures of an encoder's features come to, in words.
//!
//! The words and thresholds are those of a run's health verdict, as far as features show them;
//! what a sample of features cannot show (a diverging run, a batch too small) is not judged here.

use std::fmt;

use crate::cross_correlation::CrossCorrelation;
use crate::dimensions::Dimensions;
use crate::spectrum::Spectrum;

/// Share of the features' power that must differ between images; f32 rounding alone gives 1e-13.
const CONSTANT: f64 = 1e-8;

/// An effective rank below this means that features lie on a line, where so many directions were
/// possible.
const LINE: f64 = 2.0;
const MANY: usize = 8;

/// Share of the dimensions that may be dead: a `ReLU` leaves some behind in healthy encoders.
const DEAD: f64 = 0.1;

/// Share of the possible directions below which features count as confined: representations of a
/// healthy ResNet-18 use 6 % of 512 on images as plain as Fashion-MNIST's, embeddings 17 %.
const CONFINED: f64 = 0.02;

/// Root mean square of the correlations between different dimensions above which they repeat each
/// other: half of each dimension's variance explained by any other would be 0.7, healthy runs end
/// below 0.15.
const REDUNDANT: f64 = 0.4;

/// The state of an encoder's features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Nothing is wrong.
    Healthy,
    /// Images differ, but along few of the directions or dimensions that there are.
    PartlyCollapsed,
    /// Every image gets the same features, or all lie on a line.
    Collapsed,
    /// The dimensions repeat each other.
    Redundant,
}

impl Condition {
    /// The word for reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::PartlyCollapsed => "partly collapsed",
            Self::Collapsed => "collapsed",
            Self::Redundant => "redundant",
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A condition and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// What is the matter; the gravest where several are: collapsed, partly collapsed, redundant.
    pub condition: Condition,
    /// The numbers behind it, in words; for healthy features, what was found in order.
    pub reasons: Vec<String>,
}

/// Judges features by their measures.
///
/// - collapsed: less than `1e-8` of the features' power differs between images, or the effective
///   rank is below 2 where 8 or more were possible
/// - partly collapsed: more than 10 % of the dimensions are dead, or the effective rank is below 2 %
///   of `min(images - 1, dim)`
/// - redundant: different dimensions correlate by more than 0.4 (root mean square) and by more than
///   twice what chance gives
///
/// `correlation` is that of two views or, with one array twice, the auto-correlation; without it
/// redundancy is not judged.
pub fn diagnose(
    dimensions: &Dimensions,
    spectrum: &Spectrum,
    correlation: Option<&CrossCorrelation>,
) -> Diagnosis {
    let (dim, rank) = (dimensions.dim, spectrum.effective_rank());
    let diagnosis = |condition, reasons| Diagnosis { condition, reasons };
    if dimensions.variation < CONSTANT || rank < 1e-3 {
        return diagnosis(
            Condition::Collapsed,
            vec![format!(
                "every image gets the same features: {:.1e} of their power differs between images",
                dimensions.variation
            )],
        );
    }
    let possible = (spectrum.images - 1).min(dim);
    if possible >= MANY && rank < LINE {
        return diagnosis(
            Condition::Collapsed,
            vec![format!(
                "the features of different images differ along {rank:.1} of {dim} directions only"
            )],
        );
    }
    let mut reasons = Vec::new();
    let possible = possible as f64;
    let dead = dimensions.dead as f64 / dim as f64;
    if dead > DEAD {
        reasons.push(format!(
            "{} of {dim} dimensions are the same for every image ({:.0} %; healthy: below 10 %)",
            dimensions.dead,
            100.0 * dead
        ));
    }
    if rank < CONFINED * possible {
        reasons.push(format!(
            "features use {rank:.1} of {possible:.0} possible directions ({:.1} %; healthy: above 2 %)",
            100.0 * rank / possible
        ));
    }
    let is_confined = !reasons.is_empty();
    let overlap = correlation.map(|c| (c.rms_off_diagonal(), c.chance()));
    let is_redundant = overlap.is_some_and(|(off, chance)| off > REDUNDANT && off > 2.0 * chance);
    if let Some((off, chance)) = overlap.filter(|_| is_redundant) {
        reasons.push(format!(
            "different dimensions correlate by {off:.2} (root mean square; chance: {chance:.2}, \
             healthy: below 0.4), so they repeat each other"
        ));
    }
    if is_confined {
        return diagnosis(Condition::PartlyCollapsed, reasons);
    }
    if is_redundant {
        return diagnosis(Condition::Redundant, reasons);
    }
    reasons.push(format!("features use {rank:.0} of {possible:.0} possible directions"));
    reasons.push(format!("{} of {dim} dimensions are dead", dimensions.dead));
    if let Some((off, chance)) = overlap {
        reasons.push(format!("dimensions correlate by {off:.2} (chance: {chance:.2})"));
    }
    if let Some(correlation) = correlation {
        let diagonal = correlation.mean_diagonal();
        reasons.push(format!("the views of an image agree by {diagonal:.2} on average"));
    }
    diagnosis(Condition::Healthy, reasons)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Rows;
    use barlow_random::Key;

    /// The diagnosis of 400 images whose dimension `j` is `value(stream, j)`-like.
    fn judge(dim: usize, row: impl Fn(&mut dyn FnMut() -> f64) -> Vec<f64>) -> Diagnosis {
        let mut stream = Key { seed: 11, ..Key::default() }.stream();
        let mut draw = || stream.normal();
        let values: Vec<f32> =
            (0..400).flat_map(|_| row(&mut draw)).map(|value| value as f32).collect();
        let rows = Rows::new(&values, dim).unwrap();
        let correlation = CrossCorrelation::of([&values, &values], dim).unwrap();
        diagnose(&Dimensions::of(rows), &Spectrum::of(rows), Some(&correlation))
    }

    #[test]
    fn each_fault_gets_its_own_word_and_its_numbers() {
        type Row = fn(&mut dyn FnMut() -> f64) -> Vec<f64>;
        let cases: [(&str, Row, &str); 6] = [
            ("healthy", |draw| (0..50).map(|_| draw()).collect(), "50 possible directions"),
            ("collapsed", |_| vec![0.5; 50], "every image gets the same features"),
            (
                "collapsed",
                |draw| {
                    let value = draw();
                    (0..50).map(|j| value * f64::from(j)).collect()
                },
                "along 1.0 of 50 directions",
            ),
            (
                "partly collapsed",
                |draw| (0..50).map(|j| if j < 10 { 3.0 } else { draw() }).collect(),
                "10 of 50 dimensions are the same for every image (20 %",
            ),
            (
                "partly collapsed",
                // Three strong directions, in turn by dimension, of 200.
                |draw| {
                    let strong = [draw(), draw(), draw()];
                    (0..200).map(|j| strong[j % 3] + 1e-7 * draw()).collect()
                },
                "3.0 of 200 possible directions",
            ),
            (
                "redundant",
                |draw| {
                    let shared = draw();
                    (0..50).map(|_| 2.0 * shared + draw()).collect()
                },
                "correlate by 0.8",
            ),
        ];
        for (expected, row, reason) in cases {
            let dim = row(&mut || 0.0).len();
            let found = judge(dim, row);
            assert_eq!(found.condition.as_str(), expected, "{found:?}");
            assert!(found.reasons.iter().any(|r| r.contains(reason)), "{reason}: {found:?}");
        }
    }

    #[test]
    fn two_images_differ_along_a_line_without_being_collapsed() {
        let values =
            [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 8.0, 1.0, 7.0, 2.0, 6.0, 3.0, 5.0, 4.0];
        let rows = Rows::new(&values, 8).unwrap();
        let found = diagnose(&Dimensions::of(rows), &Spectrum::of(rows), None);
        assert_eq!(found.condition, Condition::Healthy, "{found:?}");
    }

    #[test]
    fn the_gravest_fault_names_the_condition_and_all_are_told() {
        let found = judge(50, |draw| {
            let shared = draw();
            (0..50).map(|j| if j < 8 { 1.0 } else { 3.0 * shared + draw() }).collect()
        });
        assert_eq!(found.condition, Condition::PartlyCollapsed);
        assert_eq!(found.reasons.len(), 2, "{found:?}");
    }
}
