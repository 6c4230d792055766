//! `CorInfoMax` (Ozsoy et al., 2022): views of an image alike, while the covariance of directions
//! keeps its determinant.
//!
//! With `u` the embeddings of a view scaled to length 1 (`n` rows, `d` columns), and for each view a
//! mean `μ` and a covariance `R` that remember a share `f` of the past:
//!
//! ```text
//! μ ← f μ + (1-f) mean(u),    ũ = u - μ,    R ← f R + (1-f) ũᵀũ / n
//! L = α mean((u₀ - u₁)²) - (ln |R₀ + εI| + ln |R₁ + εI|) / d
//! ```
//!
//! The gradient goes through the batch's share of μ and R, in closed form, per view
//! `G = -2(1-f)/(n d) ũ (R + εI)⁻¹` and `∂u = G - (1-f) mean(G)`, then back through the lengths.
//! Before the first step R is the identity and μ is 0.
//!
//! Source: paper equation 8, official serdarozsoy/corinfomax-ssl, cifars-tiny/loss.py. Where we
//! differ: μ and R are rounded to f32 between steps, as checkpoints hold them, but computed with in
//! f64. Numbers in tests: `reference/objectives_information.py`.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use barlow_nn::collective::CollectiveError;
use burn::tensor::Tensor;
use nalgebra::{DMatrix, DVector};

use crate::constants::{Bounds, Constant, Constants};
use crate::gathered::Gathered;
use crate::host::{Directions, columns, log_determinant, rows, second_moments};
use crate::objective::{
    Evaluation, Finding, Layer, Needs, Objective, Reading, StepContext, Verdict, ViewGradients,
    ViewOutputs,
};
use crate::registry::{Entry, Scope};
use crate::variation::direction_variation;

/// `CorInfoMax`.
pub(crate) static ENTRY: Entry = Entry {
    name: "corinfomax",
    summary: "views alike while directions keep the determinant of their covariance",
    layer: Layer::Embedding,
    constants: &[
        Constant::number(
            "alpha",
            250.0,
            Bounds::from_to(0.0, 1e6),
            "weight of the agreement of views",
        ),
        Constant::number(
            "forgetting",
            0.01,
            Bounds::from_to(0.0, 0.9999),
            "share of the past in means and covariances",
        ),
        Constant::number(
            "epsilon",
            1e-8,
            Bounds::above(0.0, 1.0),
            "added to the variances of directions",
        ),
    ],
    preset: include_str!("../../../presets/objectives/corinfomax.toml"),
    create: |constants, scope| Ok(Box::new(CorInfoMax::new(constants, scope))),
};

/// The `CorInfoMax` objective.
#[derive(Debug, Clone)]
struct CorInfoMax {
    alpha: f64,
    forgetting: f64,
    epsilon: f64,
    past: [Past; 2],
}

/// What is remembered of a view's directions.
#[derive(Debug, Clone)]
struct Past {
    /// `μ`, `[1, d]`.
    mean: Tensor<2>,
    /// `R`, `[d, d]`.
    covariance: Tensor<2>,
}

/// A view of a batch, and the past with it taken in.
struct Present {
    directions: Directions,
    /// `d` numbers.
    mean: DVector<f64>,
    /// Directions less the mean, `d×n`.
    centred: DMatrix<f64>,
    /// `d×d`.
    covariance: DMatrix<f64>,
}

impl CorInfoMax {
    fn new(constants: &Constants, scope: &Scope) -> Self {
        let past = Past {
            mean: Tensor::zeros([1, scope.dim], scope.device),
            covariance: Tensor::eye(scope.dim, scope.device),
        };
        Self {
            alpha: constants.number("alpha"),
            forgetting: constants.number("forgetting"),
            epsilon: constants.number("epsilon"),
            past: [past.clone(), past],
        }
    }

    /// The two views of all ranks, `[n, d]` each, with what is remembered of them.
    fn present(&self, embeddings: &[Tensor<2>]) -> [Present; 2] {
        [0, 1].map(|view| {
            let (past, kept) = (&self.past[view], self.forgetting);
            let directions = Directions::new(columns(&embeddings[view]));
            let own = directions.values.column_mean();
            let mean = columns(&past.mean).column(0) * kept + own * (1.0 - kept);
            let mut centred = directions.values.clone();
            centred.column_iter_mut().for_each(|mut column| column -= &mean);
            let count = centred.ncols() as f64;
            let covariance =
                columns(&past.covariance) * kept + second_moments(&centred, count) * (1.0 - kept);
            Present { directions, mean, centred, covariance }
        })
    }

