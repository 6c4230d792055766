//! Pieces of activations made ready as operands of a product over pixels.
//!
//! The gradient for weights sums over pixels, so pixels take the place of k in [`crate::micro`]: in
//! f32 both operands are copied as they lie, channels innermost; bf16 wants pairs of pixels side by
//! side, so the left operand is transposed and the right one interleaved.

#[cfg(target_arch = "x86_64")]
mod avx512;

use crate::element::bf16;
use crate::isa::Isa;
use crate::micro::{BLOCK, Left};

/// Channels of one left operand at most.
pub(crate) const CHANNELS: usize = 64;

/// Pixels of an operand are a multiple of this.
pub(crate) const PIXELS: usize = 32;

/// How an element's operands look.
pub(crate) trait Operands: Copy {
    /// Pixels of one piece, so that both operands stay in the second-level cache.
    const PIECE: usize;

    /// Fills a left operand: `channels` (a multiple of 16, at most [`CHANNELS`]) of `pixels` (a
    /// multiple of [`PIXELS`]) consecutive pixels.
    ///
    /// # Safety
    /// `source` may be read at all of them, `pitch` values apart.
    unsafe fn fill_left(
        isa: Isa,
        source: *const Self,
        pitch: usize,
        pixels: usize,
        channels: usize,
        to: &mut [Self],
    );

    /// The left operand in `filled` whose first pixel is the given one.
    fn left(filled: &[Self], pixels: usize, first: usize) -> Left<Self>;

    /// Values that a left operand of so many pixels takes, overrun included.
    fn left_length(pixels: usize) -> usize;

    /// Fills a right operand: blocks of 16 channels, each `pixels` long.
    ///
    /// # Safety
    /// `source` may be read at all of them, `pitch` values apart.
    unsafe fn fill_right(
        isa: Isa,
        source: *const Self,
        pitch: usize,
        pixels: usize,
        to: &mut [Self],
    );
}

impl Operands for f32 {
    const PIECE: usize = 256;

    unsafe fn fill_left(
        _: Isa,
        source: *const Self,
        pitch: usize,
        pixels: usize,
        channels: usize,
        to: &mut [Self],
    ) {
        for (pixel, to) in to.chunks_exact_mut(CHANNELS).take(pixels).enumerate() {
            // SAFETY: the caller's contract.
            let from =
                unsafe { std::slice::from_raw_parts(source.wrapping_add(pixel * pitch), channels) };
            to[..channels].copy_from_slice(from);
        }
    }

    fn left(filled: &[Self], _: usize, first: usize) -> Left<Self> {
        Left { start: filled[first * CHANNELS..].as_ptr(), row: 1, step: CHANNELS }
    }

    fn left_length(pixels: usize) -> usize {
        // A register tile may reach 32 channels past the last.
        pixels * CHANNELS + 32
    }

    unsafe fn fill_right(
        _: Isa,
        source: *const Self,
        pitch: usize,
        pixels: usize,
        to: &mut [Self],
    ) {
        for (block, to) in to.chunks_exact_mut(pixels * BLOCK).enumerate() {
            for (pixel, to) in to.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
                let from = source.wrapping_add(pixel * pitch + block * BLOCK);
                // SAFETY: the caller's contract.
                *to = unsafe { from.cast::<[f32; BLOCK]>().read_unaligned() };
            }
        }
    }
}

/// Pixels from one channel to the next of a transposed operand: no power of two, whose rows would
/// all fall into the same lines of the cache.
fn channel_pitch(pixels: usize) -> usize {
    pixels + PIXELS
}

impl Operands for bf16 {
    const PIECE: usize = 1024;

    unsafe fn fill_left(
        isa: Isa,
        source: *const Self,
        pitch: usize,
        pixels: usize,
        channels: usize,
        to: &mut [Self],
    ) {
        let row = channel_pitch(pixels);
        for channel in (0..channels).step_by(BLOCK) {
            for pixel in (0..pixels).step_by(PIXELS) {
                let source = source.wrapping_add(pixel * pitch + channel);
                let to = &mut to[channel * row + pixel..][..(BLOCK - 1) * row + PIXELS];
                #[cfg(target_arch = "x86_64")]
                if isa >= Isa::Avx512 {
                    // SAFETY: the caller's contract; the slice holds 16 rows of 32.
                    unsafe { avx512::transpose(source, pitch, to.as_mut_ptr(), row) };
                    continue;
                }
                for (pixel, channel) in (0..PIXELS).flat_map(|p| (0..BLOCK).map(move |c| (p, c))) {
                    // SAFETY: the caller's contract.
                    to[channel * row + pixel] =
                        unsafe { *source.wrapping_add(pixel * pitch + channel) };
                }
            }
        }
    }

    fn left(filled: &[Self], pixels: usize, first: usize) -> Left<Self> {
        Left { start: filled[first..].as_ptr(), row: channel_pitch(pixels), step: 1 }
    }

    fn left_length(pixels: usize) -> usize {
        (CHANNELS + 32) * channel_pitch(pixels)
    }

    unsafe fn fill_right(
        isa: Isa,
        source: *const Self,
        pitch: usize,
        pixels: usize,
        to: &mut [Self],
    ) {
        for (block, to) in to.chunks_exact_mut(pixels * BLOCK).enumerate() {
            let source = source.wrapping_add(block * BLOCK);
            for (pair, to) in to.as_chunks_mut::<{ 2 * BLOCK }>().0.iter_mut().enumerate() {
                let source = source.wrapping_add(2 * pair * pitch);
                #[cfg(target_arch = "x86_64")]
                if isa >= Isa::Avx512 {
                    // SAFETY: the caller's contract.
                    unsafe { avx512::interleave(source, pitch, to) };
                    continue;
                }
                for (i, to) in to.iter_mut().enumerate() {
                    // SAFETY: the caller's contract.
                    *to = unsafe { *source.wrapping_add(i % 2 * pitch + i / 2) };
                }
            }
        }
    }
}
