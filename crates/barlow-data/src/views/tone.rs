//! Operations that need no arithmetic to speak of: mirror, grey, solarise; in place.

use crate::image::luma;

/// Mirrors left and right.
pub(super) fn flip(pixels: &mut [u8], width: usize, channels: usize) {
    for row in pixels.chunks_exact_mut(width * channels) {
        if channels == 1 {
            row.reverse();
        } else {
            row.as_chunks_mut::<3>().0.reverse();
        }
    }
}

/// Gives up colour: every sample becomes its pixel's luma. One channel stays as it is.
pub(super) fn grayscale(pixels: &mut [u8], channels: usize) {
    if channels == 3 {
        for pixel in pixels.as_chunks_mut::<3>().0 {
            *pixel = [luma(pixel); 3];
        }
    }
}

/// Inverts what is 128 or brighter (Pillow's `ImageOps.solarize` at its default threshold).
pub(super) fn solarize(pixels: &mut [u8]) {
    for sample in pixels {
        *sample = (*sample).min(255 - *sample);
    }
}
