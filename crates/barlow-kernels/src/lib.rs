//! Kernels that make a training step on the CPU fast: convolution, normalisation, pooling, matrix
//! products and the optimizer's update, on plain slices.
//!
//! Nothing here knows of tensors, graphs or engines. Activations are [`Strip`]s: pixels one after
//! the other with their channels innermost (NHWC), rows and images sharing a zero border, in f32 or
//! bf16. So a shift in space is a shift in memory, and a convolution is a sum of matrix products of
//! shifted windows of one array, without copies and without edge cases ([`convolution`]).
//!
//! Every kernel exists for every instruction set ([`Isa`]), chosen at run time. One table of tests
//! holds all of them to naive f64 references. Results do not depend on the number of threads: work
//! is cut by shape only and partial sums are added in a fixed order.

#![allow(
    unsafe_code,
    reason = "vector instructions and raw loads at computed offsets; the only crate with unsafe"
)]
#![allow(private_bounds, reason = "elements are sealed: f32 and bf16")]

mod buffer;
pub mod convolution;
mod element;
mod fold;
mod isa;
pub mod jpeg;
mod lars;
mod micro;
mod norm;
mod operands;
pub mod peak;
mod pool;
mod product;
mod strip;
mod unfold;
pub mod view;

pub use buffer::{Buffer, release_dropped};
pub use convolution::{Convolution, Convolved, PackedWeights};
pub use element::{Element, bf16};
pub use fold::fold;
pub use isa::Isa;
pub use lars::{Lars, LarsClass, LarsSums, sum_of_squares};
pub use norm::{
    Coefficients, channel_sums, gradient_sums, normalise, normalise_backward, parameter_gradients,
    scale_and_shift,
};
pub use pool::{
    MaxPositions, global_average_pool, global_average_pool_backward, max_pool_3x3,
    max_pool_3x3_backward,
};
pub use product::{BarlowTwins, PanelMatrix, ProductForm};
pub use strip::{Activation, Strip};
pub use unfold::unfold;
