//! Barlow Twins (Zbontar et al., 2021): the cross-correlation matrix of two views' embeddings is
//! driven to the identity.
//!
//! With `A` and `B` the embeddings standardised over the batch (`n` rows, `d` columns) and
//! `C = AᵀB / n`:
//!
//! ```text
//! L = Σᵢ (Cᵢᵢ - 1)²  +  λ Σᵢ Σ_{j≠i} Cᵢⱼ²
//! ```
//!
//! `C` itself is `d×d` and never needed: with `cᵢ = Cᵢᵢ`, `Σᵢⱼ Cᵢⱼ² = ⟨AAᵀ, BBᵀ⟩ / n²`, a matter of
//! two `n×n` products. Both forms are here, the cheaper is taken. Gradients are in closed form:
//!
//! ```text
//! ∂L/∂A = (2/n) (c - 1) ∘ B + λ ((2/n) B Cᵀ - (2/n) c ∘ B),    B Cᵀ = (BBᵀ) A / n
//! ```
//!
//! With more than two views, the mean of L over pairs (module `views`). The variants of the paper's
//! ablations, which its constants choose, are in the module `variant`.
//!
//! Source: paper equations 1 and 2, official main.py (plain sums, no scale). Where we differ: the
//! gradient is that of the global loss, while the official all-reduce leaves each rank with its own
//! share of it, 1/ranks once averaged. Numbers in tests: `reference/objective.py`.

mod kernels;
mod normalization;
mod operations;
#[cfg(test)]
mod tests;
mod variant;
mod views;

use barlow_nn::collective::CollectiveError;
use burn::tensor::Tensor;

use crate::constants::{Bounds, Constant};
use crate::cross_correlation::Health;
use crate::gathered::Gathered;
use crate::objective::{
    Evaluation, Finding, Layer, Objective, Reading, StepContext, ViewGradients, ViewOutputs,
};
use crate::registry::Entry;
use variant::Variant;

/// Barlow Twins.
pub(crate) static ENTRY: Entry = Entry {
    name: "barlow-twins",
    summary: "cross-correlation of two views' embeddings to the identity",
    layer: Layer::Embedding,
    constants: &[
        Constant::number(
            "lambda",
            BarlowTwins::LAMBDA,
            Bounds::from_to(0.0, 1e6),
            "weight of the redundancy-reduction term",
        ),
        Constant::number(
            "invariance_weight",
            1.0,
            Bounds::from_to(0.0, 1e6),
            "weight of the invariance term",
        ),
        Constant::choice(
            "normalization",
            &["batch", "features", "none"],
            "embeddings: standardised over the batch, then also along features, or only centred",
        ),
        Constant::choice(
            "redundancy",
            &["cross", "auto"],
            "what is decorrelated: one view from the other, or each with itself",
        ),
        Constant::choice("loss", &["squares", "cross-entropy"], "what correlations cost"),
        Constant::number(
            "temperature",
            variant::TEMPERATURE,
            Bounds::from_to(1e-3, 1e3),
            "what similarities are divided by",
        ),
        Constant::boolean("stop_gradient", false, "whether one side gets no gradient"),
        Constant::widths("predictor", "", "widths of a perceptron behind the embedding"),
        Constant::boolean(
            "averaged_target",
            false,
            "whether each view is compared with the other's output of an averaged network",
        ),
        Constant::number(
            "target_momentum",
            variant::TARGET_MOMENTUM,
            Bounds::from_to(0.0, 1.0),
            "share of the averaged network that a step keeps",
        ),
    ],
    // The presets for kinds of images are its recipes.
    preset: "",
    create: |constants, scope| {
        let variant = Variant::new(constants, scope)?;
        Ok(match variant.plain() {
            Some(plain) => Box::new(plain),
            None => Box::new(variant),
        })
    },
};

/// How the sum of squared cross-correlations is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrossCorrelationForm {
    /// By two `n×n` Gram matrices, `4n²d` multiplications with the gradients.
    Gram,
    /// By the `d×d` matrix, `3nd²` multiplications with the gradients.
    Matrix,
}

impl CrossCorrelationForm {
    /// The one with fewer multiplications for `n` images and `d` dimensions.
    pub fn cheaper(n: usize, d: usize) -> Self {
        if 4 * n <= 3 * d { Self::Gram } else { Self::Matrix }
    }
}

