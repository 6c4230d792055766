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
//! With more than two views, the mean of L over pairs (module `views`).
//!
//! Source: paper equations 1 and 2, official main.py (plain sums, no scale). Where we differ: the
//! gradient is that of the global loss, while the official all-reduce leaves each rank with its own
//! share of it, 1/ranks once averaged. Numbers in tests: `reference/objective.py`.

mod kernels;
mod operations;
#[cfg(test)]
mod tests;
mod views;

use std::collections::BTreeMap;

use barlow_nn::collective::CollectiveError;
use burn::tensor::Tensor;

use crate::constants::{Bounds, Constant};
use crate::objective::{
    Evaluation, Finding, Layer, Objective, Reading, StepContext, Verdict, ViewGradients, ViewOutputs,
};
use crate::registry::Entry;

/// Barlow Twins.
pub(crate) static ENTRY: Entry = Entry {
    name: "barlow-twins",
    summary: "cross-correlation of two views' embeddings to the identity",
    layer: Layer::Embedding,
    constants: &[Constant::number(
        "lambda",
        BarlowTwins::LAMBDA,
        Bounds::from_to(0.0, 1e6),
        "weight of the redundancy-reduction term",
    )],
    // The presets for kinds of images are its recipes.
    preset: "",
    create: |constants, _| Ok(Box::new(BarlowTwins::new(constants.number("lambda")))),
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
        self.lambda * d as f64 * (d as f64 - 1.0) / n as f64
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

impl Objective for BarlowTwins {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn evaluate(
        &self,
        views: &[ViewOutputs],
        context: &StepContext,
    ) -> Result<Evaluation, CollectiveError> {
        let own_rows = views[0].online().dims()[0];
        let collective = context.collective;
        let embeddings = views.iter().map(|view| collective.gather(view.online()));
        let embeddings: Vec<Tensor<2>> = embeddings.collect::<Result<_, _>>()?;
        let [n, d] = embeddings[0].dims();
        let result = self.loss_of_views(&embeddings);
        let first = collective.rank() * own_rows;
        let gradients = result.gradients.into_iter().map(|gradient| ViewGradients {
            online: Some(gradient.slice(first..first + own_rows)),
            prediction: None,
        });
        let off_diagonal = (d * d.saturating_sub(1)).max(1) as f64;
        Ok(Evaluation {
            loss: result.loss,
            terms: vec![
                ("invariance", result.invariance_term),
                ("redundancy_reduction", result.redundancy_reduction_term),
            ],
            measures: vec![
                ("mean_diagonal", result.mean_diagonal),
                (
                    "rms_off_diagonal",
                    (result.redundancy_reduction_term.max(0.0) / off_diagonal).sqrt(),
                ),
                ("variation", result.variation),
            ],
            floor: Some(self.floor(n, d)),
            gradients: gradients.collect(),
            parameter_gradients: BTreeMap::new(),
            fault: None,
        })
    }

    fn diagnose(&self, reading: &Reading) -> Option<Finding> {
        let (n, d) = (reading.batch_size, reading.dim);
        let floor = self.floor(n, d);
        // The invariance term is at most about d. Where chance correlations alone cost more, the
        // batch, not the images, decides the loss.
        if floor > d as f64 {
            return Some(Finding::new(
                Verdict::BatchTooSmall,
                format!(
                    "with {n} images in a batch, chance correlations between {d} dimensions cost \
                     {floor:.0} (λ·d·(d-1)/n), more than the whole invariance term can ({d}); use \
                     batches of at least {} images or a projector of at most {} dimensions",
                    (self.lambda * d as f64).ceil(),
                    ((n as f64 / self.lambda) as usize).max(1),
                ),
            ));
        }
        let off_diagonal = reading.measure("rms_off_diagonal")?;
        let chance = 1.0 / (n as f64).sqrt();
        (off_diagonal > REDUNDANT && off_diagonal > 2.0 * chance).then(|| {
            Finding::new(Verdict::Redundant, format!(
                "different dimensions of the embedding correlate by {off_diagonal:.2} (root mean \
                 square; chance alone gives {chance:.2}), so they repeat each other; raise \
                 `objective.lambda` (now {})",
                self.lambda
            ))
        })
    }
}

/// Root mean square of the off-diagonal correlations above which dimensions repeat each other: half
/// of each dimension's variance explained by any other would be 0.7, healthy runs end below 0.15.
const REDUNDANT: f64 = 0.4;
