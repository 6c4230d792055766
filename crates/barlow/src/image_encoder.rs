//! The shortest way from a file of weights and an image to a vector, for programs of one's own.

use std::path::Path;

use anyhow::Context;
use barlow_data::DecodedImage;
use barlow_data::decode::{self, DecodeOptions};
use barlow_data::views::{Scratch, ViewPipeline};
use barlow_nn::{Encoder, Pass, Precision};
use barlow_weights::EncoderFacts;
use burn::tensor::{Device, Tensor, TensorData};

use crate::frozen::evaluation_pipeline;
use crate::images;
use crate::weights_file::WeightsFile;

/// A trained encoder that turns images into representations, as `barlow embed` does.
///
/// Decoding, resize, crop and normalisation are those that the file of the weights asks for.
#[derive(Debug)]
pub struct ImageEncoder {
    encoder: Encoder,
    facts: EncoderFacts,
    pipeline: ViewPipeline,
    decode: DecodeOptions,
    device: Device,
}

impl ImageEncoder {
    /// Opens an encoder on the processor: `encoder.safetensors`, or a file that `barlow import` reads.
    ///
    /// # Errors
    /// If the file cannot be read or holds no encoder of ours.
    pub fn open(path: impl AsRef<Path>) -> anyhow::Result<Self> {
        let path = path.as_ref();
        let unusable = || format!("`{}` cannot be used", path.display());
        let device = Device::flex();
        let file = WeightsFile::open(path, None)?;
        let encoder = file.encoder_on(&device).with_context(unusable)?;
        let facts = file.facts;
        let files = images::files_of(&facts).with_context(unusable)?;
        let (side, resize) = (facts.image_size, facts.resize);
        let pipeline = evaluation_pipeline(&facts, side, resize, files.range, &[])?;
        Ok(Self { encoder, facts, pipeline, decode: files.decode, device })
    }

    /// What the encoder's file says of it.
    pub fn facts(&self) -> &EncoderFacts {
        &self.facts
    }

    /// The representation of an image file, `[representation_dim]`.
    ///
    /// # Errors
    /// If the image cannot be read, or has a number of channels that does not fit.
    pub fn embed_file(&self, path: impl AsRef<Path>) -> anyhow::Result<Vec<f32>> {
        let path = path.as_ref();
        let image = decode::read(path, &self.decode)
            .with_context(|| format!("`{}` cannot be decoded", path.display()))?;
        let mut rows = self.embed(&[image])?;
        Ok(rows.remove(0))
    }

    /// The representation of each image, `[representation_dim]`; several at once take less time.
    ///
    /// # Errors
    /// If an image has a number of channels that does not fit.
    pub fn embed(&self, images: &[DecodedImage]) -> anyhow::Result<Vec<Vec<f32>>> {
        if images.is_empty() {
            return Ok(vec![]);
        }
        let [channels, height, width] = self.pipeline.evaluation_shape();
        let length = channels * height * width;
        let mut values = vec![0.0; images.len() * length];
        let mut scratch = Scratch::default();
        for (image, out) in images.iter().zip(values.chunks_exact_mut(length)) {
            self.pipeline.check(image)?;
            self.pipeline.render_evaluation(image, &mut scratch, out);
        }
        let shape = [images.len(), channels, height, width];
        let view = Tensor::from_data(TensorData::new(values, shape), &self.device);
        let rows = self.encoder.forward(view, &Pass::evaluation(Precision::F32))?;
        let dim = rows.dims()[1];
        let rows: Vec<f32> = rows.into_data().iter::<f32>().collect();
        Ok(rows.chunks_exact(dim).map(<[f32]>::to_vec).collect())
    }
}
