//! What the cross-correlation of two views says of a run.

use crate::objective::{Evaluation, Finding, Reading, Verdict};

/// Root mean square of the off-diagonal correlations above which dimensions repeat each other: half
/// of each dimension's variance explained by any other would be 0.7, healthy runs end below 0.15.
const REDUNDANT: f64 = 0.4;

/// Mean correlation of the two views' dimensions below which they have nothing in common, where no
/// invariance term asks for it and what is in common can only fade: one step over 32 images is within
/// 0.2 of 0. (With such a term it comes back, and the steps of a small batch scatter around 0.)
const FADED: f64 = 0.25;

/// What a verdict needs to know of an objective on cross-correlations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Health {
    /// Weight of `Σᵢ (Cᵢᵢ - 1)²`.
    pub(crate) invariance_weight: f64,
    /// The key of the weight of what decorrelates dimensions, and its value.
    pub(crate) lambda: (&'static str, f64),
    /// Whether chance correlations cost `λ d (d-1) / n`.
    pub(crate) has_floor: bool,
}

impl Health {
    /// The loss of chance correlations, `λ d (d-1) / n`.
    pub(crate) fn floor(&self, n: usize, d: usize) -> f64 {
        self.lambda.1 * d as f64 * (d as f64 - 1.0) / n as f64
    }

    /// A batch too small for the width, views that lost what they have in common, or dimensions that
    /// repeat each other, from the measures `mean_diagonal` and `rms_off_diagonal`.
    pub(crate) fn diagnose(&self, reading: &Reading) -> Option<Finding> {
        self.small_batch(reading)
            .or_else(|| self.lost(reading))
            .or_else(|| redundant(reading, self.lambda))
    }

    /// Whether one step's embeddings are constant, or, where nothing asks for it, those of an image's
    /// two views have nothing in common.
    pub(crate) fn has_collapsed(&self, evaluation: &Evaluation) -> bool {
        let agreement =
            evaluation.measure("mean_diagonal").filter(|_| self.invariance_weight <= 0.0);
        evaluation.is_constant() || agreement.is_some_and(|agreement| agreement < FADED)
    }

    fn lost(&self, reading: &Reading) -> Option<Finding> {
        let agreement = reading.measure("mean_diagonal")?;
        (self.invariance_weight <= 0.0 && agreement < FADED).then(|| {
            Finding::new(
                Verdict::Collapsed,
                format!(
                    "images differ, but the embeddings of an image's two views correlate by only \
                     {agreement:.2} on average (healthy: above 0.3), so they say nothing of the \
                     image; raise `objective.invariance_weight` (now 0), and check that views keep \
                     what they have in common"
                ),
            )
        })
    }

    /// The invariance term is at most about `d`. Where chance correlations alone cost more, the
    /// batch, not the images, decides the loss.
    fn small_batch(&self, reading: &Reading) -> Option<Finding> {
        let (n, d) = (reading.batch_size, reading.dim);
        let (floor, most) = (self.floor(n, d), self.invariance_weight * d as f64);
        // Without an invariance term nothing is weighed against chance.
        (self.has_floor && most > 0.0 && floor > most).then(|| {
            let weight = self.lambda.1 / self.invariance_weight;
            Finding::new(
                Verdict::BatchTooSmall,
                format!(
                    "with {n} images in a batch, chance correlations between {d} dimensions cost \
                     {floor:.0} (λ·d·(d-1)/n), more than the whole invariance term can ({most}); \
                     use batches of at least {} images or a projector of at most {} dimensions",
                    (weight * d as f64).ceil(),
                    ((n as f64 / weight) as usize).max(1),
                ),
            )
        })
    }
}

fn redundant(reading: &Reading, (key, lambda): (&str, f64)) -> Option<Finding> {
    let off_diagonal = reading.measure("rms_off_diagonal")?;
    let chance = 1.0 / (reading.batch_size as f64).sqrt();
    (off_diagonal > REDUNDANT && off_diagonal > 2.0 * chance).then(|| {
        Finding::new(
            Verdict::Redundant,
            format!(
                "different dimensions of the embedding correlate by {off_diagonal:.2} (root mean \
                 square; chance alone gives {chance:.2}), so they repeat each other; raise `{key}` \
                 (now {lambda})"
            ),
        )
    })
}
