//! W-MSE (Ermolov et al., 2021): the embeddings of every view are whitened, then those of an image
//! pulled together.
//!
//! The batch is cut into slices of m images, in an order drawn for each step and the same for all
//! views. Each view of each slice is whitened by itself (module `whitening`); with `y` the whitened
//! embeddings and `cos` the cosine between two of them:
//!
//! ```text
//! L = mean over slices, pairs of views a < b and images of  2 - 2 cos(yₐ, y_b)
//! ```
//!
//! Images beyond the last whole slice are left out. Gradients go through the whitening of both views,
//! in closed form.
//!
//! Source: paper sections 3 and 4, official htdt/self-supervised, `methods/w_mse.py`, `whitening.py`.
//! Where we differ: whitened in f64 on the host; one order of the batch per step (official: one, or
//! four for larger images); embeddings of all ranks make one batch. Numbers in tests:
//! `reference/objectives_information.py`.

#[cfg(test)]
mod tests;
mod whitening;

use barlow_nn::collective::CollectiveError;
use barlow_random::{Key, Permutation};
use nalgebra::DMatrix;

use crate::constants::{Bounds, Constant, Constants};
use crate::gathered::Gathered;
use crate::host::{Directions, columns, rows};
use crate::objective::{
    Evaluation, Finding, Layer, Objective, Reading, StepContext, Verdict, ViewGradients,
    ViewOutputs,
};
use crate::registry::{Entry, Scope, Unfit};
use crate::variation::variation;

use whitening::Whitened;

/// W-MSE.
pub(crate) static ENTRY: Entry = Entry {
    name: "w-mse",
    summary: "views of an image alike after whitening",
    layer: Layer::Embedding,
    constants: &[
        Constant::integer(
            "slice",
            128,
            [2, 65_536],
            "images that are whitened together; twice the length of an embedding is enough",
        ),
        Constant::number(
            "epsilon",
            0.0,
            Bounds::from_to(0.0, 0.999),
            "share of the identity in the covariance that is whitened",
        ),
    ],
    preset: include_str!("../../../presets/objectives/w-mse.toml"),
    create: |constants, scope| Ok(Box::new(WMse::new(constants, scope)?)),
};

/// The W-MSE objective.
#[derive(Debug, Clone, Copy)]
struct WMse {
    slice: usize,
    epsilon: f64,
}

/// What the whitened views of a batch give.
struct Agreement {
    loss: f64,
    /// The least of any view of any slice.
    smallest_pivot: f64,
    /// For each view, `d×n`.
    gradients: Vec<DMatrix<f64>>,
}

impl WMse {
    /// What the random numbers are for, in the key of a step's slices.
    const PURPOSE: u64 = u64::from_be_bytes(*b"wmseslic");

    fn new(constants: &Constants, scope: &Scope) -> Result<Self, Unfit> {
        let (slice, epsilon) = (constants.integer("slice"), constants.number("epsilon"));
        let (dim, batch_size) = (scope.dim, scope.batch_size);
        let unfit = |allowed| Err(Unfit::Key { key: "objective.slice", allowed });
        if slice > batch_size {
            return unfit(format!("at most {batch_size}, the images in a batch"));
        }
        if slice <= dim && epsilon == 0.0 {
            return unfit(format!(
                "above {dim}, the length of an embedding, better twice it, or `objective.epsilon` \
                 above 0"
            ));
        }
        Ok(Self { slice, epsilon })
    }

    /// The positions in the batch of each slice's images.
    fn slices(&self, n: usize, context: &StepContext) -> Vec<Vec<usize>> {
        let key =
            Key { seed: context.seed, purpose: Self::PURPOSE, epoch: context.step, position: 0 };
        let order = Permutation::new(key, n as u64);
        let order: Vec<usize> = (0..n as u64).map(|place| order.at(place) as usize).collect();
        order.chunks_exact(self.slice).map(<[usize]>::to_vec).collect()
    }

