//! How right scores and predictions are, for images of one class each. Images without a label do not
//! count.

use crate::error::EvalError;

/// Share of the labelled images whose class is among the `k` with the highest scores, 0..1; 0 without
/// labelled images. Of equal scores the class with the smaller number goes first; a class without a
/// score is among none.
///
/// # Shapes
/// - `scores`: `[n, classes]`
/// - `labels`: `[n]`
///
/// # Errors
/// If there is not one score for each image and class.
pub fn top_k_accuracy(
    scores: &[f32],
    classes: usize,
    labels: &[Option<usize>],
    k: usize,
) -> Result<f64, EvalError> {
    check_table(scores.len(), labels.len(), classes)?;
    let (mut right, mut counted) = (0_usize, 0_usize);
    for (image, label) in labels.iter().enumerate() {
        let Some(label) = *label else { continue };
        counted += 1;
        let scores = &scores[image * classes..(image + 1) * classes];
        if let Some(own) = scores.get(label) {
            let is_before = |(class, score): &(usize, &f32)| {
                *score > own || score.total_cmp(own).is_eq() && *class < label
            };
            right += usize::from(scores.iter().enumerate().filter(is_before).count() < k);
        }
    }
    Ok(right as f64 / counted.max(1) as f64)
}

/// The class with the highest score of each image, the smaller number of equal ones.
///
/// # Shapes
/// - `scores`: `[n, classes]`
///
/// # Errors
/// If there are no classes, or the scores are no whole number of rows.
pub fn predictions(scores: &[f32], classes: usize) -> Result<Vec<usize>, EvalError> {
    let images = scores.len().checked_div(classes).unwrap_or(0);
    check_table(scores.len(), images, classes)?;
    let best = |row: &[f32]| {
        (0..classes).fold(0, |best, class| if row[class] > row[best] { class } else { best })
    };
    Ok(if classes == 0 { vec![] } else { scores.chunks_exact(classes).map(best).collect() })
}

/// How often images of one class were taken for another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    /// Number of classes.
    pub classes: usize,
    /// `[classes, classes]`: row the true class, column the predicted one.
    pub counts: Vec<u64>,
}

impl Confusion {
    /// Of the labelled images; labels and predictions beyond `classes` do not count.
    ///
    /// # Errors
    /// If there is not one prediction for each image.
    pub fn of(
        predictions: &[usize],
        labels: &[Option<usize>],
        classes: usize,
    ) -> Result<Self, EvalError> {
        check_table(predictions.len(), labels.len(), 1)?;
        let mut counts = vec![0; classes * classes];
        for (&prediction, label) in predictions.iter().zip(labels) {
            if let Some(label) = *label
                && label < classes
                && prediction < classes
            {
                counts[label * classes + prediction] += 1;
            }
        }
        Ok(Self { classes, counts })
    }

    /// The share of each class's images that were predicted right, 0..1; `None` of a class without
    /// images.
    pub fn class_accuracies(&self) -> Vec<Option<f64>> {
        let of = |(class, row): (usize, &[u64])| {
            let images: u64 = row.iter().sum();
            (images > 0).then(|| row[class] as f64 / images as f64)
        };
        self.counts.chunks_exact(self.classes.max(1)).enumerate().map(of).collect()
    }

    /// The mean of [`class_accuracies`](Self::class_accuracies) over classes with images; `None`
    /// without any.
    pub fn mean_class_accuracy(&self) -> Option<f64> {
        let known: Vec<f64> = self.class_accuracies().into_iter().flatten().collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    }
}

/// Whether there is one value for each row and column.
pub(crate) fn check_table(found: usize, rows: usize, columns: usize) -> Result<(), EvalError> {
    if rows.checked_mul(columns) == Some(found) {
        Ok(())
    } else {
        Err(EvalError::Table { found, rows, columns })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: [Option<usize>; 5] = [Some(0), Some(2), None, Some(1), Some(7)];
    const SCORES: [f32; 15] = [
        3.0, 2.0, 1.0, // right
        2.0, 3.0, 2.5, // second
        9.0, 0.0, 0.0, // not counted
        1.0, 1.0, 0.0, // equal: class 0 goes first
        5.0, 4.0, 3.0, // no score for class 7
    ];

    #[test]
    fn accuracy_counts_labelled_images_and_the_smaller_number_wins() {
        for (k, expected) in [(0, 0.0), (1, 0.25), (2, 0.75), (3, 0.75), (9, 0.75)] {
            let found = top_k_accuracy(&SCORES, 3, &LABELS, k).unwrap();
            assert!((found - expected).abs() < 1e-12, "{k}: {found}");
        }
        assert_eq!(predictions(&SCORES, 3).unwrap(), [0, 1, 0, 0, 0]);
        assert_eq!(top_k_accuracy(&[], 3, &[], 1), Ok(0.0));
    }

    #[test]
    fn confusion_has_true_classes_in_rows() {
        let labels = [Some(0), Some(0), Some(0), Some(1), None, Some(5)];
        let confusion = Confusion::of(&[0, 1, 0, 0, 1, 0], &labels, 3).unwrap();
        assert_eq!(confusion.counts, [2, 1, 0, 1, 0, 0, 0, 0, 0]);
        let accuracies = confusion.class_accuracies();
        assert_eq!(accuracies, [Some(2.0 / 3.0), Some(0.0), None]);
        assert!((confusion.mean_class_accuracy().unwrap() - 1.0 / 3.0).abs() < 1e-12);
        let nothing = Confusion::of(&[], &[], 0).unwrap();
        assert_eq!((nothing.class_accuracies(), nothing.mean_class_accuracy()), (vec![], None));
    }

    #[test]
    fn tables_of_another_size_are_refused() {
        let table = EvalError::Table { found: 5, rows: 2, columns: 3 };
        assert_eq!(top_k_accuracy(&[0.0; 5], 3, &[None; 2], 1), Err(table));
        assert!(predictions(&[0.0; 5], 3).is_err() && predictions(&[0.0; 5], 0).is_err());
        assert!(Confusion::of(&[1], &[], 2).is_err());
    }
}
