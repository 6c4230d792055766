//! `SeLa` (Asano et al., 2020): labels that cost least among those that share the clusters equally.
//!
//! With `r` the representation of a view, linear heads `W_h`, `b_h`, and `y_h` the label of each image
//! in head `h`:
//!
//! ```text
//! L = mean over heads of mean over views and images of CE(r W_hᵀ + b_h, y_h)
//! ```
//!
//! Before an epoch, every `label_epochs`, the labels that make this loss smallest are found among those
//! that give each cluster equally many images: an optimal transport, solved softly by Sinkhorn's
//! algorithm on `softmax(r W_hᵀ + b_h)^λ` over all images. Source: the paper, sections 3.1 to 3.3;
//! yukimasano/self-label, `main.py`, `sinkhornknopp.py`. Where we differ: scores are those of undistorted
//! images with the running statistics of batch norm, officially of distorted ones while training;
//! all views of an image are trained on its label, officially one; all heads are labelled at a time, as
//! for ImageNet (for CIFAR one in turn); rounds end by the tolerance of the program for ImageNet, 0.1
//! (for CIFAR 0.01), or after [`labels::MAX_ROUNDS`]. Numbers in tests:
//! `reference/objectives_clusters.py`.
//!
//! State: `images × heads` labels. While labels are made, `images × clusters` f64 values are held.

mod labels;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use barlow_nn::Initializer;
use barlow_nn::collective::CollectiveError;
use burn::tensor::Tensor;

use crate::by_autodiff::by_autodiff;
use crate::classification::{LinearHead, accuracy, cross_entropy, scores, targets};
use crate::constants::{Bounds, Constant, Constants};
use crate::gathered::{Gathered, gather_numbers};
use crate::image_labels::ImageLabels;
use crate::objective::{
    EpochContext, Evaluation, Finding, Layer, Objective, Reading, StepContext, ViewGradients,
    ViewOutputs,
};
use crate::registry::{Entry, Scope, Unfit};
use crate::variation::variation;
use labels::{known, log_softmax};

/// `SeLa`.
pub(crate) static ENTRY: Entry = Entry {
    name: "sela",
    summary: "labels that fill clusters equally, found between epochs (SeLa)",
    layer: Layer::Representation,
    constants: &[
        Constant::integer("heads", 10, [1, 1000], "how many times images are clustered"),
        Constant::integer("clusters", 128, [2, 1_000_000], "clusters of each head"),
        Constant::number(
            "exponent",
            10.0,
            // Below, shares are almost equal; above, rounds do not end.
            Bounds::from_to(0.01, 1000.0),
            "sharpness of the shares from which labels are made (the paper's λ)",
        ),
        Constant::integer(
            "label_epochs",
            1,
            [1, 1_000_000],
            "labels are made every so many epochs",
        ),
    ],
    preset: include_str!("../../../presets/objectives/sela.toml"),
    create: |constants, scope| Ok(Box::new(SeLa::new(constants, scope)?)),
};

const LABELS: &str = "labels";

/// Heads and labels.
#[derive(Debug)]
struct SeLa {
    exponent: f64,
    label_epochs: u64,
    heads: Vec<LinearHead>,
    labels: ImageLabels,
}

impl SeLa {
    fn new(constants: &Constants, scope: &Scope) -> Result<Self, Unfit> {
        let (heads, clusters) = (constants.integer("heads"), constants.integer("clusters"));
        if clusters > scope.images {
            // Only the images can tell, so no key is wrong by itself.
            return Err(Unfit::Images(format!(
                "`objective.clusters` is {clusters}, more than the {} images to label",
                scope.images
            )));
        }
        let shape = [clusters, scope.dim];
        let initializer = Initializer::new(scope.seed, scope.device).part(ENTRY.name);
        let head = |head: usize| LinearHead::new(format!("head.{head}"), shape, &initializer);
        Ok(Self {
            exponent: constants.number("exponent"),
            label_epochs: constants.integer("label_epochs") as u64,
            heads: (0..heads).map(head).collect(),
            labels: ImageLabels::new(scope.images, heads, clusters),
        })
    }
}

