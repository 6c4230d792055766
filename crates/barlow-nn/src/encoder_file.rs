//! `encoder.safetensors`: the product. Torchvision's names and shapes, and one metadata key.

use std::io::Write;
use std::path::Path;

use barlow_weights::tensor_file::{self, TensorFileError};
use burn::tensor::Device;
use serde_json::json;

use crate::encoder::Encoder;
use crate::init::Initializer;
use crate::named::{self, WeightsMismatch};

pub use barlow_weights::{EncoderFacts, FACTS_KEY};

/// Why an encoder cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncoderFileError {
    /// The file cannot be read or is no safetensors file.
    #[error(transparent)]
    File(#[from] TensorFileError),
    /// The file does not say what it holds.
    #[error("it has no metadata key `{FACTS_KEY}`, so it was not written by this program")]
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
    tensor_file::write(&named::arrays(encoder, ""), Some((FACTS_KEY, &facts)), writer)
}

/// Reads an encoder onto a device.
///
/// # Errors
/// If the file is not one of [`write()`]'s, or its tensors do not fit what it says of itself.
pub fn read(path: &Path, device: &Device) -> Result<(Encoder, EncoderFacts), EncoderFileError> {
    let (arrays, metadata) = tensor_file::read(path)?;
    let facts = metadata.get(FACTS_KEY).ok_or(EncoderFileError::NotAnEncoder)?;
    let facts: EncoderFacts = serde_json::from_str(facts)?;
    let encoder = Encoder::new(&facts.encoder, &Initializer::new(0, device));
    Ok((named::load(encoder, &arrays, "")?, facts))
}
