//! Encoders as ONNX models, for runtimes other than ours.
//!
//! [`write()`] makes one file of operators that every runtime has: convolutions, batch norms, ReLU,
//! sums, a max-pool, the global average and, on request, the projector. The graph follows from the
//! [`EncoderConfig`](crate::EncoderConfig) alone; weights keep torchvision's names. What a user must
//! know of the images stands in the model's metadata. The same tensors, facts and options give the
//! same bytes.
//!
//! The format is protobuf, of which a model needs so little that the encoding is our own.
//! Tests decode what was written and evaluate it in f64 against PyTorch's numbers;
//! `reference/onnx_check.py` holds it to ONNX Runtime.

mod graph;
mod model;
mod projector;
mod protobuf;

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::architecture::expected;
use crate::facts::EncoderFacts;
use crate::tensor_file::{Dtype, TensorFileError, Tensors};

use graph::Graph;
use protobuf::Message;

/// Name of the model's input, `[batch, channels, height, width]`, f32.
pub const INPUT: &str = "image";
/// Name of the model's first output, `[batch, representation_dim]`, f32.
pub const REPRESENTATION: &str = "representation";
/// Name of the model's second output, `[batch, embedding_dim]`, f32; only with a projector.
pub const EMBEDDING: &str = "embedding";

/// Most bytes of a model: what a protobuf reader accepts.
pub const MAX_MODEL_BYTES: u64 = i32::MAX as u64;

/// Choices of an export. By default batches may have any size, images the one of the facts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExportOptions {
    /// Images in every batch, at least 1; none for batches of any size.
    pub batch: Option<usize>,
    /// Whether images may have any height and width, not only [`EncoderFacts::image_size`].
    pub has_dynamic_size: bool,
    /// Whether batch norms of the encoder are multiplied into the convolutions before them, in f64
    /// and rounded once. By default they stay nodes of their own: the weights in the model are then
    /// bit by bit those of the encoder, and runtimes that gain by it fold on loading.
    pub folds_batch_norm: bool,
    /// Whether the model takes values 0..1 and begins by subtracting the facts' mean and dividing
    /// by their deviation. By default it takes what the encoder takes: values normalised before.
    pub normalises: bool,
}

/// Why no model is written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// The tensors are not those of the encoder or of a projector behind it.
    #[error(transparent)]
    Mismatch(#[from] TensorMismatch),
    /// An array's bytes do not belong to its shape.
    #[error("tensor `{name}` is not whole")]
    Array {
        /// Name of the tensor.
        name: String,
        /// What is wrong.
        source: TensorFileError,
    },
    /// An extent is 0, or more than the format can say.
    #[error("{what} is {found}, which no model can have")]
    Extent {
        /// Which extent.
        what: &'static str,
        /// Its value.
        found: usize,
    },
    /// The facts do not hold one finite mean and one positive finite deviation for each channel.
    #[error("mean {mean:?} and std {std:?} do not normalise {channels} channel(s)")]
    Normalisation {
        /// Channels of the encoder.
        channels: usize,
        /// [`EncoderFacts::mean`].
        mean: Vec<f32>,
        /// [`EncoderFacts::std`].
        std: Vec<f32>,
    },
    /// The model would be larger than readers accept.
    #[error("the model would have {bytes} bytes; at most {limit} can be read")]
    TooLarge {
        /// Bytes that it would have.
        bytes: u64,
        /// [`MAX_MODEL_BYTES`].
        limit: u64,
    },
    /// The writer failed.
    #[error("writing the model failed")]
    Io {
        /// What the system said.
        #[from]
        source: io::Error,
    },
}

/// How tensors differ from the ones that are needed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not the tensors of this {part}: {} missing{}, {} without a place{}, {} of another shape or type{}",
    missing.len(), examples(missing), unused.len(), examples(unused),
    misshaped.len(), examples(misshaped)
)]
pub struct TensorMismatch {
    /// `encoder` or `projector`.
    pub part: &'static str,
    /// Names that are needed and not there.
    pub missing: Vec<String>,
    /// Names that are there and not needed.
    pub unused: Vec<String>,
    /// Tensors of another shape than needed, or not of type f32; found and needed shape.
    pub misshaped: Vec<String>,
}

fn examples(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => format!(" (`{one}`)"),
        [first, .., last] => format!(" (`{first}` to `{last}`)"),
    }
}

