//! Left and right exchanged.

use super::pixels::{BLOCK, Planes, join, split};
use crate::Isa;

/// Mirrors rows of `width` pixels of 1 or 3 channels in place.
pub fn mirror(isa: Isa, pixels: &mut [u8], width: usize, channels: usize) {
    if width == 0 {
        return;
    }
    let mut planes = [Planes::default(); 2];
    for row in pixels.chunks_exact_mut(width * channels) {
        if channels == 3 {
            mirror_row(isa, row, &mut planes);
        } else {
            row.reverse();
        }
    }
}

/// Exchanges blocks from both ends, the last alone.
fn mirror_row(isa: Isa, mut row: &mut [u8], [left, right]: &mut [Planes; 2]) {
    while row.len() / 3 > BLOCK {
        let side = 3 * BLOCK.min(row.len() / 6);
        let (left_pixels, rest) = row.split_at_mut(side);
        let (middle, right_pixels) = rest.split_at_mut(rest.len() - side);
        reversed(isa, left_pixels, left);
        reversed(isa, right_pixels, right);
        join(isa, right, left_pixels);
        join(isa, left, right_pixels);
        row = middle;
    }
    reversed(isa, row, left);
    join(isa, left, row);
}

fn reversed(isa: Isa, pixels: &[u8], planes: &mut Planes) {
    split(isa, pixels, planes);
    for plane in &mut planes.0 {
        plane[..pixels.len() / 3].reverse();
    }
}
