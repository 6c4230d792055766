//! The four phases of an activation: its pixels by even or odd row and column.

use rayon::prelude::*;

use crate::{Activation, Element, Strip};

/// Places of the four phases, stacked as images: phase `2·(row odd) + (column odd)` holds images
/// `phase·batch ..`. Where an odd size leaves a phase one short, the rest is 0.
pub(super) fn phases_strip(strip: Strip) -> Strip {
    let half = |size: usize| size.div_ceil(2);
    Strip::images(4 * strip.batch, strip.channels, half(strip.height), half(strip.width))
}

/// Splits an activation into its first `count` phases; the others stay 0.
pub(super) fn split<T: Element>(x: &Activation<T>, count: usize) -> Activation<T> {
    let (from, to) = (x.strip(), phases_strip(x.strip()));
    let channels = from.channel_pitch();
    let mut phases = Activation::dirty(to);
    let image = to.image_pitch() * channels;
    phases.pixels_mut().par_chunks_exact_mut(image).enumerate().for_each(|(index, image)| {
        image.fill(T::default());
        let (phase, n) = (index / from.batch, index % from.batch);
        if phase >= count {
            return;
        }
        let (odd_row, odd_column) = (phase / 2, phase % 2);
        for y in 0..(from.height - odd_row).div_ceil(2) {
            let row = from.pixel(n, 2 * y + odd_row, odd_column);
            for x_at in 0..(from.width - odd_column).div_ceil(2) {
                let source = &x.pixels()[(row + 2 * x_at) * channels..][..channels];
                image[(y * to.row_pitch() + x_at) * channels..][..channels].copy_from_slice(source);
            }
        }
    });
    phases
}
