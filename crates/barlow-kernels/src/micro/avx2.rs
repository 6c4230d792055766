//! AVX2: 12 accumulators, 6×16, the left value broadcast.

use std::arch::x86_64::{
    _mm256_broadcast_ss, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_setzero_ps, _mm256_storeu_ps,
};

use super::{BLOCK, Left, Right, Segment, TILE_PITCH, Tile};

/// Rows of a register tile.
const HEIGHT: usize = 6;

/// Values in a register.
const LANES: usize = 8;

/// As [`super::Micro::multiply`].
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn multiply(
    rows: usize,
    blocks: usize,
    left: Left<f32>,
    segments: &[Segment],
    right: Right<f32>,
    tile: &mut Tile,
) {
    for block in 0..blocks {
        let weights = right.start.wrapping_add(block * right.block);
        for row in (0..rows).step_by(HEIGHT) {
            let start = left.start.wrapping_add(row * left.row);
            let out = tile.0[row * TILE_PITCH + block * BLOCK..].as_mut_ptr();
            // SAFETY: the caller's contract; the height divides `ROWS`, so the tile has these rows.
            unsafe { kernel(Left { start, ..left }, segments, weights, out) };
        }
    }
}

#[target_feature(enable = "avx2,fma")]
unsafe fn kernel(left: Left<f32>, segments: &[Segment], mut weights: *const f32, out: *mut f32) {
    let mut sums = [[_mm256_setzero_ps(); 2]; HEIGHT];
    for segment in segments {
        let mut start = left.start.wrapping_offset(segment.offset);
        for _ in 0..segment.k {
            // SAFETY: the right operand holds a block of 16 for every k.
            let columns =
                unsafe { [_mm256_loadu_ps(weights), _mm256_loadu_ps(weights.add(LANES))] };
            for (row, sums) in sums.iter_mut().enumerate() {
                // SAFETY: the left operand holds these rows.
                let value = unsafe { _mm256_broadcast_ss(&*start.wrapping_add(row * left.row)) };
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum = _mm256_fmadd_ps(column, value, *sum);
                }
            }
            start = start.wrapping_add(left.step);
            weights = weights.wrapping_add(BLOCK);
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        for (half, sum) in sums.iter().enumerate() {
            // SAFETY: the tile has these rows.
            unsafe { _mm256_storeu_ps(out.add(row * TILE_PITCH + half * LANES), *sum) };
        }
    }
}
