//! `DeepCluster` v2 (Caron et al., 2018 and 2020): images are clustered before each epoch, and the
//! network learns their clusters.
//!
//! With `u` the embeddings at length 1, `C_h` the centroids of head `h`, and `y_h` the cluster of each
//! image there:
//!
//! ```text
//! L = mean over heads of mean over views and images of CE(u C_hᵀ / T, y_h)
//! ```
//!
//! Clusters are made of a memory: the embeddings that views 0 and 1 of each image had when it was last
//! seen, so no pass over the images is needed but one before the first epoch. Head `h` clusters memory
//! `h mod 2` by spherical k-means (module `k_means`) from images drawn anew each epoch. Centroids are
//! constants of the loss. Source: the `SwAV` paper, appendix D; facebookresearch/swav,
//! `main_deepclusterv2.py`. Where we differ: k-means begins with images of all ranks, not of rank 0;
//! the first memory is of undistorted images with the running statistics of batch norm; an image that
//! an epoch left out keeps its last embedding and a label, officially it has none. Numbers in tests:
//! `reference/objectives_clusters.py`.
//!
//! State: `images × d` values for each of the two memories (one where there is one head), and
//! `images × heads` labels.

mod k_means;
mod memory;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use barlow_nn::collective::CollectiveError;
use barlow_random::{Key, Permutation};
use burn::tensor::{Tensor, TensorData};

use crate::by_autodiff::by_autodiff;
use crate::classification::{accuracy, cross_entropy, targets};
use crate::constants::{Bounds, Constant, Constants};
use crate::gathered::{Gathered, gather_numbers};
use crate::image_labels::ImageLabels;
use crate::normalise::unit;
use crate::objective::{
    EpochContext, Evaluation, Finding, Layer, Objective, Reading, StepContext, ViewGradients,
    ViewOutputs,
};
use crate::registry::{Entry, Scope, Unfit};
use crate::variation::direction_variation;
use k_means::k_means;
use memory::Memory;

/// `DeepCluster` v2.
pub(crate) static ENTRY: Entry = Entry {
    name: "deepcluster",
    summary: "clusters of the last epoch's embeddings as labels (DeepCluster v2)",
    layer: Layer::Embedding,
    constants: &[
        Constant::integer("heads", 3, [1, 1000], "how many times images are clustered"),
        Constant::integer("prototypes", 300, [2, 1_000_000], "prototypes of each head"),
        Constant::number(
            "temperature",
            0.1,
            Bounds::from_to(0.001, 100.0),
            "temperature of the softmax",
        ),
        Constant::integer("iterations", 10, [1, 1000], "rounds of k-means"),
    ],
    preset: include_str!("../../../presets/objectives/deepcluster.toml"),
    create: |constants, scope| Ok(Box::new(DeepCluster::new(constants, scope)?)),
};

/// What the first centroids are drawn for.
const FIRST: u64 = u64::from_le_bytes(*b"kmeans1s");

const LABELS: &str = "labels";

/// Centroids, labels and what they are made of.
#[derive(Debug)]
struct DeepCluster {
    temperature: f64,
    iterations: usize,
    /// Of each head, `[prototypes, d]`, unit rows.
    centroids: Vec<Tensor<2>>,
    labels: ImageLabels,
    /// Of view 0 and, with two heads or more, of view 1.
    memories: Vec<Memory>,
}

impl DeepCluster {
    fn new(constants: &Constants, scope: &Scope) -> Result<Self, Unfit> {
        let (heads, prototypes) = (constants.integer("heads"), constants.integer("prototypes"));
        if prototypes > scope.images {
            // Only the images can tell, so no key is wrong by itself.
            return Err(Unfit::Images(format!(
                "`objective.prototypes` is {prototypes}, more than the {} images to cluster",
                scope.images
            )));
        }
        Ok(Self {
            temperature: constants.number("temperature"),
            iterations: constants.integer("iterations"),
            centroids: vec![Tensor::zeros([prototypes, scope.dim], scope.device); heads],
            labels: ImageLabels::new(scope.images, heads, prototypes),
            memories: vec![Memory::new(scope.images, scope.dim); heads.min(2)],
        })
    }

    fn prototypes(&self) -> usize {
        self.centroids[0].dims()[0]
    }

    /// Makes centroids and labels of the memories.
    fn cluster(&mut self, context: &EpochContext) {
        let images = self.memories[0].known();
        let device = self.centroids[0].device();
        let [prototypes, dim] = self.centroids[0].dims();
        let mut labels = Vec::new();
        for (head, centroids) in self.centroids.iter_mut().enumerate() {
            let rows = self.memories[head % self.memories.len()].rows_of(&images);
            let key = Key {
                seed: context.seed,
                purpose: FIRST,
                epoch: context.epoch,
                position: head as u64,
            };
            let order = Permutation::new(key, images.len() as u64);
            let first = (0..prototypes).flat_map(|k| {
                // Images that cannot be read may leave fewer than prototypes.
                let row = order.at((k % images.len()) as u64) as usize;
                rows[row * dim..(row + 1) * dim].iter().copied()
            });
            let first = TensorData::new(first.collect::<Vec<f32>>(), [prototypes, dim]);
            let first = Tensor::from_data(first, &device);
            let (found, of_images) = k_means(&rows, first, self.iterations, &device);
            *centroids = found;
            labels.push(of_images);
        }
        self.labels.replace(&images, &labels);
    }
}

