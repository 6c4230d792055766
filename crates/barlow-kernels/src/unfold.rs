//! A convolution with few input channels as one with many: the values under its window become the
//! channels of one pixel.
//!
//! Strips round channels up to 16, so a stem on one or three channels would mostly multiply zeros.
//! Unfolded, its whole window is one row of a matrix product. The image's gradient is never wanted,
//! so there is no way back.

#[cfg(test)]
mod tests;

use rayon::prelude::*;

use crate::isa::per_isa;
use crate::{Activation, Buffer, Element, Isa, Strip};

/// What the loops over one image need to know.
#[derive(Debug, Clone, Copy)]
struct Windows {
    channels: usize,
    height: usize,
    width: usize,
    kernel: usize,
    stride: usize,
    to: Strip,
}

impl Windows {
    /// Height and width with the zeros around.
    fn padded(&self) -> (usize, usize) {
        (self.height + self.kernel - 1, self.width + self.kernel - 1)
    }
}

/// The windows of a convolution (`kernel` by `kernel`, padding `kernel / 2`) over images in planes,
/// as pixels: a 1×1 convolution of the result is the convolution of the images.
///
/// # Shapes
/// `shape` of the planes is `[batch, c, h, w]`; the result has c·kernel² channels of ⌈h/stride⌉ by
/// ⌈w/stride⌉ pixels. Channel (c·kernel + y)·kernel + x is the window's pixel at `(y, x)` in plane c:
/// the order of a weight `[out, c, kernel, kernel]`.
///
/// # Panics
/// If the number of values is not that of the shape, `kernel` is even or `stride` is 0.
pub fn unfold<T: Element>(
    isa: Isa,
    planes: &[f32],
    shape: [usize; 4],
    kernel: usize,
    stride: usize,
) -> Activation<T> {
    let [batch, channels, height, width] = shape;
    let image = channels * height * width;
    assert_eq!(planes.len(), batch * image, "values of planes {shape:?}");
    assert!(kernel % 2 == 1 && stride > 0, "kernel {kernel} is odd, stride {stride} positive");
    let (out_height, out_width) = (height.div_ceil(stride), width.div_ceil(stride));
    let to = Strip::images(batch, channels * kernel * kernel, out_height, out_width);
    let windows = Windows { channels, height, width, kernel, stride, to };
    let mut result = Activation::dirty(to);
    let images = result.pixels_mut().par_chunks_mut((to.image_pitch() * to.channel_pitch()).max(1));
    images.zip(planes.par_chunks(image.max(1))).for_each(|(pixels, planes)| {
        let (rows, columns) = windows.padded();
        let mut padded = Buffer::dirty(channels * rows * columns);
        pad_image(isa, windows, planes, &mut padded);
        unfold_image(isa, windows, &padded, pixels);
    });
    result
}

per_isa! {
    /// Planes with zeros around, as elements.
    fn pad_image<T: Element>(windows: Windows, planes: &[f32], padded: &mut [T]) {
        let Windows { height, width, kernel, .. } = windows;
        let (rows, columns) = windows.padded();
        let pad = kernel / 2;
        padded.fill(T::default());
        for (index, row) in planes.chunks_exact(width).enumerate() {
            let (c, y) = (index / height, index % height);
            let start = (c * rows + y + pad) * columns + pad;
            for (to, from) in padded[start..start + width].iter_mut().zip(row) {
                *to = T::from_f32(*from);
            }
        }
    }
}

per_isa! {
    /// One image; windows of the usual sizes are copied with a length known to the compiler.
    fn unfold_image<T: Element>(windows: Windows, padded: &[T], pixels: &mut [T]) {
        match windows.kernel {
            1 => copy_windows(windows, padded, pixels, copy_run::<T, 1>),
            3 => copy_windows(windows, padded, pixels, copy_run::<T, 3>),
            5 => copy_windows(windows, padded, pixels, copy_run::<T, 5>),
            7 => copy_windows(windows, padded, pixels, copy_run::<T, 7>),
            _ => copy_windows(windows, padded, pixels, <[T]>::copy_from_slice),
        }
    }
}

/// Both are `LENGTH` long.
#[inline(always)]
fn copy_run<T: Element, const LENGTH: usize>(to: &mut [T], from: &[T]) {
    if let (Some(to), Some(from)) = (to.first_chunk_mut::<LENGTH>(), from.first_chunk()) {
        *to = *from;
    }
}

/// Every window of the image; `copy` takes a row of one.
#[inline(always)]
fn copy_windows<T: Element>(
    windows: Windows,
    padded: &[T],
    pixels: &mut [T],
    copy: impl Fn(&mut [T], &[T]),
) {
    let Windows { channels, kernel, stride, to, .. } = windows;
    let (rows, columns) = windows.padded();
    let runs = (0..channels * kernel).map(|i| (i / kernel * rows + i % kernel) * columns);
    let runs: Vec<usize> = runs.collect();
    for (y, row) in pixels.chunks_mut(to.row_values()).enumerate() {
        row.fill(T::default());
        let row = &mut row[..to.inner_values(y)];
        for (x, pixel) in row.chunks_exact_mut(to.channel_pitch()).enumerate() {
            let corner = y * stride * columns + x * stride;
            for (run, start) in pixel.chunks_exact_mut(kernel).zip(&runs) {
                copy(run, &padded[corner + start..corner + start + kernel]);
            }
        }
    }
}