impl Objective for SeLa {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn before_epoch(
        &mut self,
        context: &EpochContext,
        features: &mut dyn FnMut() -> Result<Tensor<2>, CollectiveError>,
    ) -> Result<(), CollectiveError> {
        if !context.epoch.is_multiple_of(self.label_epochs) {
            return Ok(());
        }
        let rows = features()?;
        let images = known(&rows);
        if images.is_empty() {
            return Ok(());
        }
        let of_head = |head: &LinearHead| {
            let logarithms = log_softmax(&rows, &images, &head.weight, &head.bias);
            labels::balanced(logarithms, head.classes(), self.exponent).0.labels().collect()
        };
        let heads: Vec<Vec<usize>> = self.heads.iter().map(of_head).collect();
        self.labels.replace(&images, &heads);
        Ok(())
    }

    fn evaluate(
        &self,
        views: &[ViewOutputs],
        context: &StepContext,
    ) -> Result<Evaluation, CollectiveError> {
        let gathered = Gathered::new(views.iter().map(ViewOutputs::online), context.collective)?;
        let count = views.len();
        let (clusters, device) = (self.heads[0].classes(), self.heads[0].bias.device());
        let ids = gather_numbers(context.ids.iter().copied(), context.collective, &device)?;
        let weight = 1.0 / (self.heads.len() * count) as f64;
        let of_head = |head: usize| {
            let labels = self.labels.of(&ids, head);
            let targets = targets(&labels, clusters, &device) * weight;
            (labels, targets.autodiff())
        };
        let wanted: Vec<_> = (0..self.heads.len()).map(of_head).collect();

        let mut inputs = gathered.rows.clone();
        inputs.extend(self.heads.iter().flat_map(LinearHead::parameters));
        let mut right = 0.0;
        let (loss, mut gradients) = by_autodiff(inputs, |inputs| {
            let (views, heads) = inputs.split_at(count);
            let mut losses = Vec::new();
            for (head, (labels, targets)) in heads.chunks_exact(2).zip(&wanted) {
                for rows in views {
                    let scores = scores(rows, &head[0], &head[1]);
                    right += accuracy(&scores.clone().inner(), labels).unwrap_or(0.0) * weight;
                    losses.push(cross_entropy(scores, targets.clone()));
                }
            }
            losses.into_iter().reduce(|a, b| a + b).expect("a batch has views")
        });
        let of_heads = gradients.split_off(count);
        let of_heads = self.heads.iter().zip(of_heads.chunks_exact(2));
        let of_heads = of_heads.flat_map(|(head, of)| head.named([of[0].clone(), of[1].clone()]));
        let of_view = |gradient| ViewGradients::of_online(gathered.own(gradient));
        Ok(Evaluation {
            loss,
            terms: vec![("cluster_cross_entropy", loss)],
            measures: vec![
                ("accuracy", right),
                ("used_clusters", self.labels.used()),
                ("variation", variation(&gathered.rows)),
            ],
            gradients: gradients.into_iter().map(of_view).collect(),
            parameter_gradients: of_heads.collect(),
            ..Evaluation::default()
        })
    }

    fn parameters(&self) -> BTreeMap<String, Tensor<2>> {
        self.heads.iter().flat_map(|head| head.named(head.parameters())).collect()
    }

    fn set_parameters(&mut self, mut parameters: BTreeMap<String, Tensor<2>>) {
        for head in &mut self.heads {
            head.take(&mut parameters);
        }
    }

    fn state(&self) -> BTreeMap<String, Tensor<2>> {
        [(LABELS.to_owned(), self.labels.to_tensor(&self.heads[0].bias.device()))].into()
    }

    fn restore(&mut self, mut state: BTreeMap<String, Tensor<2>>) {
        if let Some(labels) = state.remove(LABELS) {
            self.labels.restore(&labels);
        }
    }

    fn has_collapsed(&self, evaluation: &Evaluation) -> bool {
        evaluation.is_constant() || self.labels.are_few(self.labels.used())
    }

    fn diagnose(&self, reading: &Reading) -> Option<Finding> {
        let advice = "lower `optimizer.base_learning_rate` or raise `objective.exponent`";
        self.labels.diagnose(reading.measure("used_clusters")?, advice)
    }
}
