//! `DirectCLR` (Jing et al., 2022): the first entries of the representation itself are contrasted,
//! without a projector.
//!
//! With `u₀`, `u₁` the first `k` of the representation's entries in two views, rows divided by their
//! length, and `s = u₀ u₁ᵀ / T`, `[n, n]`:
//!
//! ```text
//! L = -½ mean_b [ log softmax_row(s)_bb + log softmax_column(s)_bb ]
//! ```
//!
//! The other entries learn through the last residual block, which all of them share.
//!
//! Source: facebookresearch/directclr, directclr/main.py (360 of 2048 entries, cross-view negatives
//! only; the paper's formula has those of the same view, too). Where we differ: no classifier is trained
//! beside it, `barlow probe` does that afterwards. Numbers in tests:
//! `reference/objectives_contrastive.py`.

#[cfg(test)]
mod tests;

use barlow_nn::collective::CollectiveError;
use burn::tensor::Tensor;
use burn::tensor::activation::log_softmax;

use crate::by_autodiff::by_autodiff;
use crate::constants::{Bounds, Constant};
use crate::contrast;
use crate::gathered::Gathered;
use crate::normalise::unit;
use crate::objective::{
    Evaluation, Finding, Layer, Needs, Objective, Reading, StepContext, ViewGradients, ViewOutputs,
};
use crate::registry::{Entry, Unfit};
use crate::variation::variation;

/// `DirectCLR`.
pub(crate) static ENTRY: Entry = Entry {
    name: "directclr",
    summary: "the other view of an image among those of a batch, by part of the representation",
    layer: Layer::Representation,
    constants: &[
        Constant::integer(
            "dimensions",
            0,
            [0, 65_536],
            "entries of the representation that are compared; 0: 17.6 % of them",
        ),
        Constant::number(
            "temperature",
            0.1,
            Bounds::from_to(1e-3, 1e3),
            "what similarities are divided by",
        ),
    ],
    preset: include_str!("../../../presets/objectives/directclr.toml"),
    create: |constants, scope| {
        let dimensions = match constants.integer("dimensions") {
            0 => ((SHARE * scope.dim as f64).round() as usize).max(1),
            stated if stated <= scope.dim => stated,
            _ => {
                let allowed = format!("at most the representation's length, {}", scope.dim);
                return Err(Unfit::Key { key: "objective.dimensions", allowed });
            }
        };
        Ok(Box::new(DirectClr { dimensions, temperature: constants.number("temperature") }))
    },
};

/// Share of the representation that is compared: 360 of 2048 (official README).
const SHARE: f64 = 0.176;

/// `DirectCLR`.
#[derive(Debug)]
struct DirectClr {
    dimensions: usize,
    temperature: f64,
}

impl DirectClr {
    /// What is compared of a representation.
    fn part(&self, representation: Tensor<2>) -> Tensor<2> {
        let n = representation.dims()[0];
        unit(representation.slice([0..n, 0..self.dimensions]))
    }
}

impl Objective for DirectClr {
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
        let similarities = |rows: &[Tensor<2>]| {
            self.part(rows[0].clone()).matmul(self.part(rows[1].clone()).transpose())
        };
        let (loss, gradients) = by_autodiff(gathered.rows.clone(), |rows| {
            let logits = similarities(rows) / self.temperature;
            let [n, _] = logits.dims();
            let both = log_softmax(logits.clone(), 1) + log_softmax(logits, 0);
            let own = (both * Tensor::eye(n, &rows[0].device())).sum_dim(1);
            (own.mean_dim(0) * -0.5).reshape([1])
        });
        let parts = [0, 1].map(|view| self.part(gathered.rows[view].clone()));
        let gradients =
            gradients.into_iter().map(|gradient| ViewGradients::of_online(gathered.own(gradient)));
        Ok(Evaluation {
            loss,
            terms: vec![("contrastive", loss)],
            measures: vec![
                ("accuracy", accuracy(&similarities(&gathered.rows))),
                ("variation", variation(&parts)),
            ],
            gradients: gradients.collect(),
            ..Evaluation::default()
        })
    }

    fn diagnose(&self, reading: &Reading) -> Option<Finding> {
        contrast::diagnose(reading, reading.batch_size)
    }
}

/// The share of views whose own image is more similar than every other, both ways; `similarities` are
/// cosines, `[n, n]`, view 0 down.
fn accuracy(similarities: &Tensor<2>) -> f64 {
    let [n, _] = similarities.dims();
    let diagonal = Tensor::<2>::eye(n, &similarities.device());
    let of = |rows: Tensor<2>| {
        let own = (rows.clone() * diagonal.clone()).sum_dim(1); // [n, 1]
        // Cosines differ by 2 at most.
        contrast::accuracy(own, rows - diagonal.clone() * 4.0)
    };
    f64::midpoint(of(similarities.clone()), of(similarities.clone().transpose()))
}
