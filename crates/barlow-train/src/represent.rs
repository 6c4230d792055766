//! Representations of all images of a source, in its order.

use std::sync::Arc;

use barlow_data::loader::{
    BadImage, EvaluationBatch, EvaluationBatches, EvaluationConfig, LoadError,
};
use barlow_data::source::Source;
use barlow_data::views::ViewPipeline;
use barlow_eval::{EvalError, Features};
use barlow_nn::collective::CollectiveError;
use barlow_nn::{Encoder, Pass, Precision};
use burn::tensor::{Device, Tensor, TensorData};

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
    #[error("none of {images} images can be used; `{first}`: {reason}")]
    NothingDecodes {
        /// How many there are.
        images: usize,
        /// The name of the first.
        first: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The representations cannot be judged.
    #[error("representations cannot be judged")]
    Eval(#[from] EvalError),
    /// The ranks could not act together.
    #[error(transparent)]
    Collective(#[from] CollectiveError),
}

/// The representations of the readable images of a source, batch by batch, in its order.
#[derive(Debug)]
pub struct Representations<'a> {
    encoder: &'a Encoder,
    batches: EvaluationBatches,
    pass: Pass<'a>,
    device: Device,
}

impl<'a> Representations<'a> {
    /// Begins to load images.
    pub fn new(
        encoder: &'a Encoder,
        source: Arc<dyn Source>,
        pipeline: Arc<ViewPipeline>,
        device: &Device,
        config: RepresentConfig,
    ) -> Self {
        let RepresentConfig { batch_size, workers, precision } = config;
        let config = EvaluationConfig { batch_size, workers };
        let batches = EvaluationBatches::new(source, pipeline, &config);
        let pass = Pass::evaluation(precision);
        Self { encoder, batches, pass, device: device.clone() }
    }

    /// The bad images met so far that no earlier call has given.
    pub fn drain_bad_images(&mut self) -> Vec<BadImage> {
        self.batches.drain_bad_images()
    }
}

impl Iterator for Representations<'_> {
    type Item = Result<Features, RepresentError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut of = |batch: EvaluationBatch| -> Result<Features, RepresentError> {
            let view = Tensor::from_data(TensorData::new(batch.data, batch.shape), &self.device);
            let representation = self.encoder.forward(view, &self.pass)?;
            let dim = representation.dims()[1];
            let values = representation.into_data().iter::<f32>().collect();
            Ok(Features { values, dim, ids: batch.ids, labels: batch.labels })
        };
        Some(self.batches.next()?.map_err(RepresentError::from).and_then(&mut of))
    }
}

/// The representation of every readable image of `source`, with the images that were left out.
///
/// `progress` is told the number of images done after each batch, and may end it there by `false`.
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
    progress: &mut dyn FnMut(usize) -> bool,
) -> Result<(Features, Vec<BadImage>), RepresentError> {
    let images = source.len();
    let mut batches = Representations::new(encoder, source, pipeline, device, config);
    let mut features = Features::default();
    while let Some(batch) = batches.next().transpose()? {
        features.dim = batch.dim;
        features.values.extend(batch.values);
        features.ids.extend(batch.ids);
        features.labels.extend(batch.labels);
        if !progress(features.len()) {
            break;
        }
    }
    if features.is_empty() {
        let bad = batches.drain_bad_images().into_iter().next();
        let (first, reason) = bad.map(|bad| (bad.name, bad.reason)).unwrap_or_default();
        return Err(RepresentError::NothingDecodes { images, first, reason });
    }
    Ok((features, batches.drain_bad_images()))
}

/// Rows `range` of features as a tensor, `[rows, dim]`.
pub fn rows(features: &Features, range: std::ops::Range<usize>, device: &Device) -> Tensor<2> {
    let dim = features.dim;
    let values = features.values[range.start * dim..range.end * dim].to_vec();
    Tensor::from_data(TensorData::new(values, [range.len(), dim]), device)
}

/// Rows of some images at their places among all, `[images, d]`, zeros elsewhere.
///
/// # Shapes
/// - `rows`: `[n, d]`, of the images `ids`, ascending
pub fn of_all_images(rows: Tensor<2>, ids: &[u64], images: usize) -> Tensor<2> {
    let [count, dim] = rows.dims();
    if count == images {
        return rows;
    }
    let device = rows.device();
    let mut values = vec![0.0; images * dim];
    let rows: Vec<f32> = rows.into_data().iter::<f32>().collect();
    for (row, &id) in rows.chunks_exact(dim).zip(ids) {
        let first = id as usize * dim;
        values[first..first + dim].copy_from_slice(row);
    }
    Tensor::from_data(TensorData::new(values, [images, dim]), &device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_that_were_left_out_have_zeros() {
        let device = Device::flex();
        let rows =
            Tensor::from_data(TensorData::new(vec![1.0_f32, 2.0, 3.0, 4.0], [2, 2]), &device);
        let values = |images, ids: &[u64]| -> Vec<f32> {
            of_all_images(rows.clone(), ids, images).into_data().iter::<f32>().collect()
        };
        assert_eq!(values(4, &[1, 3]), [0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 3.0, 4.0]);
        assert_eq!(values(2, &[0, 1]), [1.0, 2.0, 3.0, 4.0]);
    }
}
