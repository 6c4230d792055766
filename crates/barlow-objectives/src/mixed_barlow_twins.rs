//! Mixed Barlow Twins (Bandara et al., 2023): Barlow Twins, and a third view, mixed of the two, whose
//! correlations are to be the mixture of theirs.
//!
//! With a mixture `m = a x₀ + (1-a) x₁[π]` of the images of both views, `a` uniform in 0 to 1 and `π` a
//! random order of the batch, both drawn once a step, and `Z₀`, `Z₁`, `Z` the embeddings of the views and
//! of the mixture, each standardised over the batch:
//!
//! ```text
//! L = Barlow Twins(Z₀, Z₁) + r λ Σᵥ |ZᵀZᵥ / n - (a Z₀ᵀZᵥ + (1-a) Z₁[π]ᵀZᵥ) / n|²
//! ```
//!
//! The difference in bars is `EᵀZᵥ / n` with `E = Z - a Z₀ - (1-a) Z₁[π]`, so two products and their
//! ways back are all it takes. What the mixture is compared with carries gradient, too.
//!
//! Source: wgcban/mix-bt, main.py (CIFAR). Where we differ: `a` and `π` are a function of seed and step;
//! embeddings are not brought to length 1 first, and deviations are biased with 1e-5 in them, both as
//! in Barlow Twins; the official ImageNet program takes
//! `a Z₁ᵀZ₁` in the second sum, which is not what was mixed, and raises `r` over ten epochs. Numbers in
//! tests: `reference/objectives_barlow_twins.py`.

#[cfg(test)]
mod tests;

use barlow_nn::collective::CollectiveError;
use barlow_random::{Key, Permutation};
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::barlow_twins::BarlowTwins;
use crate::constants::{Bounds, Constant};
use crate::cross_correlation::CrossCorrelation;
use crate::gathered::Gathered;
use crate::objective::{
    Evaluation, Finding, Layer, Needs, Objective, Reading, StepContext, ViewGradients, ViewOutputs,
};
use crate::registry::Entry;
use crate::standardise::{Standardised, host_sum};

/// Mixed Barlow Twins.
pub(crate) static ENTRY: Entry = Entry {
    name: "mixed-barlow-twins",
    summary: "Barlow Twins, and a mixture of two images that correlates as its parts do",
    layer: Layer::Embedding,
    constants: &[
        Constant::number(
            "lambda",
            BarlowTwins::LAMBDA,
            Bounds::from_to(0.0, 1e6),
            "weight of the redundancy-reduction term",
        ),
        Constant::number(
            "regularization",
            4.0,
            Bounds::from_to(0.0, 1e6),
            "weight of the mixing term, as a multiple of lambda",
        ),
    ],
    preset: include_str!("../../../presets/objectives/mixed-barlow-twins.toml"),
    create: |constants, _| {
        Ok(Box::new(MixedBarlowTwins {
            plain: BarlowTwins::new(constants.number("lambda")),
            weight: constants.number("regularization") * constants.number("lambda"),
        }))
    },
};

/// What a mixture is drawn for.
const MIX: u64 = u64::from_le_bytes(*b"mixture ");

/// Mixed Barlow Twins.
#[derive(Debug)]
struct MixedBarlowTwins {
    plain: BarlowTwins,
    /// `r λ`.
    weight: f64,
}

/// How one step mixes images.
#[derive(Debug, Clone, PartialEq)]
struct Mixture {
    /// The share of the first view.
    a: f64,
    /// For each image of the batch the one whose second view is mixed in.
    order: Vec<usize>,
}

/// The mixing term and its gradients.
struct Mixing {
    /// `Σᵥ |EᵀZᵥ / n|²`.
    term: f64,
    /// For the embeddings of both views and of the mixture, `[n, d]`.
    gradients: [Tensor<2>; 3],
}

impl Mixture {
    /// That of a step over `images` images.
    fn draw(seed: u64, step: u64, images: usize) -> Self {
        let key = |position| Key { seed, purpose: MIX, epoch: step, position };
        let order = Permutation::new(key(1), images as u64);
        Self {
            a: key(0).stream().unit(),
            order: (0..images as u64).map(|image| order.at(image) as usize).collect(),
        }
    }

    /// `first` and, in another order, `second`, mixed.
    fn of(&self, first: Tensor<2>, second: &Tensor<2>) -> Tensor<2> {
        let second = second.clone().select(0, indices(&self.order, &second.device()));
        first * self.a + second * (1.0 - self.a)
    }