impl Objective for DeepCluster {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn before_epoch(
        &mut self,
        context: &EpochContext,
        features: &mut dyn FnMut() -> Result<Tensor<2>, CollectiveError>,
    ) -> Result<(), CollectiveError> {
        if context.epoch == 0 {
            let rows = unit(features()?);
            for memory in &mut self.memories {
                memory.fill(&rows);
            }
        }
        if !self.memories[0].known().is_empty() {
            self.cluster(context);
        }
        Ok(())
    }

    fn evaluate(
        &self,
        views: &[ViewOutputs],
        context: &StepContext,
    ) -> Result<Evaluation, CollectiveError> {
        let gathered = Gathered::new(views.iter().map(ViewOutputs::online), context.collective)?;
        let (heads, count) = (self.centroids.len(), views.len());
        let device = self.centroids[0].device();
        let ids = gather_numbers(context.ids.iter().copied(), context.collective, &device)?;
        let labels: Vec<_> = (0..heads).map(|head| self.labels.of(&ids, head)).collect();
        let weight = 1.0 / (heads * count) as f64;
        let heads: Vec<[Tensor<2>; 2]> = self
            .centroids
            .iter()
            .zip(&labels)
            .map(|(centroids, labels)| {
                let targets = targets(labels, self.prototypes(), &device) * weight;
                [centroids.clone().transpose().autodiff(), targets.autodiff()]
            })
            .collect();
        let mut right = 0.0;
        let (loss, gradients) = by_autodiff(gathered.rows.clone(), |views| {
            let mut losses = Vec::new();
            for rows in views {
                let directions = unit(rows.clone());
                for ([centroids, targets], labels) in heads.iter().zip(&labels) {
                    let scores = directions.clone().matmul(centroids.clone());
                    right += accuracy(&scores.clone().inner(), labels).unwrap_or(0.0) * weight;
                    losses.push(cross_entropy(scores / self.temperature, targets.clone()));
                }
            }
            losses.into_iter().reduce(|a, b| a + b).expect("a batch has views")
        });
        let of_view = |gradient| ViewGradients::of_online(gathered.own(gradient));
        Ok(Evaluation {
            loss,
            terms: vec![("cluster_cross_entropy", loss)],
            measures: vec![
                ("accuracy", right),
                ("used_clusters", self.labels.used()),
                ("variation", direction_variation(&gathered.rows)),
            ],
            gradients: gradients.into_iter().map(of_view).collect(),
            ..Evaluation::default()
        })
    }

    fn after_step(
        &mut self,
        views: &[ViewOutputs],
        context: &StepContext,
    ) -> Result<(), CollectiveError> {
        let device = self.centroids[0].device();
        let ids = gather_numbers(context.ids.iter().copied(), context.collective, &device)?;
        for (memory, view) in self.memories.iter_mut().zip(views) {
            memory.write(&ids, &unit(context.collective.gather(view.online())?));
        }
        Ok(())
    }

    fn state(&self) -> BTreeMap<String, Tensor<2>> {
        let device = self.centroids[0].device();
        let centroids = self.centroids.iter().enumerate();
        let mut state: BTreeMap<_, _> = centroids
            .map(|(head, centroids)| (format!("centroids.{head}"), centroids.clone()))
            .collect();
        state.insert(LABELS.to_owned(), self.labels.to_tensor(&device));
        for (view, memory) in self.memories.iter().enumerate() {
            state.insert(format!("memory.{view}"), memory.to_tensor(&device));
        }
        state
    }

    fn restore(&mut self, mut state: BTreeMap<String, Tensor<2>>) {
        for (head, centroids) in self.centroids.iter_mut().enumerate() {
            if let Some(kept) = state.remove(&format!("centroids.{head}")) {
                *centroids = kept;
            }
        }
        if let Some(labels) = state.remove(LABELS) {
            self.labels.restore(&labels);
        }
        for (view, memory) in self.memories.iter_mut().enumerate() {
            if let Some(kept) = state.remove(&format!("memory.{view}")) {
                memory.fill(&kept);
            }
        }
    }

    fn has_collapsed(&self, evaluation: &Evaluation) -> bool {
        evaluation.is_constant() || self.labels.are_few(self.labels.used())
    }

    fn diagnose(&self, reading: &Reading) -> Option<Finding> {
        let advice = "lower `optimizer.base_learning_rate` or raise `objective.temperature`";
        self.labels.diagnose(reading.measure("used_clusters")?, advice)
    }
}
