//! `SwAV` (Caron et al., 2020): the soft assignment of one view to prototypes is predicted from the
//! others.
//!
//! With `u` the embeddings at length 1, `C` the prototypes (unit rows, trained), `s_v = u_v Cᵀ`, and
//! `q_v` the codes of views 0 and 1: `exp(s_v / ε)` after a few rounds of Sinkhorn's algorithm, which
//! shares the prototypes equally among the batch, without gradient:
//!
//! ```text
//! L = mean over v in {0, 1} of mean over views w ≠ v of mean over images of CE(q_v, softmax(s_w / T))
//! ```
//!
//! A small batch cannot fill all prototypes; then a queue of earlier embeddings stands before it while
//! codes are made. Source: the paper, section 3; facebookresearch/swav, `main_swav.py`. Where we
//! differ: codes are made of the batch of all ranks at once (the official columns are scaled by rank,
//! which comes to the same); the prototypes are brought to length 1 after a step instead of before
//! the next; each view passes the encoder on its own, so batch norm never sees both large views
//! together; the queue fills from the first step and serves as soon as it is full and
//! `queue_from_step` is reached, officially it begins to fill there; its length need not be a multiple
//! of the batch. Numbers in tests: `reference/objectives_swav.py`.

mod queues;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use barlow_nn::Initializer;
use barlow_nn::collective::CollectiveError;
use burn::tensor::{Tensor, TensorData};

use crate::by_autodiff::by_autodiff;
use crate::classification::{best, cross_entropy};
use crate::constants::{Bounds, Constant, Constants};
use crate::gathered::Gathered;
use crate::normalise::unit;
use crate::objective::{
    Evaluation, Finding, LARGE, Layer, Objective, Reading, StepContext, Verdict, ViewGradients,
    ViewOutputs,
};
use crate::registry::{Entry, Scope};
use crate::sinkhorn::Plan;
use crate::variation::direction_variation;
use queues::Queues;

/// `SwAV`.
pub(crate) static ENTRY: Entry = Entry {
    name: "swav",
    summary: "soft assignment to prototypes predicted from the other views (SwAV)",
    layer: Layer::Embedding,
    constants: &[
        Constant::integer("prototypes", 3000, [2, 1_000_000], "prototypes"),
        Constant::number(
            "temperature",
            0.1,
            Bounds::from_to(0.001, 100.0),
            "temperature of the softmax",
        ),
        Constant::number(
            "epsilon",
            0.05,
            // Below, a code is one prototype, which the paper found to be worse (appendix C).
            Bounds::from_to(0.001, 1.0),
            "softness of the codes",
        ),
        Constant::integer("sinkhorn_iterations", 3, [1, 1000], "rounds of Sinkhorn's algorithm"),
        Constant::integer(
            "queue",
            0,
            [0, 10_000_000],
            "embeddings of earlier batches that are kept; 0 for none",
        ),
        Constant::integer("queue_from_step", 0, [0, i64::MAX], "step from which the queue is used"),
        Constant::integer(
            "frozen_steps",
            313,
            [0, i64::MAX],
            "steps in which the prototypes stay as they were drawn",
        ),
    ],
    preset: include_str!("../../../presets/objectives/swav.toml"),
    create: |constants, scope| Ok(Box::new(Swav::new(constants, scope))),
};

const PROTOTYPES: &str = "prototypes";

/// The share of all prototypes over which a code may be spread, as a perplexity: 1 is no choice.
const SPREAD: f64 = 0.98;

/// Prototypes and queues.
#[derive(Debug)]
struct Swav {
    temperature: f64,
    epsilon: f64,
    iterations: usize,
    queue_from_step: u64,
    frozen_steps: u64,
    /// `[prototypes, d]`, unit rows.
    prototypes: Tensor<2>,
    queues: Option<Queues>,
}

impl Swav {
    fn new(constants: &Constants, scope: &Scope) -> Self {
        let count = constants.integer("prototypes");
        let initializer = Initializer::new(scope.seed, scope.device).part(ENTRY.name);
        let queue = constants.integer("queue");
        Self {
            temperature: constants.number("temperature"),
            epsilon: constants.number("epsilon"),
            iterations: constants.integer("sinkhorn_iterations"),
            queue_from_step: constants.integer("queue_from_step") as u64,
            frozen_steps: constants.integer("frozen_steps") as u64,
            prototypes: unit(initializer.kaiming_uniform(PROTOTYPES, [count, scope.dim]).val()),
            queues: (queue > 0).then(|| Queues::new([queue, scope.dim], scope.device)),
        }
    }

    /// The code of each row of a view, `[n, prototypes]`, rows of sum 1.
    fn codes(&self, view: usize, rows: &Tensor<2>, step: u64) -> Vec<f64> {
        let own = rows.dims()[0];
        let directions = unit(rows.clone());
        let queue = self.queues.as_ref().filter(|_| step >= self.queue_from_step);
        let all = match queue.and_then(|queues| queues.full(view)) {
            Some(queue) => Tensor::cat(vec![queue, directions], 0),
            None => directions,
        };
        let count = all.dims()[0];
        let scores = all.matmul(self.prototypes.clone().transpose()).into_data();
        let logarithms = scores.iter::<f32>().map(|score| f64::from(score) / self.epsilon);
        let mut plan = Plan::new(logarithms.collect(), self.prototypes.dims()[0]);
        for _ in 0..self.iterations {
            plan.round();
        }
        plan.shares().skip(count - own).flatten().map(|share| share * count as f64).collect()
    }
}

