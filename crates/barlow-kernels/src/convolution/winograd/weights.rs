//! The taps' points in the order in which the tiles read them.

use rayon::prelude::*;

use super::POINTS;
use crate::convolution::weights::{Direction, Source, columns_of};
use crate::isa::per_isa;
use crate::micro::BLOCK;
use crate::{Buffer, Isa, Strip};

/// `G g Gᵀ` of 3×3 taps, `[block of 16 columns][point][row][16]`; rows beyond the channels are 0.
pub(in super::super) fn pack_points(
    isa: Isa,
    weights: &[f32],
    source: Source,
    direction: Direction,
) -> Buffer<f32> {
    let rows = source.rows.next_multiple_of(Strip::LANES);
    let length = block_length(rows);
    let mut points = Buffer::dirty(source.columns.div_ceil(BLOCK) * length);
    points.par_chunks_exact_mut(length).enumerate().for_each(|(block, points)| {
        transform(isa, weights, source, direction, block * BLOCK, points);
    });
    points
}

/// Values of one block of 16 columns with so many rows.
pub(super) fn block_length(rows: usize) -> usize {
    POINTS * rows * BLOCK
}

per_isa! {
    /// The points of up to 16 columns from `first` on.
    fn transform(
        weights: &[f32],
        source: Source,
        direction: Direction,
        first: usize,
        points: &mut [f32],
    ) {
        let width = BLOCK.min(source.columns - first);
        let plane = points.len() / POINTS;
        let mut down = [[0.0; BLOCK]; 12];
        for row in 0..source.rows {
            let at = first * source.column + row * source.row;
            let tap = |y: usize, x: usize| {
                let tap = match direction {
                    Direction::Forward => 3 * y + x,
                    Direction::Backward => 8 - (3 * y + x),
                };
                columns_of(weights, at + tap, source.column, width)
            };
            for x in 0..3 {
                spread((&tap(0, x), &tap(1, x), &tap(2, x)), &mut down[4 * x..]);
            }
            let mut across = [[0.0; BLOCK]; 4];
            for y in 0..4 {
                spread((&down[y], &down[4 + y], &down[8 + y]), &mut across);
                for (x, values) in across.iter().enumerate() {
                    let start = (4 * y + x) * plane + row * BLOCK;
                    points[start..start + BLOCK].copy_from_slice(values);
                }
            }
        }
        for plane in points.chunks_exact_mut(plane) {
            plane[source.rows * BLOCK..].fill(0.0);
        }
    }
}

/// `G` of three taps.
#[inline(always)]
fn spread((a, b, c): (&[f32; BLOCK], &[f32; BLOCK], &[f32; BLOCK]), to: &mut [[f32; BLOCK]]) {
    let [to0, to1, to2, to3] = to.first_chunk_mut().expect("four points");
    for i in 0..BLOCK {
        let sides = a[i] + c[i];
        to0[i] = a[i];
        to1[i] = 0.5 * (sides + b[i]);
        to2[i] = 0.5 * (sides - b[i]);
        to3[i] = c[i];
    }
}
