//! `InfoNCE` as the Barlow Twins paper writes it, to set it beside its own loss.
//!
//! With `u` the embeddings at length 1, view 0 the anchor and `T` the temperature:
//!
//! ```text
//! L = (1/n) Σ_b ( -u⁰_b·u¹_b / T  +  log Σ_{b'≠b} exp(u⁰_b·u¹_b' / T) )
//! ```
//!
//! The positive is not in the sum, so the loss has no lower bound of 0; of uncorrelated embeddings it
//! is `ln(n - 1)`. Of more than two views, the mean over all but the anchor's.
//!
//! Source: Zbontar et al., 2021, section 5, which compares its two terms with those of Barlow Twins.
//! Where we differ: divided by `n`, so that the loss does not grow with the batch; the paper gives no
//! temperature.

use barlow_nn::collective::CollectiveError;
use burn::tensor::Tensor;

use crate::by_autodiff::by_autodiff;
use crate::constants::{Bounds, Constant};
use crate::contrast::{self, accuracy, log_sum_exp};
use crate::gathered::Gathered;
use crate::normalise::unit;
use crate::objective::{
    Evaluation, Finding, Layer, Objective, Reading, StepContext, ViewGradients, ViewOutputs,
};
use crate::registry::Entry;
use crate::variation::direction_variation;

/// `InfoNCE`.
pub(crate) static ENTRY: Entry = Entry {
    name: "infonce",
    summary: "likeness of an image's views against likeness to other images, as the Barlow Twins \
              paper has it",
    layer: Layer::Embedding,
    constants: &[Constant::number(
        "temperature",
        0.1,
        Bounds::from_to(0.001, 100.0),
        "what similarities are divided by: the lower, the more the nearest others count",
    )],
    preset: include_str!("../../../presets/objectives/infonce.toml"),
    create: |constants, _| Ok(Box::new(InfoNce { temperature: constants.number("temperature") })),
};

#[derive(Debug)]
struct InfoNce {
    temperature: f64,
}

/// Both terms, `[1, 1]`, and how often the right image is the nearest.
struct Terms {
    similarity: Tensor<2>,
    uniformity: Tensor<2>,
    right: f64,
}

impl InfoNce {
    fn terms(&self, views: &[Tensor<2>]) -> Terms {
        let n = views[0].dims()[0];
        let anchors = unit(views[0].clone());
        let itself = Tensor::<2>::eye(n, &anchors.device()).bool();
        let (mut similarity, mut uniformity, mut right) = (Vec::new(), Vec::new(), 0.0);
        for view in &views[1..] {
            let others = unit(view.clone());
            let positive = (anchors.clone() * others.clone()).sum_dim(1) / self.temperature;
            let negatives = anchors.clone().matmul(others.transpose()) / self.temperature;
            let negatives = negatives.mask_fill(itself.clone(), f32::NEG_INFINITY);
            right += accuracy(positive.clone(), negatives.clone());
            similarity.push(-positive.mean_dim(0));
            uniformity.push(log_sum_exp(negatives).mean_dim(0));
        }
        let right = right / similarity.len() as f64;
        let [similarity, uniformity] =
            [similarity, uniformity].map(|parts| Tensor::cat(parts, 0).mean_dim(0));
        Terms { similarity, uniformity, right }
    }
}

impl Objective for InfoNce {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn evaluate(
        &self,
        views: &[ViewOutputs],
        context: &StepContext,
    ) -> Result<Evaluation, CollectiveError> {
        let outputs = Gathered::new(views.iter().map(ViewOutputs::online), context.collective)?;
        let mut terms = vec![];
        let mut right = 0.0;
        let (loss, gradients) = by_autodiff(outputs.rows.clone(), |views| {
            let found = self.terms(views);
            let number = |term: &Tensor<2>| term.clone().into_scalar::<f32>().into();
            terms = vec![
                ("similarity", number(&found.similarity)),
                ("uniformity", number(&found.uniformity)),
            ];
            right = found.right;
            (found.similarity + found.uniformity).reshape([1])
        });
        let gradient = |rows| ViewGradients::of_online(outputs.own(rows));
        Ok(Evaluation {
            loss,
            terms,
            measures: vec![("accuracy", right), ("variation", direction_variation(&outputs.rows))],
            gradients: gradients.into_iter().map(gradient).collect(),
            ..Evaluation::default()
        })
    }

    fn diagnose(&self, reading: &Reading) -> Option<Finding> {
        contrast::diagnose(reading, reading.batch_size)
    }
}
