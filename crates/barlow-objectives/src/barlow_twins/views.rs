//! More than two views: the mean of the loss over pairs of which one is a large view.
//!
//! The first two views are the large ones. Small views are each compared with both, and not with
//! each other, as SwAV does (Caron et al., 2020, section 3.3): what two small crops share is often
//! nothing. A mean, not a sum, so that λ and learning rates mean the same for any number of views.

use burn::tensor::Tensor;

use super::{BarlowTwins, CrossCorrelationForm};
use crate::objective::LARGE;
use crate::standardise::host_sum;

/// Means over the pairs of views.
pub(super) struct LossOfViews {
    pub(super) loss: f64,
    pub(super) invariance_term: f64,
    pub(super) redundancy_reduction_term: f64,
    pub(super) mean_diagonal: f64,
    /// The smallest of any view.
    pub(super) variation: f64,
    /// Of the mean loss for each view, `[n, d]`.
    pub(super) gradients: Vec<Tensor<2>>,
}

/// Which views are compared: each large one with every later one.
fn pairs(views: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..LARGE.min(views)).flat_map(move |a| (a + 1..views).map(move |b| (a, b)))
}

impl BarlowTwins {
    /// # Panics
    /// If there are fewer than two views.
    pub(super) fn loss_of_views(self, embeddings: &[Tensor<2>]) -> LossOfViews {
        let [n, d] = embeddings[0].dims();
        let weight = 1.0 / pairs(embeddings.len()).count() as f64;
        assert!(weight.is_finite(), "two views or more, not {}", embeddings.len());
        let mut mean = LossOfViews {
            loss: 0.0,
            invariance_term: 0.0,
            redundancy_reduction_term: 0.0,
            mean_diagonal: 0.0,
            variation: f64::INFINITY,
            gradients: vec![],
        };
        let mut gradients: Vec<Option<Tensor<2>>> = vec![None; embeddings.len()];
        for (a, b) in pairs(embeddings.len()) {
            let pair = [a, b].map(|view| embeddings[view].clone());
            let result = self.loss(pair, CrossCorrelationForm::cheaper(n, d));
            mean.loss += weight * result.loss;
            mean.invariance_term += weight * result.invariance_term;
            mean.redundancy_reduction_term += weight * result.redundancy_reduction_term;
            mean.mean_diagonal += weight * host_sum(&result.diagonal) / d as f64;
            mean.variation = mean.variation.min(result.variation);
            for (view, gradient) in [a, b].into_iter().zip(result.gradients) {
                let gradient = if weight < 1.0 { gradient * weight } else { gradient };
                gradients[view] = Some(match gradients[view].take() {
                    Some(sum) => sum + gradient,
                    None => gradient,
                });
            }
        }
        let own = |gradient: Option<_>| gradient.expect("every view is in a pair");
        mean.gradients = gradients.into_iter().map(own).collect();
        mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_views_meet_both_large_ones_but_not_each_other() {
        assert_eq!(pairs(2).collect::<Vec<_>>(), [(0, 1)]);
        assert_eq!(pairs(4).collect::<Vec<_>>(), [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3)]);
    }
}
