//! The arithmetic of decoding JPEG: inverse cosine transforms, the upsampling of chroma, and the way
//! from YCbCr to red, green, blue.
//!
//! Each is libjpeg's, to the bit: the integer transform of `jidctint.c` ("islow"), those of
//! `jidctred.c` that give a block at a half, a quarter or an eighth of its side, the triangle filters
//! of `jdsample.c` ("fancy upsampling"), and the fixed-point constants of `jdcolor.c`. So images are
//! those that Pillow decodes. Where a stream has coefficients that no encoder makes, results are those
//! of 16-bit arithmetic that wraps, but the same on every instruction set.
//!
//! Blocks are transformed [`LANES`] at a time, one to a lane, so that plain loops vectorise and nothing
//! is transposed: whoever decodes the coefficients writes them to the lane of their block.

mod colour;
mod lines;
mod reduced;
#[cfg(test)]
mod tests;
mod transform;
mod upsample;

pub use colour::rgb_of_ycbcr;
pub use transform::{BlockSide, Group, LANES, transform_blocks};
pub use upsample::{double_columns, double_columns_smoothly, double_smoothly, mix_rows};
