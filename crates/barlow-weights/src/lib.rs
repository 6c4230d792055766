//! Encoders in files: tensors by name, what a file says of itself, and the formats of other programs.
//!
//! No engine here: a tensor is a shape and bytes ([`tensor_file::Array`]). Nothing in a file is
//! believed, and nothing in it is ever executed.

mod architecture;
mod contents;
mod encoder;
mod facts;
mod foreign;
pub mod fuzz;
pub mod layout;
pub mod onnx;
mod pickle;
pub mod tensor_file;
pub mod torch;

pub use architecture::expected;
pub use contents::{Contents, Scalar, TensorInfo};
pub use encoder::{EncoderConfig, EncoderName, Stem};
pub use facts::{EncoderFacts, FACTS_KEY};
pub use foreign::{ForeignFile, ForeignFileError};