/// Writes an encoder, with its projector if given, as an ONNX model (opset 17, IR version 8).
///
/// The encoder is in evaluation: batch norms take the running statistics.
///
/// # Shapes
/// - `tensors`: names and shapes of [`expected`], f32.
/// - `projector`: linear layers without bias, with or without batch norms before the ReLU between
///   them, named by torch's `nn.Sequential` (`0.weight`, `1.weight`, `1.bias`, `1.running_mean`,
///   `1.running_var`, `3.weight`, ...), f32. Its widths follow from the shapes.
/// - the model: [`INPUT`], [`REPRESENTATION`] and, with a projector, [`EMBEDDING`].
///
/// # Metadata
/// `barlow` (all facts, the JSON of `encoder.safetensors`), `encoder`, `image_size`, `resize`, `mean`,
/// `std`, and `input`: what the model takes, in words.
///
/// # Errors
/// If tensors are missing, unknown or of another shape or type (all are named), extents are 0, a
/// normalisation is asked for that the facts do not hold, the model would pass
/// [`MAX_MODEL_BYTES`], or `writer` fails. Nothing is written in all cases but the last.
///
/// # Source
/// The format: `onnx.proto`, ONNX 1.12 (opset 17).
pub fn write(
    facts: &EncoderFacts,
    tensors: &Tensors,
    projector: Option<&Tensors>,
    options: &ExportOptions,
    writer: impl Write,
) -> Result<(), OnnxError> {
    check_extents(facts, options)?;
    check_tensors("encoder", tensors, &expected(&facts.encoder))?;

    let mut graph = Graph::default();
    let image = if options.normalises { normalised(&mut graph, facts)? } else { INPUT.to_owned() };
    graph.encoder(&facts.encoder, tensors, image, options.folds_batch_norm)?;
    let embedding_dim =
        projector.map(|tensors| projector::append(&mut graph, facts, tensors)).transpose()?;

    let model = model::model(&graph, facts, options, embedding_dim);
    write_within(MAX_MODEL_BYTES, &model, writer)
}

fn write_within(limit: u64, model: &Message, mut writer: impl Write) -> Result<(), OnnxError> {
    let bytes = model.length();
    if bytes > limit {
        return Err(OnnxError::TooLarge { bytes, limit });
    }
    model.write(&mut writer)?;
    writer.flush()?;
    Ok(())
}

fn check_extents(facts: &EncoderFacts, options: &ExportOptions) -> Result<(), OnnxError> {
    for (what, found) in [
        ("the width", facts.encoder.width),
        ("the number of channels", facts.encoder.channels),
        ("the image size", facts.image_size),
        ("the batch", options.batch.unwrap_or(1)),
    ] {
        // Extents are signed 64-bit numbers in the file.
        if found == 0 || i64::try_from(found).is_err() {
            return Err(OnnxError::Extent { what, found });
        }
    }
    Ok(())
}

/// Compares names, shapes and types with those wanted, and bytes with shapes.
fn check_tensors(
    part: &'static str,
    tensors: &Tensors,
    wanted: &BTreeMap<String, Vec<usize>>,
) -> Result<(), OnnxError> {
    let missing: Vec<String> =
        wanted.keys().filter(|name| !tensors.contains_key(*name)).cloned().collect();
    let (mut unused, mut misshaped) = (Vec::new(), Vec::new());
    for (name, array) in tensors {
        match wanted.get(name) {
            None => unused.push(name.clone()),
            Some(shape) if array.dtype != Dtype::F32 || array.shape != *shape => {
                let (dtype, found) = (array.dtype, &array.shape);
                misshaped.push(format!("{name}: {dtype} {found:?}, expected {shape:?}"));
            }
            Some(_) => {}
        }
    }
    if !(missing.is_empty() && unused.is_empty() && misshaped.is_empty()) {
        return Err(TensorMismatch { part, missing, unused, misshaped }.into());
    }
    for (name, array) in tensors {
        array.check_length().map_err(|source| OnnxError::Array { name: name.clone(), source })?;
    }
    Ok(())
}

/// Begins the graph with the facts' normalisation; the name of its result.
fn normalised(graph: &mut Graph, facts: &EncoderFacts) -> Result<String, OnnxError> {
    let channels = facts.encoder.channels;
    let EncoderFacts { mean, std, .. } = facts;
    let is_complete = mean.len() == channels && std.len() == channels;
    let is_usable = mean.iter().chain(std).all(|value| value.is_finite());
    if !(is_complete && is_usable && std.iter().all(|&value| value > 0.0)) {
        let (mean, std) = (mean.clone(), std.clone());
        return Err(OnnxError::Normalisation { channels, mean, std });
    }
    Ok(graph.normalise(INPUT.to_owned(), mean, std))
}

#[cfg(test)]
mod tests;
