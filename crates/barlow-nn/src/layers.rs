//! The layer seam: the only operations an encoder is made of.
//!
//! Convolution (with the per-channel sums its norm needs), statistics (where the collective sums),
//! normalise (with residual and ReLU), pooling and linear. Each has a body of ordinary Burn operations,
//! which runs, and differentiates, on every device, and one of our own kernels for the CPU
//! (module `cpu`). How an [`Activation`] lies in memory is private to these operations.

mod activation;
mod convolution;
mod linear;
mod norm;
mod pool;
mod relu;

pub use activation::Activation;
pub use convolution::{Convolution, ConvolutionConfig};
pub use linear::Linear;
pub(crate) use norm::MOMENTUM;
pub use norm::{BatchNorm, ChannelStatistics, ChannelSums, Finish};
pub use pool::{global_average_pool, max_pool_3x3};
pub(crate) use relu::relu;