impl Objective for Swav {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn evaluate(
        &self,
        views: &[ViewOutputs],
        context: &StepContext,
    ) -> Result<Evaluation, CollectiveError> {
        let gathered = Gathered::new(views.iter().map(ViewOutputs::online), context.collective)?;
        let count = views.len();
        let [n, _] = gathered.rows[0].dims();
        let device = self.prototypes.device();
        let prototypes = self.prototypes.dims()[0];
        let coded: Vec<Vec<f64>> = gathered
            .rows
            .iter()
            .take(LARGE)
            .enumerate()
            .map(|(view, rows)| self.codes(view, rows, context.step))
            .collect();
        let weight = 1.0 / (coded.len() * count.saturating_sub(1).max(1) * n) as f64;
        let weighted = coded.iter().map(|code| {
            let values = code.iter().map(|share| (share * weight) as f32).collect::<Vec<_>>();
            Tensor::<2>::from_data(TensorData::new(values, [n, prototypes]), &device)
        });
        let weighted: Vec<Tensor<2>> = weighted.collect();

        let mut inputs = gathered.rows.clone();
        inputs.push(self.prototypes.clone());
        let mut chosen = Vec::new();
        let (loss, mut gradients) = by_autodiff(inputs, |inputs| {
            let [views @ .., prototypes] = inputs else { unreachable!("they were put in") };
            let losses = views.iter().enumerate().filter_map(|(view, rows)| {
                let scores = unit(rows.clone()).matmul(prototypes.clone().transpose());
                chosen.extend(best(&scores.clone().inner()));
                let others = weighted.iter().enumerate().filter(|(of, _)| *of != view);
                let targets = others.map(|(_, code)| code.clone()).reduce(|a, b| a + b)?;
                Some(cross_entropy(scores / self.temperature, targets.autodiff()))
            });
            losses.reduce(|a, b| a + b).expect("a batch has two views")
        });
        let of_prototypes = gradients.pop().expect("of the prototypes");
        let is_free = context.step >= self.frozen_steps;
        chosen.sort_unstable();
        chosen.dedup();
        let of_view = |gradient| ViewGradients::of_online(gathered.own(gradient));
        Ok(Evaluation {
            loss,
            terms: vec![("swapped_prediction", loss)],
            measures: vec![
                ("code_perplexity_share", perplexity(&coded, prototypes) / prototypes as f64),
                ("used_prototypes", chosen.len() as f64),
                ("variation", direction_variation(&gathered.rows)),
            ],
            gradients: gradients.into_iter().map(of_view).collect(),
            parameter_gradients: is_free
                .then(|| (PROTOTYPES.to_owned(), of_prototypes))
                .into_iter()
                .collect(),
            ..Evaluation::default()
        })
    }

    fn after_step(
        &mut self,
        views: &[ViewOutputs],
        context: &StepContext,
    ) -> Result<(), CollectiveError> {
        if context.step >= self.frozen_steps {
            self.prototypes = unit(self.prototypes.clone());
        }
        if let Some(queues) = &mut self.queues {
            let views = views.iter().take(LARGE).map(ViewOutputs::online);
            queues.push(Gathered::new(views, context.collective)?.rows);
        }
        Ok(())
    }

    fn parameters(&self) -> BTreeMap<String, Tensor<2>> {
        [(PROTOTYPES.to_owned(), self.prototypes.clone())].into()
    }

    fn set_parameters(&mut self, mut parameters: BTreeMap<String, Tensor<2>>) {
        self.prototypes = parameters.remove(PROTOTYPES).unwrap_or_else(|| self.prototypes.clone());
    }

    fn state(&self) -> BTreeMap<String, Tensor<2>> {
        self.queues.as_ref().map(Queues::state).unwrap_or_default()
    }

    fn restore(&mut self, state: BTreeMap<String, Tensor<2>>) {
        if let Some(queues) = &mut self.queues {
            queues.restore(state);
        }
    }

    fn has_collapsed(&self, evaluation: &Evaluation) -> bool {
        let share = evaluation.measure("code_perplexity_share");
        evaluation.is_constant() || share.is_some_and(|share| share > SPREAD)
    }

    fn diagnose(&self, reading: &Reading) -> Option<Finding> {
        let share = reading.measure("code_perplexity_share")?;
        let prototypes = self.prototypes.dims()[0];
        (share > SPREAD).then(|| {
            Finding::new(
                Verdict::Collapsed,
                format!(
                    "the code of an image is spread evenly over {:.0} of {prototypes} prototypes, so \
                     that all images have the same; lower `objective.epsilon` (now {}; 0.03 at the \
                     least is usual) or raise `objective.frozen_steps` (now {})",
                    share * prototypes as f64,
                    self.epsilon,
                    self.frozen_steps,
                ),
            )
        })
    }
}

/// Over how many prototypes a code is spread: the exponential of the mean entropy.
fn perplexity(codes: &[Vec<f64>], prototypes: usize) -> f64 {
    let entropy = |code: &f64| if *code > 0.0 { -code * code.ln() } else { 0.0 };
    let rows: usize = codes.iter().map(|codes| codes.len() / prototypes).sum();
    (codes.iter().flatten().map(entropy).sum::<f64>() / rows.max(1) as f64).exp()
}
