//! `encoder.safetensors`: the product. Torchvision's names and shapes, and one metadata key.

use std::io::Write;

use barlow_weights::tensor_file::{self, TensorFileError};
use serde_json::json;

use crate::encoder::Encoder;
use crate::named;

pub use barlow_weights::{EncoderFacts, FACTS_KEY};

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
