//! SimCLR (Chen et al., 2020): each view is to be told from the views of all other images by its
//! likeness to the other views of its own.
//!
//! With `u` the embeddings at length 1, an anchor view `v` of image `i`, and `T` the temperature:
//!
//! ```text
//! ℓ(i, v) = mean over w ≠ v of  -log  exp(uᵢᵥ·uᵢw / T) / (exp(uᵢᵥ·uᵢw / T) + Σ_{j≠i} Σₓ exp(uᵢᵥ·uⱼₓ / T))
//! L = mean over all anchors of ℓ
//! ```
//!
//! Of two views this is NT-Xent; uncorrelated embeddings have the loss `ln(2n - 1)`.
//!
//! Source: paper section 2.1, equation 1, google-research/simclr `objective.py`; more than two views:
//! Caron et al., 2020, appendix A.8. Where we differ: the official program adds the means over the
//! anchors of both views, which is twice this loss.

use barlow_nn::collective::CollectiveError;
use burn::tensor::Tensor;

use crate::by_autodiff::by_autodiff;
use crate::constants::{Bounds, Constant};
use crate::contrast::{self, accuracy, cross_entropy, log_sum_exp};
use crate::gathered::Gathered;
use crate::normalise::unit;
use crate::objective::{
    Evaluation, Finding, Layer, Objective, Reading, StepContext, ViewGradients, ViewOutputs,
};
use crate::registry::Entry;
use crate::variation::direction_variation;

/// `SimCLR`.
pub(crate) static ENTRY: Entry = Entry {
    name: "simclr",
    summary: "each view found again among the views of all other images",
    layer: Layer::Embedding,
    constants: &[Constant::number(
        "temperature",
        0.2,
        Bounds::from_to(0.001, 100.0),
        "what similarities are divided by: the lower, the more the nearest others count",
    )],
    preset: include_str!("../../../presets/objectives/simclr.toml"),
    create: |constants, _| Ok(Box::new(SimClr { temperature: constants.number("temperature") })),
};

#[derive(Debug)]
struct SimClr {
    temperature: f64,
}

impl SimClr {
    /// The loss, `[1]`, and how often the right view is the nearest.
    fn loss(&self, views: &[Tensor<2>]) -> (Tensor<1>, f64) {
        let n = views[0].dims()[0];
        let anchors = Tensor::cat(views.iter().cloned().map(unit).collect(), 0);
        let all = anchors.dims()[0];
        let of_one_image = Tensor::<2>::eye(n, &anchors.device()).repeat(&[views.len(); 2]).bool();
        let similarities = anchors.clone().matmul(anchors.clone().transpose()) / self.temperature;
        let negatives = similarities.mask_fill(of_one_image, f32::NEG_INFINITY);
        let sums = log_sum_exp(negatives.clone());
        let mut parts = Vec::new();
        let mut right = 0.0;
        for next in 1..views.len() {
            // Row by row the view that is `next` places further on.
            let others =
                vec![anchors.clone().slice(next * n..all), anchors.clone().slice(0..next * n)];
            let products = anchors.clone() * Tensor::cat(others, 0);
            let positive = products.sum_dim(1) / self.temperature;
            right += accuracy(positive.clone(), negatives.clone());
            parts.push(cross_entropy(positive, sums.clone()).mean_dim(0));
        }
        let right = right / parts.len() as f64;
        (Tensor::cat(parts, 0).mean_dim(0).reshape([1]), right)
    }
}

impl Objective for SimClr {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn evaluate(
        &self,
        views: &[ViewOutputs],
        context: &StepContext,
    ) -> Result<Evaluation, CollectiveError> {
        let outputs = Gathered::new(views.iter().map(ViewOutputs::online), context.collective)?;
        let mut right = 0.0;
        let (loss, gradients) = by_autodiff(outputs.rows.clone(), |views| {
            let loss;
            (loss, right) = self.loss(views);
            loss
        });
        let gradient = |rows| ViewGradients::of_online(outputs.own(rows));
        Ok(Evaluation {
            loss,
            terms: vec![("contrastive", loss)],
            measures: vec![("accuracy", right), ("variation", direction_variation(&outputs.rows))],
            gradients: gradients.into_iter().map(gradient).collect(),
            ..Evaluation::default()
        })
    }

    fn diagnose(&self, reading: &Reading) -> Option<Finding> {
        contrast::diagnose(reading, (2 * reading.batch_size).saturating_sub(1))
    }
}