    /// # Errors
    /// With a sentence, if a slice cannot be whitened.
    fn agreement(
        &self,
        views: &[DMatrix<f64>],
        slices: &[Vec<usize>],
    ) -> Result<Agreement, String> {
        let count = views.len() as f64;
        let terms = slices.len() as f64 * count * (count - 1.0) / 2.0 * self.slice as f64;
        let zeros = |view: &DMatrix<f64>| DMatrix::zeros(view.nrows(), view.ncols());
        let mut agreement = Agreement {
            loss: 2.0,
            smallest_pivot: 1.0,
            gradients: views.iter().map(zeros).collect(),
        };
        for (number, slice) in slices.iter().enumerate() {
            let mut whitened = Vec::new();
            for (view, embeddings) in views.iter().enumerate() {
                let own = Whitened::new(embeddings.select_columns(slice), self.epsilon);
                let own = own.ok_or_else(|| {
                    self.singular([number + 1, slices.len()], view, embeddings.nrows())
                })?;
                agreement.smallest_pivot = agreement.smallest_pivot.min(own.smallest_pivot);
                whitened.push(own);
            }
            let directions: Vec<Directions> =
                whitened.iter().map(|own| Directions::new(own.values.clone())).collect();
            let all: DMatrix<f64> = directions.iter().map(|own| &own.values).sum();
            for (view, (own, direction)) in whitened.iter().zip(&directions).enumerate() {
                let others = &all - &direction.values;
                // Each pair is met twice, once from either side.
                agreement.loss -= direction.values.dot(&others) / terms;
                let gradient = own.backward(direction.backward(others * (-2.0 / terms)));
                for (&image, gradient) in slice.iter().zip(gradient.column_iter()) {
                    agreement.gradients[view].set_column(image, &gradient);
                }
            }
        }
        Ok(agreement)
    }

    /// Why a slice cannot be whitened.
    fn singular(&self, [number, all]: [usize; 2], view: usize, dim: usize) -> String {
        format!(
            "the {} embeddings of view {view} in slice {number} of {all} span fewer than {dim} \
             dimensions and cannot be whitened; end the projector with fewer dimensions, at most \
             half of `objective.slice`, or raise `objective.epsilon`",
            self.slice
        )
    }
}

impl Objective for WMse {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn evaluate(
        &self,
        views: &[ViewOutputs],
        context: &StepContext,
    ) -> Result<Evaluation, CollectiveError> {
        let gathered = Gathered::new(views.iter().map(ViewOutputs::online), context.collective)?;
        let [n, _] = gathered.rows[0].dims();
        let device = gathered.rows[0].device();
        let embeddings: Vec<DMatrix<f64>> = gathered.rows.iter().map(columns).collect();
        let mut evaluation = Evaluation {
            measures: vec![("variation", variation(&gathered.rows))],
            gradients: vec![ViewGradients::default(); views.len()],
            ..Evaluation::default()
        };
        if !embeddings.iter().all(|view| view.iter().all(|value| value.is_finite())) {
            evaluation.fault = Some("an embedding is not finite".to_owned());
            return Ok(evaluation);
        }
        match self.agreement(&embeddings, &self.slices(n, context)) {
            Ok(agreement) => {
                evaluation.loss = agreement.loss;
                evaluation.terms.push(("agreement", agreement.loss));
                evaluation.measures.push(("smallest_pivot", agreement.smallest_pivot));
                let own = |gradient| Some(gathered.own(rows(gradient, &device)));
                let gradients = agreement.gradients.iter();
                evaluation.gradients = gradients
                    .map(|gradient| ViewGradients { online: own(gradient), prediction: None })
                    .collect();
            }
            Err(fault) => evaluation.fault = Some(fault),
        }
        Ok(evaluation)
    }

    fn diagnose(&self, reading: &Reading) -> Option<Finding> {
        let pivot = reading.measure("smallest_pivot")?;
        (pivot < DEPENDENT).then(|| {
            Finding::new(
                Verdict::Redundant,
                format!(
                    "a dimension of the embedding has only {pivot:.1e} of its variance for itself, \
                     the rest follows from others (healthy: above {DEPENDENT:e}), so whitening \
                     magnifies rounding; end the projector with fewer than {} dimensions or raise \
                     `objective.epsilon` (now {})",
                    reading.dim, self.epsilon
                ),
            )
        })
    }
}

/// Share of a dimension's variance below which what is left of it is rounding rather than images.
const DEPENDENT: f64 = 1e-6;
