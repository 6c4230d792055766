//! A queue of past embeddings, as `MoCo` has it: the first view is to find the second of the same
//! image among the batch and the queue. How sharp the choice is, is learned.

use std::collections::BTreeMap;

use barlow::nn::collective::CollectiveError;
use barlow::objectives::{
    Bounds, Constant, Entry, Evaluation, Layer, Objective, StepContext, ViewGradients, ViewOutputs,
    by_autodiff,
};
use burn::tensor::{Tensor, activation::log_softmax};

const CAPACITY: usize = 64;

/// What the program is told of it.
pub(crate) static ENTRY: Entry = Entry {
    name: "queue",
    summary: "the other view of an image among those of a batch and a queue",
    layer: Layer::Embedding,
    constants: &[Constant::number(
        "log_sharpness",
        2.3,
        Bounds::from_to(-5.0, 5.0),
        "logarithm of the sharpness of the choice at first",
    )],
    preset: "[projector]\nwidths = \"128-64\"\n",
    create: |constants, scope| {
        let sharpness = Tensor::full([1, 1], constants.number("log_sharpness"), scope.device);
        Ok(Box::new(Queue(sharpness, Tensor::zeros([CAPACITY, scope.dim], scope.device))))
    },
};

type Result<T> = std::result::Result<T, CollectiveError>;

/// Log sharpness, `[1, 1]`, and directions of past embeddings, `[CAPACITY, d]`.
#[derive(Debug)]
pub(crate) struct Queue(Tensor<2>, Tensor<2>);

impl Objective for Queue {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn evaluate(&self, views: &[ViewOutputs], context: &StepContext) -> Result<Evaluation> {
        let Self(sharpness, past) = self;
        let (queries, keys) = (views[0].online(), directions(views[1].online()));
        let (n, device) = (keys.dims()[0], keys.device());
        let keys = Tensor::cat(vec![keys, past.clone()], 0).transpose().autodiff();
        let (loss, mut gradients) = by_autodiff(vec![queries, sharpness.clone()], |inputs| {
            let similarities = directions(inputs[0].clone()).matmul(keys);
            let choice = log_softmax(similarities * inputs[1].clone().exp(), 1);
            let of_the_same = choice.slice([0..n, 0..n]) * Tensor::eye(n, &inputs[0].device());
            (of_the_same.sum_dim(1).mean_dim(0) / -(context.collective.world() as f64)).reshape([1])
        });
        let sum = |own| context.collective.sum(own);
        let of_sharpness = sum(gradients.remove(1).flatten(0, 1))?.reshape([1, 1]);
        let loss = sum(Tensor::from_floats([loss as f32], &device))?.into_scalar::<f32>().into();
        let of_queries = ViewGradients { online: gradients.pop(), prediction: None };
        Ok(Evaluation {
            loss,
            terms: vec![("choice", loss)],
            measures: vec![("log_sharpness", sharpness.clone().into_scalar::<f32>().into())],
            gradients: vec![of_queries, ViewGradients::default()],
            parameter_gradients: [("sharpness".to_owned(), of_sharpness)].into(),
            ..Evaluation::default()
        })
    }

    fn after_step(&mut self, views: &[ViewOutputs], context: &StepContext) -> Result<()> {
        let latest = directions(context.collective.gather(views[1].online())?);
        self.1 = Tensor::cat(vec![latest, self.1.clone()], 0).slice(0..CAPACITY);
        Ok(())
    }

    fn parameters(&self) -> BTreeMap<String, Tensor<2>> {
        [("sharpness".to_owned(), self.0.clone())].into()
    }

    fn set_parameters(&mut self, parameters: BTreeMap<String, Tensor<2>>) {
        self.0 = parameters["sharpness"].clone();
    }

    fn state(&self) -> BTreeMap<String, Tensor<2>> {
        [("past".to_owned(), self.1.clone())].into()
    }

    fn restore(&mut self, state: BTreeMap<String, Tensor<2>>) {
        self.1 = state["past"].clone();
    }
}

/// Rows of length 1: where an embedding points, not how long it is.
fn directions(rows: Tensor<2>) -> Tensor<2> {
    let squares = (rows.clone() * rows.clone()).sum_dim(1);
    rows / (squares + 1e-12).sqrt()
}
