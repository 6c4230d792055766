//! One right answer among wrong ones, for objectives with negatives.
//!
//! Similarities come divided by the temperature; rows are anchors. Wrong answers of `-∞` do not count.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Bool, Tensor};

use crate::objective::{Finding, Reading, Verdict};

/// `log Σⱼ exp(xᵢⱼ)` of each row, `[n, k]` to `[n, 1]`; the row's largest value is taken out first.
pub(crate) fn log_sum_exp(rows: Tensor<2>) -> Tensor<2> {
    let largest = rows.clone().detach().max_dim(1);
    (rows - largest.clone()).exp().sum_dim(1).log() + largest
}

/// `-log(exp(p) / (exp(p) + Σⱼ exp(nⱼ)))` of each row.
///
/// # Shapes
/// - `positive` p, `negatives` `log Σⱼ exp(nⱼ)`, output: `[n, 1]`
pub(crate) fn cross_entropy(positive: Tensor<2>, negatives: Tensor<2>) -> Tensor<2> {
    // The softmax of the two keeps the small values that a difference of logarithms rounds away.
    -log_softmax(Tensor::cat(vec![positive, negatives], 1), 1).narrow(1, 0, 1)
}

/// Share of the rows whose right answer is above every wrong one, 0 to 1: the measure `accuracy`.
///
/// # Shapes
/// - `positive`: `[n, 1]`; `negatives`: `[n, k]`; either may be part of a graph
pub(crate) fn accuracy(positive: Tensor<2>, negatives: Tensor<2>) -> f64 {
    let largest = negatives.detach().max_dim(1);
    let is_right: Tensor<2, Bool> = positive.detach().greater(largest);
    let is_right = is_right.into_data();
    let rows = is_right.num_elements();
    is_right.iter::<bool>().filter(|&right| right).count() as f64 / rows as f64
}

/// Among at least so many answers, chance is far from what any network finds.
const MANY: usize = 16;

/// So many times chance may be luck in an epoch; untrained networks find three times as many.
const LUCK: f64 = 1.25;

/// Whether the network is lost: it finds the right one of so many answers no more often than chance.
pub(crate) fn diagnose(reading: &Reading, answers: usize) -> Option<Finding> {
    let accuracy = reading.measure("accuracy")?;
    let chance = 1.0 / answers.max(1) as f64;
    (answers >= MANY && accuracy < LUCK * chance).then(|| {
        Finding::new(
            Verdict::Collapsed,
            format!(
                "the other view of an image is found among {answers} in {:.2} % of cases, which \
                 chance alone does in {:.2} %: embeddings hardly tell images apart; lower \
                 `optimizer.base_learning_rate`, or raise `objective.temperature`",
                100.0 * accuracy,
                100.0 * chance
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    fn tensor<const N: usize, const K: usize>(rows: [[f32; K]; N]) -> Tensor<2> {
        Tensor::from_data(TensorData::from(rows), &Device::flex())
    }

    fn values(tensor: &Tensor<2>) -> Vec<f64> {
        tensor.clone().into_data().iter::<f64>().collect()
    }

    #[test]
    fn sums_of_exponentials_neither_overflow_nor_vanish() {
        let infinite = f32::NEG_INFINITY;
        let rows = tensor([[200.0, 200.0], [-300.0, infinite], [0.0, 1.0]]);
        let expected = [200.0 + 2_f64.ln(), -300.0, (1.0 + 1_f64.exp()).ln()];
        for (found, expected) in values(&log_sum_exp(rows)).into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-7 * expected.abs(), "{found}, {expected}");
        }
    }

    #[test]
    fn a_cross_entropy_keeps_what_is_smaller_than_the_rounding_of_its_parts() {
        let found = values(&cross_entropy(tensor([[10.0], [0.0]]), tensor([[-4.0], [0.0]])));
        // log(1 + e^-14) and log 2; f32 numbers near 10 are 1e-6 apart.
        for (found, expected) in found.into_iter().zip([8.315_283_6e-7, 2_f64.ln()]) {
            assert!((found - expected).abs() < 2e-2 * expected, "{found}, {expected}");
        }
    }

    #[test]
    fn ties_are_not_right() {
        let found = accuracy(
            tensor([[1.0], [0.5], [0.3], [2.0]]),
            tensor([[0.0, 0.9], [0.5, 0.0], [0.4, 0.0], [1.0, 1.0]]),
        );
        assert!((found - 0.5).abs() < 1e-12, "{found}");
    }

    #[test]
    fn a_network_at_chance_is_collapsed_and_one_above_is_not() {
        let reading = |accuracy: f64| Reading {
            batch_size: 256,
            dim: 128,
            measures: [("accuracy".to_owned(), accuracy)].into(),
        };
        let finding = diagnose(&reading(0.0045), 256).expect("at chance");
        assert_eq!(finding.verdict, Verdict::Collapsed);
        for words in ["among 256", "0.45 %", "0.39 %", "optimizer.base_learning_rate"] {
            assert!(finding.reason.contains(words), "{words}: {}", finding.reason);
        }
        for (answers, accuracy) in [(256, 0.01), (4097, 0.001), (2, 0.5), (8, 0.1)] {
            assert_eq!(diagnose(&reading(accuracy), answers), None, "{answers} {accuracy}");
        }
    }
}
