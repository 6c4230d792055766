//! What objectives share that predict one view's output from another's.

use barlow_nn::ProjectorConfig;

use crate::constants::Constants;
use crate::objective::{Evaluation, Finding, LARGE, Reading, Verdict};
use crate::registry::{Scope, Unfit};

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

/// Whether one step's outputs point the same way, whatever their lengths.
pub(crate) fn has_collapsed(evaluation: &Evaluation) -> bool {
    evaluation.is_constant() || evaluation.measure("spread").is_some_and(|spread| spread < FLAT)
}

/// Whether outputs point the same way.
pub(crate) fn diagnose(reading: &Reading, remedy: &str) -> Option<Finding> {
    let spread = reading.measure("spread").filter(|&spread| spread < FLAT)?;
    Some(Finding::new(
        Verdict::Collapsed,
        format!(
            "embeddings of different images point almost the same way: their directions deviate by \
             {spread:.3} of what independent dimensions would (healthy: above 0.5); {remedy}"
        ),
    ))
}