/// The Barlow Twins objective.
#[derive(Debug, Clone, Copy)]
pub struct BarlowTwins {
    lambda: f64,
}

/// The loss of one batch, with everything that is read off it.
#[derive(Debug, Clone)]
pub struct BarlowTwinsLoss {
    /// `invariance_term + λ redundancy_reduction_term`.
    pub loss: f64,
    /// `Σᵢ (Cᵢᵢ - 1)²`.
    pub invariance_term: f64,
    /// `Σᵢ Σ_{j≠i} Cᵢⱼ²`, unweighted.
    pub redundancy_reduction_term: f64,
    /// `Cᵢᵢ`, `[1, d]`.
    pub diagonal: Tensor<2>,
    /// Gradients of the loss for both embeddings, `[n, d]`.
    pub gradients: [Tensor<2>; 2],
    /// The smaller of the two views' [`Standardised::variation`](crate::Standardised).
    pub variation: f64,
}

impl BarlowTwins {
    /// λ of official main.py, which the paper rounds to 5e-3.
    pub const LAMBDA: f64 = 0.0051;

    /// With λ, the weight of the redundancy-reduction term.
    pub fn new(lambda: f64) -> Self {
        Self { lambda }
    }

    /// The loss that perfectly decorrelated embeddings still have, `λ d (d-1) / n`: a correlation
    /// over `n` images that should be 0 has variance `1/n`.
    pub fn floor(&self, n: usize, d: usize) -> f64 {
        self.health().floor(n, d)
    }

    fn health(self) -> Health {
        let lambda = ("objective.lambda", self.lambda);
        Health { invariance_weight: 1.0, lambda, has_floor: true }
    }

    /// Loss and gradients for the embeddings of two views, in the given form.
    ///
    /// # Shapes
    /// - `embeddings`: two `[n, d]`
    ///
    /// # Numerics
    /// Products in the tensors' precision, on the CPU by kernels that sum means in f64, elsewhere by
    /// the engine's operations; sums over dimensions on the host in f64.
    pub fn loss(&self, embeddings: [Tensor<2>; 2], form: CrossCorrelationForm) -> BarlowTwinsLoss {
        if kernels::serve(&embeddings) {
            kernels::loss(self.lambda, embeddings, form)
        } else {
            operations::loss(self.lambda, embeddings, form)
        }
    }
}

impl BarlowTwins {
    /// Loss, terms, measures and gradients for all rows of the embeddings of two views or more, each
    /// `[n, d]`.
    ///
    /// # Panics
    /// If there are fewer than two views.
    pub(crate) fn evaluate_rows(self, embeddings: &[Tensor<2>]) -> Evaluation {
        let [n, d] = embeddings[0].dims();
        let result = self.loss_of_views(embeddings);
        let gradients = result.gradients.into_iter();
        let off_diagonal = (d * d.saturating_sub(1)).max(1) as f64;
        let squares = result.redundancy_reduction_term.max(0.0);
        Evaluation {
            loss: result.loss,
            terms: vec![
                ("invariance", result.invariance_term),
                ("redundancy_reduction", result.redundancy_reduction_term),
            ],
            measures: vec![
                ("mean_diagonal", result.mean_diagonal),
                ("rms_off_diagonal", (squares / off_diagonal).sqrt()),
                ("variation", result.variation),
            ],
            floor: Some(self.floor(n, d)),
            gradients: gradients.map(ViewGradients::of_online).collect(),
            ..Evaluation::default()
        }
    }
}

impl Objective for BarlowTwins {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn evaluate(
        &self,
        views: &[ViewOutputs],
        context: &StepContext,
    ) -> Result<Evaluation, CollectiveError> {
        let online = views.iter().map(ViewOutputs::online);
        let gathered = Gathered::new(online, context.collective)?;
        let mut evaluation = self.evaluate_rows(&gathered.rows);
        for gradients in &mut evaluation.gradients {
            gradients.online = gradients.online.take().map(|gradient| gathered.own(gradient));
        }
        Ok(evaluation)
    }

    fn has_collapsed(&self, evaluation: &Evaluation) -> bool {
        self.health().has_collapsed(evaluation)
    }

    fn diagnose(&self, reading: &Reading) -> Option<Finding> {
        self.health().diagnose(reading)
    }
}
