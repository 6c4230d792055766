//! Barlow Twins as the paper's ablations vary it.
//!
//! With `A` and `B` the normalised sides and `C = AᵀB / n`:
//!
//! ```text
//! squares:       L = w Σᵢ (Cᵢᵢ - 1)²  +  λ Σᵢ Σ_{j≠i} Cᵢⱼ²
//!   auto:            the last sum is the mean of those of AᵀA / n and BᵀB / n
//! cross-entropy: L = -w log Σᵢ exp(Cᵢᵢ / T)  +  λ log Σᵢ Σ_{j≠i} exp(max(Cᵢⱼ, 0) / T)
//! ```
//!
//! One side is the first view's embedding, or its prediction, the other the second view's embedding,
//! behind which a gradient may be stopped. With an averaged target `L` is the mean over both views of
//! that view against the target's output for the other, which gets no gradient.
//!
//! Source: paper, table 5 (terms, normalisation, cross-entropy) and table 6 (predictor and
//! stop-gradient). Where we differ: the paper states no scale for normalised features, ours lets the
//! diagonal reach 1; an averaged target and decorrelating each view with itself are not in the paper.
//! Numbers in tests: `reference/objectives_barlow_twins.py`.

#[cfg(test)]
mod tests;

use barlow_nn::collective::CollectiveError;
use barlow_nn::{ProjectorConfig, Widths};
use burn::tensor::Tensor;

use super::normalization::Normalization;
use super::{BarlowTwins, ENTRY};
use crate::constants::Constants;
use crate::cross_correlation::{CrossCorrelation, Health, Weights, cross_entropies, squares};
use crate::gathered::Gathered;
use crate::objective::{
    Evaluation, Finding, Needs, Objective, Predictor, Reading, StepContext, Target, ViewGradients,
    ViewOutputs, Views,
};
use crate::registry::{Scope, Unfit};
use crate::variation::variation;

/// T, which the paper does not state; `SwAV`'s.
pub(super) const TEMPERATURE: f64 = 0.1;

/// BYOL's for 100 and 300 epochs.
pub(super) const TARGET_MOMENTUM: f64 = 0.99;

/// What correlations cost.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Loss {
    Squares,
    /// Squares, each view decorrelated with itself.
    AutoSquares,
    CrossEntropies {
        temperature: f64,
    },
}

/// Barlow Twins with any of its constants.
#[derive(Debug, Clone)]
pub(super) struct Variant {
    weights: Weights,
    normalization: Normalization,
    loss: Loss,
    stop_gradient: bool,
    predictor: Option<Widths>,
    /// The momentum of the averaged target, if there is one.
    target: Option<f64>,
}

/// The loss of two sides.
struct Compared {
    invariance_term: f64,
    redundancy_reduction_term: f64,
    mean_diagonal: f64,
    rms_off_diagonal: f64,
    /// Of the loss for both sides, `[n, d]`.
    gradients: [Tensor<2>; 2],
}

