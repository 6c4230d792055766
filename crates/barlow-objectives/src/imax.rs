//! IMAX (Becker and Hinton, 1992, in the form of Zbontar et al., 2021, section 5): what two views have
//! in common against what they differ in, as Gaussians.
//!
//! With `A` and `B` the embeddings standardised over the batch (`n` rows, `d` columns):
//!
//! ```text
//! L = ln |Cov(A - B) + δI| - ln |Cov(A + B) + δI|
//! ```
//!
//! Covariances divide by n-1. Without δ the loss has no lower bound and ignores the scale of the
//! embeddings; with it, and with the scale fixed by standardisation, views that agree in every
//! dimension have `d ln δ - ln |…|`. Gradients in closed form, with `D = A - B` and `S = A + B`:
//!
//! ```text
//! P = 2/(n-1) D (Cov D + δI)⁻¹,    Q = 2/(n-1) S (Cov S + δI)⁻¹,    ∂L/∂A = P - Q,    ∂L/∂B = -P - Q
//! ```
//!
//! Source: Barlow Twins paper, section 5, whose authors had no success with it on ImageNet; there is no
//! official program and no published recipe. Where we differ: standardisation and δ. Determinants and
//! inverses in f64 on the host. Numbers in tests: `reference/objectives_information.py`.

use barlow_nn::collective::CollectiveError;
use burn::tensor::Tensor;
use nalgebra::DMatrix;

use crate::constants::{Bounds, Constant};
use crate::gathered::Gathered;
use crate::host::{self, columns, rows, second_moments};
use crate::objective::{
    Evaluation, Finding, Layer, Needs, Objective, Reading, StepContext, Verdict, ViewGradients,
    ViewOutputs,
};
use crate::registry::Entry;
use crate::standardise::Standardised;

/// IMAX.
pub(crate) static ENTRY: Entry = Entry {
    name: "imax",
    summary: "information that two views share, as Gaussians have it",
    layer: Layer::Embedding,
    constants: &[Constant::number(
        "delta",
        0.01,
        Bounds::above(0.0, 1e3),
        "added to the variances of the views' difference and sum",
    )],
    preset: include_str!("../../../presets/objectives/imax.toml"),
    create: |constants, _| Ok(Box::new(Imax { delta: constants.number("delta") })),
};

/// The IMAX objective.
#[derive(Debug, Clone, Copy)]
struct Imax {
    delta: f64,
}

/// `ln |Cov + δI|` of centred columns `X`, `d×n`, and its gradient `2/(n-1) (Cov + δI)⁻¹ X`; nothing
/// where a number is not finite.
fn log_determinant(x: &DMatrix<f64>, delta: f64) -> Option<(f64, DMatrix<f64>)> {
    let degrees = (x.ncols() as f64 - 1.0).max(1.0);
    let (value, solved) = host::log_determinant(second_moments(x, degrees), delta, x)?;
    Some((value, solved * (2.0 / degrees)))
}

impl Objective for Imax {
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
        let both: Vec<Standardised> =
            gathered.rows.iter().cloned().map(Standardised::new).collect();
        let (a, b) = (columns(&both[0].values), columns(&both[1].values));
        let variation = both[0].variation.min(both[1].variation);
        let mut evaluation = Evaluation {
            measures: vec![("mean_diagonal", a.dot(&b) / (n * d) as f64), ("variation", variation)],
            gradients: vec![ViewGradients::default(); views.len()],
            ..Evaluation::default()
        };
        let difference = log_determinant(&(&a - &b), self.delta);
        let sum = log_determinant(&(a + b), self.delta);
        let (Some((difference, p)), Some((sum, q))) = (difference, sum) else {
            evaluation.fault = Some(
                "a covariance has no determinant: an embedding is not finite, or \
                 `objective.delta` is too small"
                    .to_owned(),
            );
            return Ok(evaluation);
        };
        evaluation.loss = difference - sum;
        evaluation.terms =
            vec![("log_determinant_difference", difference), ("log_determinant_sum", sum)];
        // A sum of views that agree has variance 4 in each dimension; δ is none of theirs.
        let volume = ((sum / d as f64).exp() - self.delta).max(0.0) / 4.0;
        evaluation.measures.push(("volume", volume));
        let own = |view: usize, gradient: DMatrix<f64>| {
            let gradient: Tensor<2> = both[view].backward(rows(&gradient, &device));
            ViewGradients::of_online(gathered.own(gradient))
        };
        evaluation.gradients = vec![own(0, &p - &q), own(1, -p - q)];
        Ok(evaluation)
    }

    fn diagnose(&self, reading: &Reading) -> Option<Finding> {
        let (n, d) = (reading.batch_size, reading.dim);
        if n <= d {
            return Some(Finding::new(
                Verdict::BatchTooSmall,
                format!(
                    "{n} images in a batch span at most {} of the embedding's {d} dimensions, so \
                     determinants say nothing of the others; use batches of {} images or more, or \
                     a projector that ends with at most {} dimensions",
                    n.saturating_sub(1),
                    2 * d,
                    (n / 2).max(1),
                ),
            ));
        }
        let volume = reading.measure("volume")?;
        (volume < CROWDED).then(|| {
            Finding::new(
                Verdict::Redundant,
                format!(
                    "the embeddings fill few of their {d} dimensions: the geometric mean of their \
                     variances is {volume:.3} of the most it can be (healthy: above {CROWDED}); end \
                     the projector with fewer dimensions"
                ),
            )
        })
    }
}

/// Geometric mean of variances, as a share of the most, below which most dimensions repeat others.
const CROWDED: f64 = 0.02;

#[cfg(test)]
mod tests;
