//! Representations of all images of a source, in its order.

use std::sync::Arc;

use barlow_data::loader::{BadImage, EvaluationBatches, EvaluationConfig, LoadError};
use barlow_data::source::{Source, is_spread};
use barlow_data::views::ViewPipeline;
use barlow_nn::collective::CollectiveError;
use barlow_nn::{Encoder, Pass, Precision};
use burn::tensor::{Device, Tensor, TensorData};

/// Feature vectors of images that could be read.
#[derive(Debug, Clone, Default)]
pub struct Features {
    /// One row an image, `[n, dim]`, contiguous.
    pub values: Vec<f32>,
    /// Length of a row.
    pub dim: usize,
    /// Where each image is in its source, increasing.
    pub ids: Vec<u64>,
    /// The class of each image, if it has one.
    pub labels: Vec<Option<usize>>,
}

impl Features {
    /// How many images there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The features of one image.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.dim..(index + 1) * self.dim]
    }

    /// The images for which `keep` holds, in order.
    #[must_use]
    pub fn filter(&self, keep: impl Fn(usize) -> bool) -> Self {
        let mut kept = Self { dim: self.dim, ..Self::default() };
        for index in (0..self.len()).filter(|&index| keep(index)) {
            kept.values.extend_from_slice(self.row(index));
            kept.ids.push(self.ids[index]);
            kept.labels.push(self.labels[index]);
        }
        kept
    }

    /// At most `most` images, spread evenly.
    #[must_use]
    pub fn spread(&self, most: usize) -> Self {
        self.filter(|index| is_spread(index, self.len(), most))
    }

    /// Rows `range` as a tensor, `[rows, dim]`.
    pub fn tensor(&self, range: std::ops::Range<usize>, device: &Device) -> Tensor<2> {
        let rows = self.values[range.start * self.dim..range.end * self.dim].to_vec();
        Tensor::from_data(TensorData::new(rows, [range.len(), self.dim]), device)
    }
}

/// How [`represent`] works; but for the precision, the result does not depend on it.
#[derive(Debug, Clone, Copy)]
pub struct RepresentConfig {
    /// Images in one forward pass.
    pub batch_size: usize,
    /// Threads that decode.
    pub workers: usize,
    /// In which the encoder computes.
    pub precision: Precision,
}

/// Why there are no representations.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepresentError {
    /// The images could not be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// There is not one image to represent.
    #[error("none of {images} images can be decoded, the first being `{first}`")]
    NothingDecodes {
        /// How many there are.
        images: usize,
        /// The name of the first.
        first: String,
    },
    /// The ranks could not act together.
    #[error(transparent)]
    Collective(#[from] CollectiveError),
}

/// The representation of every readable image of `source`, with the images that were left out.
///
/// `progress` is told the number of images done after each batch.
///
/// # Errors
/// If loading as a whole fails or no image can be decoded; a single bad image is left out and
/// returned.
pub fn represent(
    encoder: &Encoder,
    source: Arc<dyn Source>,
    pipeline: Arc<ViewPipeline>,
    device: &Device,
    config: RepresentConfig,
    progress: &mut dyn FnMut(usize),
) -> Result<(Features, Vec<BadImage>), RepresentError> {
    let RepresentConfig { batch_size, workers, precision } = config;
    let config = EvaluationConfig { batch_size, workers };
    let images = source.len();
    let first = if images > 0 { source.name(0) } else { String::new() };
    let mut batches = EvaluationBatches::new(source, pipeline, &config);
    let mut features = Features::default();
    let pass = Pass::evaluation(precision);
    while let Some(batch) = batches.next().transpose()? {
        let view = Tensor::from_data(TensorData::new(batch.data, batch.shape), device);
        let representation = encoder.forward(view, &pass)?;
        features.dim = representation.dims()[1];
        features.values.extend(representation.into_data().iter::<f32>());
        features.ids.extend(batch.ids);
        features.labels.extend(batch.labels);
        progress(features.len());
    }
    if features.is_empty() {
        return Err(RepresentError::NothingDecodes { images, first });
    }
    let bad_images = batches.drain_bad_images();
    Ok((features, bad_images))
}

/// Numbers the classes of `queries` as the bank does, by name; a class that the bank does not have
/// gets a number of its own, which no vote can win.
pub fn align_labels(queries: &mut Features, own: &[String], bank: &[String]) {
    let number = |label: usize| {
        let known = own.get(label).and_then(|name| bank.iter().position(|other| other == name));
        known.unwrap_or(bank.len() + label)
    };
    for label in &mut queries.labels {
        *label = label.map(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_meet_by_name_and_strangers_stay_apart() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let labels = vec![Some(0), Some(1), Some(2), None];
        let mut queries = Features { labels, ..Features::default() };
        align_labels(&mut queries, &names(&["cat", "emu", "dog"]), &names(&["ant", "cat", "dog"]));
        assert_eq!(queries.labels, [Some(1), Some(4), Some(2), None]);
    }
}