    /// The gradient for `second`, given the one for the mixture.
    fn backward_second(&self, gradient: &Tensor<2>) -> Tensor<2> {
        let mut back = vec![0; self.order.len()];
        self.order.iter().enumerate().for_each(|(image, &other)| back[other] = image);
        gradient.clone().select(0, indices(&back, &gradient.device())) * (1.0 - self.a)
    }
}

fn indices(places: &[usize], device: &Device) -> Tensor<1, Int> {
    let places: Vec<i64> = places.iter().map(|&place| place as i64).collect();
    let count = places.len();
    Tensor::from_data(TensorData::new(places, [count]), device)
}

/// The mixing term of the embeddings of both views and of the mixture, each `[n, d]`.
fn mixing([first, second, mixed]: [Tensor<2>; 3], mixture: &Mixture) -> Mixing {
    let [first, second, mixed] = [first, second, mixed].map(Standardised::new);
    let views = [&first, &second];
    let parts = mixture.of(first.values.clone(), &second.values);
    let error = mixed.values.clone() - parts;
    let mut term = 0.0;
    let mut for_error = error.zeros_like();
    let mut for_views = views.map(|view| {
        let product = CrossCorrelation::new(error.clone(), view.values.clone());
        let matrix = product.matrix.clone();
        term += host_sum(&(matrix.clone() * matrix.clone()).sum_dim(1));
        let [of_error, of_view] = product.backward(matrix * 2.0);
        for_error = for_error.clone() + of_error;
        of_view
    });
    for_views[0] = for_views[0].clone() - for_error.clone() * mixture.a;
    for_views[1] = for_views[1].clone() - mixture.backward_second(&for_error);
    let [for_first, for_second] = for_views;
    Mixing {
        term,
        gradients: [
            first.backward(for_first),
            second.backward(for_second),
            mixed.backward(for_error),
        ],
    }
}

impl MixedBarlowTwins {
    /// Loss, terms and gradients of a step that mixed so; measures and floor are those of Barlow Twins.
    fn evaluate_mixed(
        &self,
        views: &[ViewOutputs],
        mixture: &Mixture,
        context: &StepContext,
    ) -> Result<Evaluation, CollectiveError> {
        let online = views.iter().map(ViewOutputs::online);
        let gathered = Gathered::new(online, context.collective)?;
        let mixing = mixing([0, 1, 2].map(|view| gathered.rows[view].clone()), mixture);
        let mut evaluation = self.plain.evaluate_rows(&gathered.rows[..2]);
        evaluation.loss += self.weight * mixing.term;
        evaluation.terms.push(("mixing", mixing.term));
        evaluation.gradients.push(ViewGradients::default());
        for (gradients, mixing) in evaluation.gradients.iter_mut().zip(mixing.gradients) {
            let mixing = mixing * self.weight;
            let sum = match gradients.online.take() {
                Some(plain) => plain + mixing,
                None => mixing,
            };
            gradients.online = Some(gathered.own(sum));
        }
        Ok(evaluation)
    }
}

impl Objective for MixedBarlowTwins {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn needs(&self) -> Needs {
        Needs { most_views: Some(2), ..Needs::default() }
    }

    fn before_views(
        &self,
        mut views: Vec<Tensor<4>>,
        context: &StepContext,
    ) -> Result<Vec<Tensor<4>>, CollectiveError> {
        let shape @ [n, channels, height, width] = views[0].dims();
        let rows = [0, 1]
            .map(|view: usize| views[view].clone().inner().reshape([n, channels * height * width]));
        let gathered = Gathered::new(rows, context.collective)?;
        let [first, second] = [0, 1].map(|view| gathered.rows[view].clone());
        let mixture = Mixture::draw(context.seed, context.step, first.dims()[0]);
        let mixed = gathered.own(mixture.of(first, &second));
        views.push(mixed.reshape(shape).autodiff());
        Ok(views)
    }

    fn evaluate(
        &self,
        views: &[ViewOutputs],
        context: &StepContext,
    ) -> Result<Evaluation, CollectiveError> {
        let images = views[0].online().dims()[0] * context.collective.world();
        let mixture = Mixture::draw(context.seed, context.step, images);
        self.evaluate_mixed(views, &mixture, context)
    }

    fn has_collapsed(&self, evaluation: &Evaluation) -> bool {
        self.plain.has_collapsed(evaluation)
    }

    fn diagnose(&self, reading: &Reading) -> Option<Finding> {
        self.plain.diagnose(reading)
    }
}
