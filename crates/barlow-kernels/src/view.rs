//! The operations that make views of 8-bit images: resizing, blur, colour, and the last pass to f32
//! planes.
//!
//! Images are rows of interleaved samples, 0 to 255, with 1 or 3 channels, as Pillow has them. Every
//! kernel gives the bits that its integer or f32 formula gives, for every instruction set: nothing
//! is approximate. Which weights, factors and radii there are is the caller's; a kernel only does
//! the work. One table of tests holds all of them to plain loops, on every [`crate::Isa`].

mod box_blur;
mod colour;
mod mirror;
pub(crate) mod pixels;
mod rows;
mod standardise;
#[cfg(test)]
mod tests;
mod weigh;

pub use box_blur::{BoxFilter, BoxScratch, box_blur};
pub use colour::{ColourStep, blend, recolour};
pub use mirror::mirror;
pub use rows::Rows;
pub use standardise::standardise;
pub use weigh::{Taps, Turned, WEIGHT_BITS, weigh_pixels, weigh_rows};

/// v / 255 of a whole number from 0 to 255, without the division: v/255 = a + a/2²⁴ + a/2⁴⁸ + …, where
/// a = v · 65793/2²⁴ is a number of 24 bits and the third term is too small to change how the sum of two
/// rounds.
#[inline(always)]
fn fraction(v: f32) -> f32 {
    const STEP: f32 = 1.0 / 16_777_216.0;
    let a = v * (65_793.0 * STEP);
    a + a * STEP
}
