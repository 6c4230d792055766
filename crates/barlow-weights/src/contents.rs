//! What a file of weights says that it holds, before any weight is read.

use std::collections::BTreeMap;

use crate::tensor_file::Dtype;

/// Type and shape of one tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Type of a value.
    pub dtype: Dtype,
    /// Extents; empty for a single number.
    pub shape: Vec<usize>,
}

impl TensorInfo {
    /// Bytes of its values.
    pub fn bytes(&self) -> u64 {
        let bits = self.dtype.bitsize() as u64;
        self.shape.iter().fold(bits, |bits, &extent| bits.saturating_mul(extent as u64)) / 8
    }
}

/// A number or text that stands beside the tensors, such as `epoch`.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text of up to 1024 bytes.
    Text(String),
}

/// What is in a file, by dotted path through its dictionaries and lists: `model.backbone.conv1.weight`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Contents {
    /// The tensors.
    pub tensors: BTreeMap<String, TensorInfo>,
    /// Numbers and texts at the top of a checkpoint.
    pub scalars: BTreeMap<String, Scalar>,
    /// Values that only their own program could make, and their classes; the first hundred.
    pub opaque: BTreeMap<String, String>,
    /// Metadata of a safetensors file.
    pub metadata: BTreeMap<String, String>,
}
