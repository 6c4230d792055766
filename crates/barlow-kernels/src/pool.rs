//! Pools: the 3×3 maximum of the large stem, and the mean over all pixels that ends an encoder.
//!
//! The maximum keeps where it came from, one byte for each output. Backward each input pixel
//! gathers from the at most four windows that hold it, so that no two threads write the same place
//! and the order of additions is fixed.

#[cfg(test)]
mod tests;

use rayon::prelude::*;

use crate::isa::per_isa;
use crate::norm::add_up;
use crate::{Activation, Element, Isa, Strip};

/// Where in its window each maximum was, and the shape that it was taken from.
#[derive(Debug, Clone)]
pub struct MaxPositions {
    /// 3·row + column in the window for each value of the output's strip; 0 in borders.
    positions: Vec<u8>,
    from: Strip,
}

/// The maximum of 3×3 windows at distance 2, the first beginning one pixel outside of the image.
///
/// As PyTorch's `MaxPool2d(3, stride=2, padding=1)`: only pixels of the image count, of equal ones
/// the first in reading order, and not-a-number wins.
///
/// # Shapes
/// `[batch, channels, h, w]` to `[batch, channels, ⌈h/2⌉, ⌈w/2⌉]`.
pub fn max_pool_3x3<T: Element>(isa: Isa, x: &Activation<T>) -> (Activation<T>, MaxPositions) {
    let from = x.strip();
    let to =
        Strip::images(from.batch, from.channels, from.height.div_ceil(2), from.width.div_ceil(2));
    let mut result = Activation::dirty(to);
    let mut positions = vec![0; result.pixels().len()];
    let rows = to.piece_rows();
    let piece = rows * to.row_values();
    let results = result.pixels_mut().par_chunks_mut(piece);
    let pieces = results.zip(positions.par_chunks_mut(piece)).enumerate();
    pieces.for_each(|(index, (result, positions))| {
        max_rows(isa, from, to, index * rows, x.pixels(), result, positions);
    });
    (result, MaxPositions { positions, from })
}

/// The gradient of the input of [`max_pool_3x3`] from that of its output: each goes where the
/// maximum was.
///
/// # Numerics
/// Summed in f32 (at most four terms) and rounded once.
///
/// # Panics
/// If `g` has not the shape of the output.
pub fn max_pool_3x3_backward<T: Element>(
    isa: Isa,
    g: &Activation<T>,
    at: &MaxPositions,
) -> Activation<T> {
    let (from, to) = (at.from, g.strip());
    let expected = (from.batch, from.channels, from.height.div_ceil(2), from.width.div_ceil(2));
    assert_eq!((to.batch, to.channels, to.height, to.width), expected, "shape of the gradient");
    assert_eq!(at.positions.len(), g.pixels().len(), "the gradient has borders");
    let mut result = Activation::dirty(from);
    let rows = from.piece_rows();
    let pieces = result.pixels_mut().par_chunks_mut(rows * from.row_values()).enumerate();
    pieces.for_each(|(index, result)| {
        spread_rows(isa, from, to, index * rows, g.pixels(), &at.positions, result);
    });
    result
}

/// The mean over the pixels of each image.
///
/// # Shapes
/// To `[batch, channels]`, rows one after the other.
///
/// # Numerics
/// Summed in f32.
pub fn global_average_pool<T: Element>(isa: Isa, x: &Activation<T>) -> Vec<f32> {
    let strip = x.strip();
    let (pitch, channels) = (strip.channel_pitch(), strip.channels);
    let count = (strip.height * strip.width) as f32;
    let mut result = vec![0.0; strip.batch * channels];
    let images = x.pixels().par_chunks((strip.image_pitch() * pitch).max(1));
    result.par_chunks_mut(channels.max(1)).zip(images).for_each(|(result, image)| {
        let mut sums = vec![0.0; pitch];
        let mut scratch = vec![0.0; pitch * 256_usize.div_ceil(pitch.max(1))];
        add_up(isa, image, &mut scratch, &mut sums);
        for (result, sum) in result.iter_mut().zip(&sums) {
            *result = sum / count;
        }
    });
    result
}

/// The gradient of the input of [`global_average_pool`], of shape `strip`, from that of its output,
/// `[batch, channels]`: its share for each pixel.
///
/// # Panics
/// If the number of gradients is not batch times channels.
pub fn global_average_pool_backward<T: Element>(g: &[f32], strip: Strip) -> Activation<T> {
    let (pitch, channels) = (strip.channel_pitch(), strip.channels);
    assert_eq!(g.len(), strip.batch * channels, "one gradient for each channel of each image");
    let count = (strip.height * strip.width) as f32;
    let mut result = Activation::dirty(strip);
    let images = result.pixels_mut().par_chunks_mut((strip.image_pitch() * pitch).max(1));
    images.zip(g.par_chunks(channels.max(1))).for_each(|(image, g)| {
        let mut share: Vec<T> = g.iter().map(|g| T::from_f32(g / count)).collect();
        share.resize(pitch, T::default());
        for (row, pixels) in image.chunks_mut(strip.row_values()).enumerate() {
            let (pixels, border) = pixels.split_at_mut(strip.inner_values(row));
            border.fill(T::default());
            for pixel in pixels.chunks_exact_mut(pitch) {
                pixel.copy_from_slice(&share);
            }
        }
    });
    result
}