impl Variant {
    /// # Errors
    /// If constants contradict each other, or would do nothing.
    pub(super) fn new(constants: &Constants, scope: &Scope) -> Result<Self, Unfit> {
        let refuse = |key, allowed: &str| Err(Unfit::Key { key, allowed: allowed.to_owned() });
        let is_auto = constants.text("redundancy") == "auto";
        let temperature = constants.number("temperature");
        let loss = match (constants.text("loss"), is_auto) {
            ("squares", _) if temperature != TEMPERATURE => {
                return refuse(
                    "objective.temperature",
                    "its default, 0.1, unless `objective.loss` is \"cross-entropy\"",
                );
            }
            ("squares", false) => Loss::Squares,
            ("squares", true) => Loss::AutoSquares,
            (_, true) => {
                let allowed = "\"cross\", as `objective.loss` is \"cross-entropy\"";
                return refuse("objective.redundancy", allowed);
            }
            _ if scope.dim < 2 => {
                let allowed = "\"squares\" for an embedding of one dimension";
                return refuse("objective.loss", allowed);
            }
            _ => Loss::CrossEntropies { temperature },
        };
        let predictor = constants.widths("predictor");
        if let Some(widths) = &predictor
            && widths.embedding_dim() != scope.dim
        {
            let allowed = format!("widths that end with the embedding's, {}", scope.dim);
            return refuse("objective.predictor", &allowed);
        }
        let momentum = constants.number("target_momentum");
        let is_averaged = constants.boolean("averaged_target");
        if !is_averaged && momentum != TARGET_MOMENTUM {
            let allowed = "its default, 0.99, unless `objective.averaged_target` is true";
            return refuse("objective.target_momentum", allowed);
        }
        let stop_gradient = constants.boolean("stop_gradient");
        if is_averaged && stop_gradient {
            let allowed = "false with `objective.averaged_target`, behind which no gradient goes";
            return refuse("objective.stop_gradient", allowed);
        }
        Ok(Self {
            weights: Weights {
                invariance: constants.number("invariance_weight"),
                lambda: constants.number("lambda"),
            },
            normalization: Normalization::of(constants.text("normalization")),
            loss,
            stop_gradient,
            predictor,
            target: is_averaged.then_some(momentum),
        })
    }

    /// The plain form, if it is no more than that.
    #[expect(clippy::float_cmp, reason = "the weight of the plain form is 1 exactly")]
    pub(super) fn plain(&self) -> Option<BarlowTwins> {
        let is_plain = self.weights.invariance == 1.0
            && self.normalization == Normalization::Batch
            && self.loss == Loss::Squares
            && !self.stop_gradient
            && self.predictor.is_none()
            && self.target.is_none();
        is_plain.then(|| BarlowTwins::new(self.weights.lambda))
    }

    fn health(&self) -> Health {
        let is_scaled = self.normalization != Normalization::None;
        Health {
            invariance_weight: self.weights.invariance,
            lambda: ("objective.lambda", self.weights.lambda),
            has_floor: is_scaled && !matches!(self.loss, Loss::CrossEntropies { .. }),
        }
    }

    fn compare(&self, sides: [Tensor<2>; 2]) -> Compared {
        let [a, b] = sides.clone().map(|side| self.normalization.apply(side));
        let cross = CrossCorrelation::new(a.values.clone(), b.values.clone());
        let Weights { invariance, lambda } = self.weights;
        let (loss, own) = match self.loss {
            Loss::Squares => (squares(&cross.matrix, 0.0, self.weights), None),
            Loss::CrossEntropies { temperature } => {
                (cross_entropies(&cross.matrix, temperature, self.weights), None)
            }
            Loss::AutoSquares => {
                let mut loss = squares(&cross.matrix, 0.0, Weights { invariance, lambda: 0.0 });
                loss.redundancy_reduction_term = 0.0;
                let own = [&a, &b].map(|side| {
                    let auto = CrossCorrelation::new(side.values.clone(), side.values.clone());
                    let weights = Weights { invariance: 0.0, lambda: lambda / 2.0 };
                    let part = squares(&auto.matrix, 0.0, weights);
                    loss.redundancy_reduction_term += part.redundancy_reduction_term / 2.0;
                    // Both ways back are this one, as the matrix and its gradient are symmetric.
                    let n = side.values.dims()[0] as f64;
                    side.values.clone().matmul(part.gradient) * (2.0 / n)
                });
                (loss, Some(own))
            }
        };
        let mut gradients = cross.backward(loss.gradient);
        if let Some(own) = own {
            let both = gradients.into_iter().zip(own).map(|(cross, own)| cross + own);
            gradients = both.collect::<Vec<_>>().try_into().expect("two sides");
        }
        let [for_a, for_b] = gradients;
        let correlation = if self.normalization == Normalization::Batch {
            cross
        } else {
            let [a, b] = sides.map(|side| Normalization::Batch.apply(side).values);
            CrossCorrelation::new(a, b)
        };
        Compared {
            invariance_term: loss.invariance_term,
            redundancy_reduction_term: loss.redundancy_reduction_term,
            mean_diagonal: correlation.mean_diagonal(),
            rms_off_diagonal: correlation.rms_off_diagonal(),
            gradients: [a.backward(for_a), b.backward(for_b)],
        }
    }

