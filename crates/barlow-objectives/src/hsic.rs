//! The HSIC variant of Barlow Twins (Tsai et al., 2021): different dimensions of two views' embeddings
//! are driven apart, to correlations of -1 instead of 0.
//!
//! With `u` the embeddings divided by their length, `A` and `B` their columns with mean 0 and unbiased
//! deviation 1 over the batch, and `C = AᵀB / n`:
//!
//! ```text
//! L = Σᵢ (Cᵢᵢ - 1)²  +  λ Σᵢ Σ_{j≠i} (Cᵢⱼ + 1)²
//! ```
//!
//! Except for the normalisation this is Barlow Twins plus `2λ Σᵢ Σ_{j≠i} Cᵢⱼ`, plus the constant
//! `λ d (d-1)`, which no correlation matrix can avoid.
//!
//! Source: yaohungt/Barlow-Twins-HSIC, main.py and model.py (λ 1/128 for 128 dimensions). Where we
//! differ: deviations are at least 1e-6, which the official code leaves to chance; the loss is that of
//! the global batch. Numbers in tests: `reference/objectives_barlow_twins.py`.

use barlow_nn::collective::CollectiveError;
use burn::tensor::Tensor;

use crate::constants::{Bounds, Constant};
use crate::cross_correlation::{CrossCorrelation, Health, Weights, squares};
use crate::gathered::Gathered;
use crate::normalise::UnitRows;
use crate::objective::{
    Evaluation, Finding, Layer, Needs, Objective, Reading, StepContext, ViewGradients, ViewOutputs,
};
use crate::registry::Entry;
use crate::variation::direction_variation;

/// The HSIC variant.
pub(crate) static ENTRY: Entry = Entry {
    name: "hsic",
    summary: "Barlow Twins with different dimensions driven to correlate by -1",
    layer: Layer::Embedding,
    constants: &[Constant::number(
        "lambda",
        1.0 / 128.0,
        Bounds::from_to(0.0, 1e6),
        "weight of the redundancy-reduction term",
    )],
    preset: include_str!("../../../presets/objectives/hsic.toml"),
    create: |constants, _| {
        Ok(Box::new(Hsic {
            weights: Weights { invariance: 1.0, lambda: constants.number("lambda") },
        }))
    },
};

/// What different dimensions are driven to.
const TARGET: f64 = -1.0;

/// The HSIC variant of Barlow Twins.
#[derive(Debug)]
struct Hsic {
    weights: Weights,
}

impl Hsic {
    fn health(&self) -> Health {
        let lambda = ("objective.lambda", self.weights.lambda);
        Health { invariance_weight: self.weights.invariance, lambda, has_floor: true }
    }
}

impl Objective for Hsic {
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
        let online = views.iter().map(ViewOutputs::online);
        let gathered = Gathered::new(online, context.collective)?;
        let sides = gathered.rows.iter().cloned().map(Normalised::new).collect::<Vec<_>>();
        let values = |side: usize| sides[side].columns.clone();
        let cross = CrossCorrelation::new(values(0), values(1));
        let loss = squares(&cross.matrix, TARGET, self.weights);
        let gradients = cross.backward(loss.gradient);
        let gradients = sides.iter().zip(gradients).map(|(side, gradient)| {
            ViewGradients::of_online(gathered.own(side.backward(gradient)))
        });
        let [n, d] = gathered.rows[0].dims();
        let lambda = self.weights.lambda;
        Ok(Evaluation {
            loss: loss.invariance_term + lambda * loss.redundancy_reduction_term,
            terms: vec![
                ("invariance", loss.invariance_term),
                ("redundancy_reduction", loss.redundancy_reduction_term),
            ],
            measures: vec![
                ("mean_diagonal", cross.mean_diagonal()),
                ("rms_off_diagonal", cross.rms_off_diagonal()),
                ("variation", direction_variation(&gathered.rows)),
            ],
            // Chance correlations, and what it costs to be 0 and not -1.
            floor: Some(self.health().floor(n, d) * (1.0 + n as f64)),
            gradients: gradients.collect(),
            ..Evaluation::default()
        })
    }

    fn has_collapsed(&self, evaluation: &Evaluation) -> bool {
        self.health().has_collapsed(evaluation)
    }

    fn diagnose(&self, reading: &Reading) -> Option<Finding> {
        self.health().diagnose(reading)
    }
}

/// Rows of length 1, then columns with mean 0 and unbiased deviation 1.
#[derive(Debug)]
struct Normalised {
    rows: UnitRows,
    /// `[n, d]`.
    columns: Tensor<2>,
    /// The deviations, 1e-6 at least, `[1, d]`.
    deviation: Tensor<2>,
    /// 1 where the deviation is not that least one, `[1, d]`.
    follows: Tensor<2>,
}

impl Normalised {
    /// # Shapes
    /// - `embeddings`: `[n, d]`, two rows or more
    fn new(embeddings: Tensor<2>) -> Self {
        let rows = UnitRows::new(embeddings);
        let n = rows.values.dims()[0] as f64;
        let centred = rows.values.clone() - rows.values.clone().mean_dim(0);
        let variance = (centred.clone() * centred.clone()).mean_dim(0) * (n / (n - 1.0));
        let follows = variance.clone().greater_elem(1e-12).float();
        let deviation = variance.clamp_min(1e-12).sqrt();
        Self { rows, columns: centred / deviation.clone(), deviation, follows }
    }

    /// The gradient for the embeddings, given the one for the columns, both `[n, d]`.
    fn backward(&self, gradient: Tensor<2>) -> Tensor<2> {
        let n = gradient.dims()[0] as f64;
        let along = (gradient.clone() * self.columns.clone()).mean_dim(0) * (n / (n - 1.0));
        let mean = gradient.clone().mean_dim(0);
        let along = self.columns.clone() * (along * self.follows.clone());
        self.rows.backward((gradient - mean - along) / self.deviation.clone())
    }
}
