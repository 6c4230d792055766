//! What objectives share that predict one view's output from another's.

use barlow_nn::ProjectorConfig;
use burn::tensor::Tensor;

use crate::constants::Constants;
use crate::objective::{Evaluation, Finding, LARGE, Reading, Verdict};
use crate::registry::{Scope, Unfit};
use crate::variation::{centred_directions, directions, spread, variation};

/// Which view's prediction is compared with which view: with each large one but itself. Small views
/// are not predicted, as what two of them share is often nothing (Caron et al., 2020, section 3.3).
pub(crate) fn pairs(views: usize) -> impl Iterator<Item = (usize, usize)> {
    let others = move |large| (0..views).filter(move |&view| view != large);
    (0..LARGE.min(views)).flat_map(move |large| others(large).map(move |view| (view, large)))
}

/// The predictor that the constant `predictor` describes.
///
/// # Errors
/// If its outputs are not as long as what they are to predict.
pub(crate) fn predictor(constants: &Constants, scope: &Scope) -> Result<ProjectorConfig, Unfit> {
    let dim = scope.dim;
    constants
        .widths("predictor")
        .filter(|widths| widths.embedding_dim() == dim)
        .map(ProjectorConfig::new)
        .ok_or_else(|| Unfit::Key {
            key: "objective.predictor",
            allowed: format!("widths that end with the {dim} of `projector.widths`, as `64-{dim}`"),
        })
}

/// Below this `spread` directions hardly differ between images.
const FLAT: f64 = 0.1;

/// Below so many `directions` four fifths of what differs lie on one line. Young healthy runs of BYOL
/// come down to 2.
const LINE: f64 = 1.5;
/// So many images and dimensions at the least make more `directions` than that unless collapsed.
const MANY: usize = 8;

/// What is to be seen of embeddings of each view, `[n, d]`.
pub(crate) fn measures(embeddings: &[Tensor<2>]) -> Vec<(&'static str, f64)> {
    let centred: Vec<Tensor<2>> = embeddings.iter().map(centred_directions).collect();
    let mut measures = vec![("spread", spread(&centred)), ("variation", variation(embeddings))];
    if embeddings.iter().all(|rows| rows.dims().into_iter().all(|length| length >= MANY)) {
        measures.push(("directions", directions(&centred)));
    }
    measures
}

/// Whether one step's outputs point the same way, whatever their lengths, or lie on a line.
pub(crate) fn has_collapsed(evaluation: &Evaluation) -> bool {
    let is_below = |name, least| evaluation.measure(name).is_some_and(|value| value < least);
    evaluation.is_constant() || is_below("spread", FLAT) || is_below("directions", LINE)
}

/// Whether outputs point the same way or lie on a line.
pub(crate) fn diagnose(reading: &Reading, remedy: &str) -> Option<Finding> {
    let below = |name, least| reading.measure(name).filter(|&value| value < least);
    let what = if let Some(spread) = below("spread", FLAT) {
        format!(
            "point almost the same way: their directions deviate by {spread:.3} of what \
             independent dimensions would (healthy: above 0.5)"
        )
    } else {
        let directions = below("directions", LINE)?;
        format!("differ along {directions:.1} of {} directions only in a batch", reading.dim)
    };
    Some(Finding::new(
        Verdict::Collapsed,
        format!("embeddings of different images {what}; {remedy}"),
    ))
}