    /// `ln |R + εI| / d` and its gradient for the directions, `d×n`; nothing if R has no determinant.
    fn log_determinant(&self, present: &Present) -> Option<(f64, DMatrix<f64>)> {
        let [d, n] = [present.centred.nrows(), present.centred.ncols()];
        let matrix = present.covariance.clone();
        let (value, solved) = log_determinant(matrix, self.epsilon, &present.centred)?;
        let share = 1.0 - self.forgetting;
        let mut gradient = solved * (2.0 * share / (n * d) as f64);
        let mean = gradient.column_mean() * share;
        gradient.column_iter_mut().for_each(|mut column| column -= &mean);
        Some((value / d as f64, gradient))
    }
}

impl Objective for CorInfoMax {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn needs(&self) -> Needs {
        Needs { most_views: Some(2), ..Needs::default() }
    }

    fn evaluate(
        &self,
        views: &[ViewOutputs],
        context: &StepContext,
    ) -> Result<Evaluation, CollectiveError> {
        let gathered = Gathered::new(views.iter().map(ViewOutputs::online), context.collective)?;
        let [n, d] = gathered.rows[0].dims();
        let device = gathered.rows[0].device();
        let present = self.present(&gathered.rows);
        let mut evaluation = Evaluation {
            measures: vec![("variation", direction_variation(&gathered.rows))],
            gradients: vec![ViewGradients::default(); views.len()],
            ..Evaluation::default()
        };
        let [first, second] = [0, 1].map(|view| self.log_determinant(&present[view]));
        let (Some(first), Some(second)) = (first, second) else {
            evaluation.fault = Some(
                "the covariance of directions has no determinant: an embedding is not finite, or \
                 `objective.epsilon` is too small"
                    .to_owned(),
            );
            return Ok(evaluation);
        };
        let difference = &present[0].directions.values - &present[1].directions.values;
        let agreement = difference.norm_squared() / (n * d) as f64;
        let log_determinant = first.0 + second.0;
        evaluation.loss = self.alpha * agreement - log_determinant;
        evaluation.terms = vec![("agreement", agreement), ("log_determinant", log_determinant)];
        // ‖u₀ - u₁‖² = 2 - 2 cos; eigenvalues of directions add up to 1, so 1/d each is the most.
        evaluation.measures.extend([
            ("mean_cosine", 1.0 - agreement * d as f64 / 2.0),
            ("volume", ((log_determinant / 2.0).exp() - self.epsilon).max(0.0) * d as f64),
        ]);
        let pull = difference * (2.0 * self.alpha / (n * d) as f64);
        let own = |view: usize, gradient: DMatrix<f64>| {
            let gradient = present[view].directions.backward(gradient);
            let gradient = gathered.own(rows(&gradient, &device));
            ViewGradients::of_online(gradient)
        };
        evaluation.gradients = vec![own(0, &pull - first.1), own(1, -pull - second.1)];
        Ok(evaluation)
    }

    fn after_step(
        &mut self,
        views: &[ViewOutputs],
        context: &StepContext,
    ) -> Result<(), CollectiveError> {
        let gathered = Gathered::new(views.iter().map(ViewOutputs::online), context.collective)?;
        let device = gathered.rows[0].device();
        self.past = self.present(&gathered.rows).map(|present| Past {
            mean: rows(&DMatrix::from_columns(&[present.mean]), &device),
            covariance: rows(&present.covariance, &device),
        });
        Ok(())
    }

    fn state(&self) -> BTreeMap<String, Tensor<2>> {
        let of = |(view, past): (usize, &Past)| {
            [
                (format!("mean_{view}"), past.mean.clone()),
                (format!("covariance_{view}"), past.covariance.clone()),
            ]
        };
        self.past.iter().enumerate().flat_map(of).collect()
    }

    fn restore(&mut self, mut state: BTreeMap<String, Tensor<2>>) {
        for (view, past) in self.past.iter_mut().enumerate() {
            if let Some(mean) = state.remove(&format!("mean_{view}")) {
                past.mean = mean;
            }
            if let Some(covariance) = state.remove(&format!("covariance_{view}")) {
                past.covariance = covariance;
            }
        }
    }

    fn diagnose(&self, reading: &Reading) -> Option<Finding> {
        // Directions of few images span few dimensions, however good they are.
        let images = reading.batch_size as f64 / (1.0 - self.forgetting);
        if images <= reading.dim as f64 {
            return None;
        }
        let volume = reading.measure("volume")?;
        (volume < CROWDED).then(|| {
            Finding::new(
                Verdict::Redundant,
                format!(
                    "directions fill few of their {} dimensions: the geometric mean of their \
                     variances is {volume:.4} of the most it can be (healthy: above {CROWDED}); lower \
                     `objective.alpha` (now {}), use larger batches or fewer dimensions",
                    reading.dim, self.alpha
                ),
            )
        })
    }
}

/// Geometric mean of variances, as a share of the most, below which most dimensions are unused.
const CROWDED: f64 = 0.01;
