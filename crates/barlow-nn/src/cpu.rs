//! The layer operations on the CPU: kernels of `barlow-kernels`, and a tape for the way back.
//!
//! Between the first convolution and the last pooling, and within the projector, an activation is
//! not a tensor of the engine but a [`Value`]: a strip of f32 or bf16 (`barlow_kernels::Strip`) and
//! its place on a [`Tape`]. Each operation notes its backward step there. The engine sees one
//! operation, whose gradient runs the tape ([`join`]). So gradients that meet are added where they
//! are computed, memory is used again as soon as it is free, and nothing depends on how the engine
//! orders or stores what lies between.
//!
//! Parameters, statistics and everything after pooling stay f32 tensors of the engine.

mod join;
mod layers;
mod tape;

pub(crate) use layers::{Normalisation, Sums, global_average_pool, max_pool_3x3, relu};
pub(crate) use tape::{Tape, Value};
