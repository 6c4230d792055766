//! `encoder.safetensors`: the product. Torchvision's names and shapes, and one metadata key.

use std::io::Write;
use std::path::Path;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::encoder::{Encoder, EncoderConfig};
use crate::init::Initializer;
use crate::named::{self, WeightsMismatch};
use crate::tensor_file::{self, TensorFileError};

/// The metadata key.
const KEY: &str = "barlow";

/// What a user of the encoder must know: its form and the images it expects. No times, no paths:
/// the same weights give the same bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EncoderFacts {
    /// What the encoder is made of.
    pub encoder: EncoderConfig,
    /// Side of the images it was trained on, pixels.
    pub image_size: usize,
    /// Shorter side before the evaluation's centre crop, pixels.
    pub resize: usize,
    /// Subtracted from each channel (of values 0..1).
    pub mean: Vec<f32>,
    /// Divides each channel.
    pub std: Vec<f32>,
    /// How image files become values 0..1, in words that are not understood here.
    #[serde(default)]
    pub files: serde_json::Value,
    /// What it was trained by.
    pub objective: String,
    /// Epochs done.
    pub epoch: u64,
    /// Version of the program.
    pub version: String,
}

/// Why an encoder cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncoderFileError {
    /// The file cannot be read or is no safetensors file.
    #[error(transparent)]
    File(#[from] TensorFileError),
    /// The file does not say what it holds.
    #[error("it has no metadata key `{KEY}`, so it was not written by this program")]
    NotAnEncoder,
    /// What the file says of itself is not understood.
    #[error("its metadata is not understood")]
    Facts(#[from] serde_json::Error),
    /// The tensors are not those of the encoder it says it is.
    #[error(transparent)]
    Mismatch(#[from] WeightsMismatch),
}

/// Writes an encoder; the same weights and facts give the same bytes.
///
/// # Errors
/// If writing fails.
pub fn write(
    encoder: &Encoder,
    facts: &EncoderFacts,
    writer: impl Write,
) -> Result<(), TensorFileError> {
    // Through a value, whose keys are sorted.
    let facts = json!(facts).to_string();
    tensor_file::write(&named::arrays(encoder, ""), Some((KEY, &facts)), writer)
}

/// Reads an encoder onto a device.
///
/// # Errors
/// If the file is not one of [`write()`]'s, or its tensors do not fit what it says of itself.
pub fn read(path: &Path, device: &Device) -> Result<(Encoder, EncoderFacts), EncoderFileError> {
    let (arrays, metadata) = tensor_file::read(path)?;
    let facts = metadata.get(KEY).ok_or(EncoderFileError::NotAnEncoder)?;
    let facts: EncoderFacts = serde_json::from_str(facts)?;
    let encoder = facts.encoder.init(&Initializer::new(0, device));
    Ok((named::load(encoder, &arrays, "")?, facts))
}
