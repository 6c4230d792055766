//! `MoCo` (He et al., 2020; version 2, Chen et al., 2020): each image's first view is to be told by its
//! second from a queue of earlier images.
//!
//! With `q` the embeddings of view 0 and `k` those that an averaged copy of the network makes of view 1,
//! both at length 1, `T` the temperature, and the queue's `K` rows `k⁻` of earlier steps:
//!
//! ```text
//! L = mean of  -log  exp(q·k / T) / (exp(q·k / T) + Σ exp(q·k⁻ / T))
//! ```
//!
//! A gradient reaches `q` only. After the step the `n` keys replace the oldest rows; `K` is rounded down
//! to whole batches. Batch norm works in groups of neighbouring images, and the copy sees the batch in
//! another order, so that no statistics of a group tell which key belongs to it.
//!
//! Source: paper algorithm 1 and section 3.3, facebookresearch/moco `moco/builder.py`, and the authors'
//! demo on CIFAR-10 for groups on one device. The random first queue is theirs, too.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use barlow_nn::collective::CollectiveError;
use barlow_random::Key;
use burn::tensor::{Device, Tensor, TensorData};

use crate::by_autodiff::by_autodiff;
use crate::constants::{Bounds, Constant, Constants};
use crate::contrast::{self, accuracy, cross_entropy, log_sum_exp};
use crate::gathered::Gathered;
use crate::normalise::unit;
use crate::objective::{
    Evaluation, Finding, Layer, Needs, Objective, Reading, StepContext, Target, ViewGradients,
    ViewOutputs, Views,
};
use crate::registry::{Entry, Scope, Unfit};
use crate::variation::direction_variation;

/// `MoCo`.
pub(crate) static ENTRY: Entry = Entry {
    name: "moco",
    summary: "each image's other view, by an averaged copy of the network, found in a queue of \
              earlier images",
    layer: Layer::Embedding,
    constants: &[
        Constant::number(
            "temperature",
            0.2,
            Bounds::from_to(0.001, 100.0),
            "what similarities are divided by: the lower, the more the nearest others count",
        ),
        Constant::integer(
            "queue",
            4096,
            [2, 16_777_216],
            "images of earlier steps that are kept, rounded down to whole batches",
        ),
        Constant::number(
            "target_momentum",
            0.99,
            Bounds::from_to(0.0, 1.0),
            "share of the averaged copy that a step keeps",
        ),
        Constant::integer(
            "batch_norm_groups",
            8,
            [1, 65_536],
            "groups of images in a batch that are normalised apart; 1 for the batch as a whole",
        ),
    ],
    preset: include_str!("../../../presets/objectives/moco.toml"),
    create: |constants, scope| Ok(Box::new(MoCo::new(constants, scope)?)),
};

/// The view that gets the gradient, and the one that the averaged copy sees.
const QUERY: usize = 0;
const KEY: usize = 1;

/// What the first queue is drawn for.
const FIRST_QUEUE: u64 = u64::from_le_bytes(*b"queue   ");

#[derive(Debug)]
struct MoCo {
    temperature: f64,
    target_momentum: f64,
    batch_norm_groups: usize,
    /// `[K, d]`, rows of length 1.
    queue: Tensor<2>,
    /// The oldest row, where the next keys go.
    pointer: usize,
}

impl MoCo {
    fn new(constants: &Constants, scope: &Scope) -> Result<Self, Unfit> {
        let (images, queue) = (scope.batch_size.max(1), constants.integer("queue"));
        let length = queue - queue % images;
        if length == 0 {
            return Err(Unfit::Key {
                key: "objective.queue",
                allowed: format!("at least {images}, which is `train.batch_size`"),
            });
        }
        let batch_norm_groups = constants.integer("batch_norm_groups");
        if batch_norm_groups > 1 && images / batch_norm_groups < 2 {
            return Err(Unfit::Key {
                key: "objective.batch_norm_groups",
                allowed: format!(
                    "at most {}, for two images in each group, as `train.batch_size` is {images}",
                    (images / 2).max(1)
                ),
            });
        }
        Ok(Self {
            temperature: constants.number("temperature"),
            target_momentum: constants.number("target_momentum"),
            batch_norm_groups,
            queue: first_queue([length, scope.dim], scope.seed, scope.device),
            pointer: 0,
        })
    }
}

/// Random directions, `[K, d]`.
fn first_queue([length, dim]: [usize; 2], seed: u64, device: &Device) -> Tensor<2> {
    let mut stream = Key { seed, purpose: FIRST_QUEUE, ..Key::default() }.stream();
    let values: Vec<f32> = (0..length * dim).map(|_| stream.normal() as f32).collect();
    unit(Tensor::from_data(TensorData::new(values, [length, dim]), device))
}

impl Objective for MoCo {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn needs(&self) -> Needs {
        Needs {
            online: Views::Only(QUERY),
            predictor: None,
            target: Some(Target { views: Views::Only(KEY), is_shuffled: true }),
            batch_norm_groups: self.batch_norm_groups,
            most_views: Some(2),
        }
    }

    fn evaluate(
        &self,
        views: &[ViewOutputs],
        context: &StepContext,
    ) -> Result<Evaluation, CollectiveError> {
        let outputs = [views[QUERY].online(), views[KEY].target()];
        let outputs = Gathered::new(outputs, context.collective)?;
        let keys = unit(outputs.rows[1].clone()).autodiff();
        let queue = self.queue.clone().transpose().autodiff();
        let mut right = 0.0;
        let (loss, mut gradients) = by_autodiff(vec![outputs.rows[0].clone()], |queries| {
            let queries = unit(queries[0].clone());
            let positive = (queries.clone() * keys).sum_dim(1) / self.temperature;
            let negatives = queries.matmul(queue) / self.temperature;
            right = accuracy(positive.clone(), negatives.clone());
            cross_entropy(positive, log_sum_exp(negatives)).mean_dim(0).reshape([1])
        });
        let of_queries = gradients.pop().map(|rows| outputs.own(rows));
        let mut gradients = vec![ViewGradients::default(); views.len()];
        gradients[QUERY].online = of_queries;
        Ok(Evaluation {
            loss,
            terms: vec![("contrastive", loss)],
            measures: vec![("accuracy", right), ("variation", direction_variation(&outputs.rows))],
            gradients,
            ..Evaluation::default()
        })
    }

    fn after_step(
        &mut self,
        views: &[ViewOutputs],
        context: &StepContext,
    ) -> Result<(), CollectiveError> {
        let keys = unit(context.collective.gather(views[KEY].target())?);
        let [length, dim] = self.queue.dims();
        let end = self.pointer + keys.dims()[0];
        let queue = self.queue.clone();
        self.queue = queue.slice_assign([self.pointer..end, 0..dim], keys);
        self.pointer = end % length;
        Ok(())
    }

    fn target_momentum(&self, _context: &StepContext) -> f64 {
        self.target_momentum
    }

    fn state(&self) -> BTreeMap<String, Tensor<2>> {
        let pointer = Tensor::full([1, 1], self.pointer as f32, &self.queue.device());
        [("queue".to_owned(), self.queue.clone()), ("pointer".to_owned(), pointer)].into()
    }

    fn restore(&mut self, mut state: BTreeMap<String, Tensor<2>>) {
        if let Some(queue) = state.remove("queue") {
            self.queue = queue;
        }
        if let Some(pointer) = state.remove("pointer") {
            self.pointer = pointer.into_scalar::<f32>() as usize;
        }
    }

    fn diagnose(&self, reading: &Reading) -> Option<Finding> {
        contrast::diagnose(reading, self.queue.dims()[0] + 1)
    }
}
