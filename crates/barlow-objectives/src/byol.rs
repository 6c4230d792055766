//! BYOL (Grill et al., 2020): a predictor is to tell what an averaged copy of the network makes of
//! the other view; nothing is pushed apart.
//!
//! With `p` the predictions behind the trained network and `t` the outputs of its averaged copy, both
//! at length 1:
//!
//! ```text
//! L = mean over images of  ‖p₀ - t₁‖² + ‖p₁ - t₀‖²  =  4 - 2 cos(p₀, t₁) - 2 cos(p₁, t₀)
//! t's weights ← m t's + (1 - m) z's,   m = 1 - (1 - target_momentum) (1 + cos(π step / steps)) / 2
//! ```
//!
//! No gradient reaches `t`. With small views beside the two large ones, twice the mean over the
//! pairs of module `prediction`.
//!
//! Source: paper section 3.1 and deepmind-research/byol `byol_experiment.py`, `schedules.py`: sum of
//! both directions; weights are averaged after the update, running statistics never. Where we
//! differ: the copy begins equal to the network, the official one with weights of its own.

use std::f64::consts::PI;

use barlow_nn::ProjectorConfig;
use barlow_nn::collective::CollectiveError;

use crate::by_autodiff::by_autodiff;
use crate::constants::{Bounds, Constant};
use crate::gathered::Gathered;
use crate::normalise::unit;
use crate::objective::{
    Evaluation, Finding, LARGE, Layer, Needs, Objective, Predictor, Reading, StepContext, Target,
    ViewGradients, ViewOutputs, Views,
};
use crate::prediction;
use crate::registry::Entry;

/// BYOL.
pub(crate) static ENTRY: Entry = Entry {
    name: "byol",
    summary: "what an averaged copy of the network makes of the other view, predicted",
    layer: Layer::Embedding,
    constants: &[
        Constant::widths("predictor", "512-128", "widths of the predictor's layers"),
        Constant::number(
            "target_momentum",
            0.99,
            Bounds::from_to(0.0, 1.0),
            "share of the averaged copy that a step keeps at first",
        ),
    ],
    preset: include_str!("../../../presets/objectives/byol.toml"),
    create: |constants, scope| {
        Ok(Box::new(Byol {
            predictor: prediction::predictor(constants, scope)?,
            target_momentum: constants.number("target_momentum"),
        }))
    },
};

#[derive(Debug)]
struct Byol {
    predictor: ProjectorConfig,
    target_momentum: f64,
}

impl Objective for Byol {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn needs(&self) -> Needs {
        let config = self.predictor.clone();
        let target = Target { views: Views::Large, ..Target::default() };
        let predictor = Predictor { config, views: Views::All, has_constant_rate: false };
        Needs { predictor: Some(predictor), target: Some(target), ..Needs::default() }
    }

    fn evaluate(
        &self,
        views: &[ViewOutputs],
        context: &StepContext,
    ) -> Result<Evaluation, CollectiveError> {
        let online = Gathered::new(views.iter().map(ViewOutputs::online), context.collective)?;
        let large = views.iter().take(LARGE).map(ViewOutputs::target);
        let targets = Gathered::new(large, context.collective)?;
        let outputs = Gathered::new(views.iter().map(ViewOutputs::prediction), context.collective)?;
        let (loss, gradients) = by_autodiff(outputs.rows.clone(), |predictions| {
            let distance = |(view, large): (usize, usize)| {
                let target = unit(targets.rows[large].clone()).autodiff();
                let difference = unit(predictions[view].clone()) - target;
                (difference.clone() * difference).sum_dim(1).mean_dim(0)
            };
            let pairs = prediction::pairs(predictions.len());
            let weight = 2.0 / pairs.count() as f64;
            let distances = prediction::pairs(predictions.len()).map(distance);
            let sum = distances.reduce(|a, b| a + b).expect("two views or more");
            (sum * weight).reshape([1])
        });
        let gradient = |rows| ViewGradients::of_prediction(outputs.own(rows));
        Ok(Evaluation {
            loss,
            terms: vec![("regression", loss)],
            measures: prediction::measures(&online.rows),
            gradients: gradients.into_iter().map(gradient).collect(),
            ..Evaluation::default()
        })
    }

    fn target_momentum(&self, context: &StepContext) -> f64 {
        let done = context.step as f64 / context.total_steps.max(1) as f64;
        1.0 - (1.0 - self.target_momentum) * f64::midpoint(1.0, (PI * done).cos())
    }

    fn has_collapsed(&self, evaluation: &Evaluation) -> bool {
        prediction::has_collapsed(evaluation)
    }

    fn diagnose(&self, reading: &Reading) -> Option<Finding> {
        prediction::diagnose(
            reading,
            "keep batch norm in projector and predictor, raise `objective.target_momentum`, or \
             raise `optimizer.base_learning_rate_biases`",
        )
    }
}