    /// What is trained of a view: its prediction, if there is one.
    fn trained(&self, view: &ViewOutputs) -> Tensor<2> {
        if self.predictor.is_some() { view.prediction() } else { view.online() }
    }

    /// A gradient for [`Self::trained`].
    fn gradient(&self, gradient: Tensor<2>) -> ViewGradients {
        if self.predictor.is_some() {
            ViewGradients::of_prediction(gradient)
        } else {
            ViewGradients::of_online(gradient)
        }
    }
}

impl Objective for Variant {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn needs(&self) -> Needs {
        let has_target = self.target.is_some();
        Needs {
            predictor: self.predictor.clone().map(|widths| Predictor {
                config: ProjectorConfig::new(widths),
                views: if has_target { Views::All } else { Views::Only(0) },
                has_constant_rate: false,
            }),
            target: has_target.then(Target::default),
            most_views: Some(2),
            ..Needs::default()
        }
    }

    fn evaluate(
        &self,
        views: &[ViewOutputs],
        context: &StepContext,
    ) -> Result<Evaluation, CollectiveError> {
        let [first, second] = [&views[0], &views[1]];
        let sides = if self.target.is_some() {
            vec![self.trained(first), second.target(), self.trained(second), first.target()]
        } else {
            vec![self.trained(first), second.online()]
        };
        let gathered = Gathered::new(sides, context.collective)?;
        let pairs = gathered.rows.chunks_exact(2);
        let share = 1.0 / pairs.len() as f64;
        let pairs: Vec<Compared> =
            pairs.map(|pair| self.compare([pair[0].clone(), pair[1].clone()])).collect();
        let mean = |of: fn(&Compared) -> f64| share * pairs.iter().map(of).sum::<f64>();
        let invariance = mean(|pair| pair.invariance_term);
        let redundancy_reduction = mean(|pair| pair.redundancy_reduction_term);
        let measures = vec![
            ("mean_diagonal", mean(|pair| pair.mean_diagonal)),
            ("rms_off_diagonal", mean(|pair| pair.rms_off_diagonal)),
            ("variation", variation(&gathered.rows)),
        ];
        let [n, d] = gathered.rows[0].dims();
        let own = |gradient: &Tensor<2>| gathered.own(gradient.clone());
        let gradients = if let [one, other] = &pairs[..] {
            [one, other].map(|pair| self.gradient(own(&pair.gradients[0]) * share)).into()
        } else {
            let [for_first, for_second] = &pairs[0].gradients;
            let for_second = (!self.stop_gradient).then(|| own(for_second));
            let second = ViewGradients { online: for_second, prediction: None };
            vec![self.gradient(own(for_first)), second]
        };
        let Weights { invariance: weight, lambda } = self.weights;
        let health = self.health();
        Ok(Evaluation {
            loss: weight * invariance + lambda * redundancy_reduction,
            terms: vec![("invariance", invariance), ("redundancy_reduction", redundancy_reduction)],
            measures,
            floor: health.has_floor.then(|| health.floor(n, d)),
            gradients,
            ..Evaluation::default()
        })
    }

    fn target_momentum(&self, _context: &StepContext) -> f64 {
        self.target.unwrap_or(1.0)
    }

    fn has_collapsed(&self, evaluation: &Evaluation) -> bool {
        self.health().has_collapsed(evaluation)
    }

    fn diagnose(&self, reading: &Reading) -> Option<Finding> {
        self.health().diagnose(reading)
    }
}
