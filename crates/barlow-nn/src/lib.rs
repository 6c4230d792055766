//! Layer operations, encoders and the projector, as differentiable Burn modules; weights in and out.
//!
//! Encoders call only the operations of [`layers`]: convolution with per-channel sums, statistics,
//! normalise, pool, linear. That seam is where faster bodies slip in without touching a model.
//! Fields carry torchvision's names, so that [`named`] parameters are torchvision's state
//! dictionary. What a forward pass must know besides its input (training or evaluation, the ranks
//! it shares its batch with, the running statistics it owes) travels in a [`Pass`].

mod classifier;
pub mod collective;
mod cpu;
pub mod encoder;
pub mod encoder_file;
mod init;
pub mod layers;
pub mod named;
mod network;
mod pass;
mod precision;
mod projector;

pub use barlow_weights::{EncoderConfig, EncoderName, Stem, tensor_file};
pub use classifier::{Classifier, LinearClassifier};
pub use encoder::Encoder;
pub use init::Initializer;
pub use network::{Network, Outputs, commit};
pub use pass::{BatchStatistics, Pass};
pub use precision::{Precision, instruction_set, serves};
pub use projector::{Projector, ProjectorConfig, ProjectorWidthsError, Widths};
