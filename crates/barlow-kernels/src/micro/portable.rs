//! Plain Rust that vectorises: 4×16 sums, the left value broadcast.

use super::{BLOCK, Left, Right, Segment, TILE_PITCH, Tile};
use crate::element::{Element, bf16};
use crate::isa::{Isa, per_isa};

/// Rows of a register tile: 16 vectors of 4 on machines with 32 of them.
const HEIGHT: usize = 4;

/// As [`super::Micro::multiply`].
pub(super) unsafe fn multiply(
    rows: usize,
    blocks: usize,
    left: Left<f32>,
    segments: &[Segment],
    right: Right<f32>,
    tile: &mut Tile,
) {
    body(rows, blocks, left, segments, right, tile);
}

/// As [`super::Micro::multiply`]; products and sums in f32.
pub(super) unsafe fn multiply_bf16(
    isa: Isa,
    rows: usize,
    blocks: usize,
    left: Left<bf16>,
    segments: &[Segment],
    right: Right<bf16>,
    tile: &mut Tile,
) {
    widened(isa, rows, blocks, left, segments, right, tile);
}

per_isa! {
    fn widened(
        rows: usize,
        blocks: usize,
        left: Left<bf16>,
        segments: &[Segment],
        right: Right<bf16>,
        tile: &mut Tile,
    ) {
        body(rows, blocks, left, segments, right, tile);
    }
}

#[inline(always)]
fn body<T: Element>(
    rows: usize,
    blocks: usize,
    left: Left<T>,
    segments: &[Segment],
    right: Right<T>,
    tile: &mut Tile,
) {
    // Values of one column that lie side by side.
    let group = if T::SEGMENT == 1 { 1 } else { 2 };
    for block in 0..blocks {
        for row in (0..rows).step_by(HEIGHT) {
            let mut sums = [[0.0_f32; BLOCK]; HEIGHT];
            let start = left.start.wrapping_add(row * left.row);
            let mut weights = right.start.wrapping_add(block * right.block);
            for segment in segments {
                let start = start.wrapping_offset(segment.offset);
                for k in 0..segment.k {
                    for (row, sums) in sums.iter_mut().enumerate() {
                        // SAFETY: the contract of `Micro::multiply`.
                        let value = unsafe { *start.wrapping_add(row * left.row + k * left.step) };
                        for (column, sum) in sums.iter_mut().enumerate() {
                            let at = k / group * group * BLOCK + column * group + k % group;
                            // SAFETY: the contract of `Micro::multiply`.
                            let weight = unsafe { *weights.wrapping_add(at) };
                            *sum += value.to_f32() * weight.to_f32();
                        }
                    }
                }
                weights = weights.wrapping_add(segment.k.next_multiple_of(T::SEGMENT) * BLOCK);
            }
            for (i, sums) in sums.iter().enumerate() {
                let at = (row + i) * TILE_PITCH + block * BLOCK;
                tile.0[at..at + BLOCK].copy_from_slice(sums);
            }
        }
    }
}
