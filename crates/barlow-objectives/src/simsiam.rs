//! `SimSiam` (Chen and He, 2020): a predictor is to tell the other view's embedding, which counts as
//! given; neither negatives nor an averaged copy.
//!
//! With `p` the predictions and `z` the embeddings:
//!
//! ```text
//! L = -½ ( mean cos(p₀, z₁) + mean cos(p₁, z₀) )
//! ```
//!
//! from 0 at first towards -1. No gradient reaches `z` but through its prediction; with
//! `stop_gradient = false` one does, and outputs collapse, which the paper shows and this is for. With
//! small views beside the two large ones, the mean over the pairs of module `prediction`.
//!
//! Source: paper equations 1 to 4, facebookresearch/simsiam: projector with a last batch norm without
//! scale and shift, predictor of constant rate whose last layer has a bias.

use barlow_nn::ProjectorConfig;
use barlow_nn::collective::CollectiveError;
use burn::tensor::Tensor;

use crate::by_autodiff::by_autodiff;
use crate::constants::Constant;
use crate::gathered::Gathered;
use crate::normalise::unit;
use crate::objective::{
    Evaluation, Finding, Layer, Needs, Objective, Predictor, Reading, StepContext, ViewGradients,
    ViewOutputs, Views,
};
use crate::prediction;
use crate::registry::Entry;

/// `SimSiam`.
pub(crate) static ENTRY: Entry = Entry {
    name: "simsiam",
    summary: "the other view's embedding, predicted and taken as given",
    layer: Layer::Embedding,
    constants: &[
        Constant::widths("predictor", "128-512", "widths of the predictor's layers"),
        Constant::boolean(
            "stop_gradient",
            true,
            "whether the other view's embedding counts as given; if not, outputs collapse",
        ),
    ],
    preset: include_str!("../../../presets/objectives/simsiam.toml"),
    create: |constants, scope| {
        let predictor = prediction::predictor(constants, scope)?;
        Ok(Box::new(SimSiam {
            predictor: ProjectorConfig { bias: true, ..predictor },
            stop_gradient: constants.boolean("stop_gradient"),
        }))
    },
};

#[derive(Debug)]
struct SimSiam {
    predictor: ProjectorConfig,
    stop_gradient: bool,
}

/// `[1]`, of predictions and of the embeddings they are to tell.
fn similarity(predictions: &[Tensor<2>], embeddings: &[Tensor<2>]) -> Tensor<1> {
    let cosine = |(view, large): (usize, usize)| {
        let product = unit(predictions[view].clone()) * unit(embeddings[large].clone());
        product.sum_dim(1).mean_dim(0)
    };
    let cosines: Vec<Tensor<2>> = prediction::pairs(predictions.len()).map(cosine).collect();
    -Tensor::cat(cosines, 0).mean_dim(0).reshape([1])
}

impl Objective for SimSiam {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn needs(&self) -> Needs {
        let config = self.predictor.clone();
        let predictor = Predictor { config, views: Views::All, has_constant_rate: true };
        Needs { predictor: Some(predictor), ..Needs::default() }
    }

    fn evaluate(
        &self,
        views: &[ViewOutputs],
        context: &StepContext,
    ) -> Result<Evaluation, CollectiveError> {
        let online = Gathered::new(views.iter().map(ViewOutputs::online), context.collective)?;
        let outputs = Gathered::new(views.iter().map(ViewOutputs::prediction), context.collective)?;
        let count = views.len();
        let mut inputs = outputs.rows.clone();
        if !self.stop_gradient {
            inputs.extend(online.rows.iter().cloned());
        }
        let (loss, mut gradients) = by_autodiff(inputs, |inputs| {
            let (predictions, embeddings) = inputs.split_at(count);
            if self.stop_gradient {
                let given: Vec<_> = online.rows.iter().cloned().map(Tensor::autodiff).collect();
                similarity(predictions, &given)
            } else {
                similarity(predictions, embeddings)
            }
        });
        let mut of_embeddings = gradients.split_off(count).into_iter();
        let gradient = |rows| ViewGradients {
            online: of_embeddings.next().map(|rows| online.own(rows)),
            prediction: Some(outputs.own(rows)),
        };
        Ok(Evaluation {
            loss,
            terms: vec![("similarity", loss)],
            measures: prediction::measures(&online.rows),
            gradients: gradients.into_iter().map(gradient).collect(),
            ..Evaluation::default()
        })
    }

    fn has_collapsed(&self, evaluation: &Evaluation) -> bool {
        prediction::has_collapsed(evaluation)
    }

    fn diagnose(&self, reading: &Reading) -> Option<Finding> {
        prediction::diagnose(
            reading,
            if self.stop_gradient {
                "keep batch norm in projector and predictor, or lower \
                 `optimizer.base_learning_rate`"
            } else {
                "set `objective.stop_gradient` to true"
            },
        )
    }
}
