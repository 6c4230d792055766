//! Average precision, for sets whose images may show several classes.
//!
//! A label is above 0 where the class is present, below 0 where it is absent, and 0 where it does not
//! count, as for objects that VOC calls difficult.

use crate::error::EvalError;
use crate::metrics::check_table;

/// What is averaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PrecisionRule {
    /// `Σ (recallᵢ - recallᵢ₋₁) · precisionᵢ` over all thresholds, scikit-learn's
    /// `average_precision_score`.
    #[default]
    EveryThreshold,
    /// The mean over recalls 0, 0.1, …, 1 of the highest precision at that recall or a higher one
    /// (Everingham et al., 2010), which VOC used until 2009.
    ElevenPoints,
}

/// The average precision of scores, 0..1: how far images that show a class come before those that do
/// not. `None` if no image shows it.
///
/// Images of equal score stand at one threshold, so their order plays no part. A score that is no
/// number is the lowest.
///
/// # Shapes
/// - `scores`, `labels`: `[n]`
///
/// # Errors
/// If lengths differ.
pub fn average_precision(
    scores: &[f32],
    labels: &[i8],
    rule: PrecisionRule,
) -> Result<Option<f64>, EvalError> {
    check_table(scores.len(), labels.len(), 1)?;
    let key = |score: f32| if score.is_nan() { f32::NEG_INFINITY } else { score + 0.0 };
    let pairs = scores.iter().zip(labels).filter(|(_, label)| **label != 0);
    let mut pairs: Vec<(f32, bool)> = pairs.map(|(s, label)| (key(*s), *label > 0)).collect();
    pairs.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let positive = pairs.iter().filter(|pair| pair.1).count();
    if positive == 0 {
        return Ok(None);
    }
    // (recall, precision) after each threshold, the highest threshold first.
    let mut curve = Vec::new();
    let (mut seen, mut right) = (0, 0);
    for group in pairs.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        seen += group.len();
        right += group.iter().filter(|pair| pair.1).count();
        curve.push((right as f64 / positive as f64, right as f64 / seen as f64));
    }
    Ok(Some(match rule {
        PrecisionRule::EveryThreshold => {
            let mut last = 0.0;
            let mut area = 0.0;
            for (recall, precision) in curve {
                area += (recall - last) * precision;
                last = recall;
            }
            area
        }
        PrecisionRule::ElevenPoints => {
            let highest = |tenths: u32| {
                // A recall of 3 in 10 is 0.3, not a little less.
                let reached = curve.iter().filter(|c| c.0 >= f64::from(tenths) / 10.0 - 1e-12);
                reached.map(|c| c.1).fold(0.0, f64::max)
            };
            (0..=10).map(highest).sum::<f64>() / 11.0
        }
    }))
}

/// Average precision by class.
#[derive(Debug, Clone, PartialEq)]
pub struct AveragePrecisions {
    /// Of each class, 0..1; `None` where no image shows it.
    pub classes: Vec<Option<f64>>,
    /// Their mean over the classes that an image shows; `None` without any.
    pub mean: Option<f64>,
}

/// [`average_precision`] of each class, and the mean.
///
/// # Shapes
/// - `scores`, `labels`: `[n, classes]`
///
/// # Errors
/// If there are no classes, or lengths differ or are no whole number of rows.
pub fn average_precisions(
    scores: &[f32],
    labels: &[i8],
    classes: usize,
    rule: PrecisionRule,
) -> Result<AveragePrecisions, EvalError> {
    let images = labels.len().checked_div(classes).unwrap_or(0);
    check_table(labels.len(), images, classes)?;
    check_table(scores.len(), images, classes)?;
    let of = |class: usize| {
        let scores: Vec<f32> = scores.iter().skip(class).step_by(classes).copied().collect();
        let labels: Vec<i8> = labels.iter().skip(class).step_by(classes).copied().collect();
        average_precision(&scores, &labels, rule)
    };
    let classes = (0..classes).map(of).collect::<Result<Vec<_>, _>>()?;
    let known: Vec<f64> = classes.iter().copied().flatten().collect();
    let mean = (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64);
    Ok(AveragePrecisions { classes, mean })
}

#[cfg(test)]
mod tests {
    use super::*;
    use barlow_testing::{Fixture, fill};

    fn of(scores: &[f32], labels: &[i8], rule: PrecisionRule) -> f64 {
        average_precision(scores, labels, rule).unwrap().unwrap()
    }

    #[test]
    fn average_precision_is_scikit_learns_with_and_without_equal_scores() {
        let fixture = Fixture::open("evaluation/precision");
        let relevant = fill("evaluation/relevant", 300, 0.0, 1.0);
        let labels: Vec<i8> = relevant.iter().map(|r| if *r < 0.2 { 1 } else { -1 }).collect();
        for levels in [3.0_f32, 10.0, 1_000_000.0] {
            let scores = fill("evaluation/scores", 300, 0.0, 1.0);
            let scores: Vec<f32> = scores.iter().map(|score| (score * levels).floor()).collect();
            let expected = fixture.scalar(&format!("levels_{levels}"));
            let found = of(&scores, &labels, PrecisionRule::EveryThreshold);
            assert!((found - expected).abs() < 1e-12, "{levels}: {found} {expected}");
        }
    }

    #[test]
    fn eleven_points_take_the_highest_precision_to_the_right() {
        // Ranked + - + -: precision 1 up to recall 1/2, then 2/3.
        let (scores, labels) = ([4.0, 3.0, 2.0, 1.0], [1, -1, 1, -1]);
        let expected = (6.0 + 5.0 * 2.0 / 3.0) / 11.0;
        let found = of(&scores, &labels, PrecisionRule::ElevenPoints);
        assert!((found - expected).abs() < 1e-12);
        let every = of(&scores, &labels, PrecisionRule::EveryThreshold);
        assert!((every - (0.5 + 0.5 * 2.0 / 3.0)).abs() < 1e-12);
        // Ten positives in front, one after the other: every recall has precision 1.
        let labels: Vec<i8> = (0..20).map(|i| if i < 10 { 1 } else { -1 }).collect();
        let scores: Vec<f32> = (0..20_i8).map(|i| -f32::from(i)).collect();
        assert!((of(&scores, &labels, PrecisionRule::ElevenPoints) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn what_is_ignored_does_not_count_and_classes_without_images_have_no_mean() {
        let scores = [5.0, 0.1, 4.0, 0.2, 3.0, 0.3, 2.0, 0.4];
        let labels = [0, -1, 1, -1, -1, 0, 1, -1];
        let found = average_precisions(&scores, &labels, 2, PrecisionRule::default()).unwrap();
        let expected = 0.5 + 0.5 * 2.0 / 3.0;
        assert!((found.classes[0].unwrap() - expected).abs() < 1e-12 && found.classes[1].is_none());
        assert!((found.mean.unwrap() - expected).abs() < 1e-12);
        let none = average_precisions(&[], &[], 2, PrecisionRule::default()).unwrap();
        assert_eq!((none.classes, none.mean), (vec![None, None], None));
    }

    #[test]
    fn no_number_is_the_lowest_score_and_other_lengths_are_refused() {
        let rule = PrecisionRule::EveryThreshold;
        assert!((of(&[f32::NAN, -9.0], &[-1, 1], rule) - 1.0).abs() < 1e-12);
        assert!(average_precision(&[1.0], &[1, 1], rule).is_err());
        assert!(average_precisions(&[1.0; 4], &[1; 5], 2, rule).is_err());
        assert!(average_precisions(&[1.0; 4], &[1; 4], 0, rule).is_err());
    }
}