per_isa! {
    /// Rows of the output from row `first` of its strip on.
    fn max_rows<T: Element>(
        from: Strip,
        to: Strip,
        first: usize,
        x: &[T],
        result: &mut [T],
        positions: &mut [u8],
    ) {
        let pitch = to.channel_pitch();
        let rows = result.chunks_mut(to.row_values()).zip(positions.chunks_mut(to.row_values()));
        for (row, (result, positions)) in rows.enumerate() {
            result[to.inner_values(first + row)..].fill(T::default());
            let Some((image, out_y)) = to.row_place(first + row) else { continue };
            let ys = window(out_y, from.height);
            let pixels = result.chunks_exact_mut(pitch).zip(positions.chunks_exact_mut(pitch));
            for (out_x, (result, positions)) in pixels.enumerate().take(to.width) {
                let xs = window(out_x, from.width);
                let taps = std::array::from_fn(|tap| {
                    let ((y, code_y), (column, code_x)) = (ys[tap / 3], xs[tap % 3]);
                    let start = from.pixel(image, y, column) * pitch;
                    (&x[start..start + pitch], 3 * code_y + code_x)
                });
                max_pixel(taps, result, positions);
            }
        }
    }
}

/// The three pixels of a window along one side of the image, with their numbers in the window. One
/// outside of the image is replaced by its neighbour, which as an equal cannot change which pixel
/// comes first.
#[inline(always)]
fn window(out: usize, length: usize) -> [(usize, u32); 3] {
    std::array::from_fn(|tap| {
        let at = (2 * out + tap).saturating_sub(1).min(length - 1);
        (at, (at + 1 - 2 * out) as u32)
    })
}

/// The largest of nine pixels in each channel, and its number.
#[inline(always)]
fn max_pixel<T: Element>(taps: [(&[T], u32); 9], result: &mut [T], positions: &mut [u8]) {
    let n = result.len();
    let positions = &mut positions[..n];
    let taps = taps.map(|(values, code)| (&values[..n], code));
    for c in 0..n {
        let (mut best, mut place) = (taps[0].0[c].to_f32(), taps[0].1);
        for (values, code) in &taps[1..] {
            let value = values[c].to_f32();
            let wins = (value > best) | value.is_nan();
            best = if wins { value } else { best };
            place = if wins { *code } else { place };
        }
        result[c] = T::from_f32(best);
        positions[c] = place as u8;
    }
}

per_isa! {
    /// Rows of the input's gradient from row `first` of its strip on.
    fn spread_rows<T: Element>(
        from: Strip,
        to: Strip,
        first: usize,
        g: &[T],
        positions: &[u8],
        result: &mut [T],
    ) {
        let pitch = from.channel_pitch();
        for (row, result) in result.chunks_mut(from.row_values()).enumerate() {
            result[from.inner_values(first + row)..].fill(T::default());
            let Some((image, y)) = from.row_place(first + row) else { continue };
            let ys = windows_over(y, to.height);
            for (x, result) in result.chunks_exact_mut(pitch).enumerate().take(from.width) {
                let xs = windows_over(x, to.width);
                let taps = std::array::from_fn(|tap| {
                    let ((out_y, code_y), (out_x, code_x)) = (ys[tap / 2], xs[tap % 2]);
                    let start = to.pixel(image, out_y, out_x) * pitch;
                    let range = start..start + pitch;
                    (&g[range.clone()], &positions[range], 3 * code_y + code_x)
                });
                spread_pixel(taps, result);
            }
        }
    }
}

/// No place in a window, also when added to another.
const NOWHERE: u32 = 1000;

/// The at most two windows along one side that hold a pixel, and its number in each.
#[inline(always)]
fn windows_over(at: usize, windows: usize) -> [(usize, u32); 2] {
    let (first, second) = (at / 2, at.div_ceil(2));
    let exists = second > first && second < windows;
    let number = |window: usize| (at + 1 - 2 * window) as u32;
    [(first, number(first)), if exists { (second, number(second)) } else { (first, NOWHERE) }]
}

/// Σ of the gradients of the windows whose maximum was here.
#[inline(always)]
fn spread_pixel<T: Element>(taps: [(&[T], &[u8], u32); 4], result: &mut [T]) {
    let n = result.len();
    let taps = taps.map(|(g, positions, code)| (&g[..n], &positions[..n], code));
    for c in 0..n {
        let mut sum = 0.0;
        for (g, positions, code) in &taps {
            let g = g[c].to_f32();
            sum += if u32::from(positions[c]) == *code { g } else { 0.0 };
        }
        result[c] = T::from_f32(sum);
    }
}
