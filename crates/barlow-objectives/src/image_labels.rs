//! A label for every image of the source in each of several heads, kept from epoch to epoch.

use burn::tensor::{Device, Tensor, TensorData};

use crate::objective::{Finding, Verdict};

/// The share of clusters that images must fill: k-means on any images fills more than half, and
/// equal shares are what `SeLa` asks for.
const FILLED: f64 = 0.1;

/// Where an image has no label.
const NONE: f32 = -1.0;

/// Labels of images.
#[derive(Debug, Clone)]
pub(crate) struct ImageLabels {
    heads: usize,
    clusters: usize,
    /// `[images, heads]`, [`NONE`] or a cluster; whole numbers that f32 holds.
    values: Vec<f32>,
    /// [`ImageLabels::used`].
    used: f64,
}

impl ImageLabels {
    /// None yet.
    pub(crate) fn new(images: usize, heads: usize, clusters: usize) -> Self {
        Self { heads, clusters, values: vec![NONE; images * heads], used: 0.0 }
    }

    /// How many images there are.
    pub(crate) fn images(&self) -> usize {
        self.values.len() / self.heads
    }

    /// Replaces all labels: for each head those of `images`, in their order; other images have none.
    pub(crate) fn replace(&mut self, images: &[usize], heads: &[Vec<usize>]) {
        self.values.fill(NONE);
        for (head, labels) in heads.iter().enumerate() {
            for (&image, &label) in images.iter().zip(labels) {
                self.values[image * self.heads + head] = label as f32;
            }
        }
        self.used = self.perplexity();
    }

    /// The labels of some images in a head.
    pub(crate) fn of(&self, ids: &[u64], head: usize) -> Vec<Option<usize>> {
        let of = |&id: &u64| {
            let label = *self.values.get(id as usize * self.heads + head)?;
            (label >= 0.0).then_some(label as usize)
        };
        ids.iter().map(of).collect()
    }

    /// How many clusters are used, of those there are: the exponential of the entropy of the labels,
    /// the mean over heads.
    pub(crate) fn used(&self) -> f64 {
        self.used
    }

    /// Whether so many used clusters, [`ImageLabels::used`], are those of images that look the same.
    pub(crate) fn are_few(&self, used: f64) -> bool {
        used < FILLED * self.clusters as f64
    }

    /// What is wrong where so many clusters are used, [`ImageLabels::used`], and what to do.
    pub(crate) fn diagnose(&self, used: f64, advice: &str) -> Option<Finding> {
        let clusters = self.clusters;
        self.are_few(used).then(|| {
            let reason = format!(
                "the labels of the images use {used:.1} of {clusters} clusters, so most images are \
                 taken for the same; {advice}"
            );
            Finding::new(Verdict::Collapsed, reason)
        })
    }

    fn perplexity(&self) -> f64 {
        let of_head = |head: usize| {
            let mut counts = vec![0_u64; self.clusters];
            let labels = self.values.iter().skip(head).step_by(self.heads);
            for &label in labels.filter(|&&label| label >= 0.0) {
                if let Some(count) = counts.get_mut(label as usize) {
                    *count += 1;
                }
            }
            let all = counts.iter().sum::<u64>().max(1) as f64;
            let shares = counts.iter().filter(|&&count| count > 0).map(|&count| count as f64 / all);
            shares.map(|share| -share * share.ln()).sum::<f64>().exp()
        };
        (0..self.heads).map(of_head).sum::<f64>() / self.heads as f64
    }

    /// `[images, heads]`, -1 for none.
    pub(crate) fn to_tensor(&self, device: &Device) -> Tensor<2> {
        let shape = [self.images(), self.heads];
        Tensor::from_data(TensorData::new(self.values.clone(), shape), device)
    }

    /// Takes back what [`ImageLabels::to_tensor`] gave.
    pub(crate) fn restore(&mut self, labels: &Tensor<2>) {
        self.values = labels.clone().into_data().iter::<f32>().collect();
        self.used = self.perplexity();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_that_are_not_named_have_no_label() {
        let mut labels = ImageLabels::new(4, 2, 3);
        labels.replace(&[3, 1], &[vec![2, 0], vec![1, 1]]);
        assert_eq!(labels.of(&[3, 0, 1, 9], 0), [Some(2), None, Some(0), None]);
        assert_eq!(labels.of(&[3, 0, 1], 1), [Some(1), None, Some(1)]);
    }

    #[test]
    fn a_tensor_holds_all_of_it() {
        let mut labels = ImageLabels::new(3, 1, 3);
        labels.replace(&[0, 2], &[vec![2, 1]]);
        let mut again = ImageLabels::new(3, 1, 3);
        again.restore(&labels.to_tensor(&Device::flex()));
        assert_eq!(again.of(&[0, 1, 2], 0), [Some(2), None, Some(1)]);
        assert!((again.used() - labels.used()).abs() < 1e-15);
    }

    #[test]
    fn used_clusters_are_counted_by_their_share() {
        let mut labels = ImageLabels::new(8, 2, 4);
        labels.replace(&[0, 1, 2, 3, 4, 5, 6, 7], &[vec![0, 0, 1, 1, 2, 2, 3, 3], vec![2; 8]]);
        // Four in one head, one in the other.
        assert!((labels.used() - 2.5).abs() < 1e-12);
    }
}
