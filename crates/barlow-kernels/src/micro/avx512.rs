//! AVX-512: 24 accumulators (6×64, 12×32 or 24×16; 18 in 6×48), the left value broadcast.

use std::arch::x86_64::{
    __m512, __m512bh, _mm512_castsi512_ps, _mm512_dpbf16_ps, _mm512_fmadd_ps, _mm512_loadu_ps,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
};
use std::mem::transmute;

use super::{BLOCK, Left, Micro, Right, Segment, TILE_PITCH, Tile};
use crate::element::bf16;

/// Rows that share a base pointer, so that the addresses of all rows fit the general registers.
const GROUP: usize = 6;

macro_rules! kernel {
    (
        $features:literal, $multiply:ident, $kernel:ident, $element:ty, $step:literal,
        |$weights:ident| $load:expr, |$value:ident| $broadcast:expr, $fma:ident
    ) => {
        /// As [`Micro::multiply`].
        #[target_feature(enable = $features)]
        pub(super) unsafe fn $multiply(
            rows: usize,
            blocks: usize,
            left: Left<$element>,
            segments: &[Segment],
            right: Right<$element>,
            tile: &mut Tile,
        ) {
            let (height, kernel): (_, unsafe fn(_, &[Segment], _, _)) = match blocks {
                4 => (6, $kernel::<6, 1, 4>),
                3 => (6, $kernel::<6, 1, 3>),
                2 => (12, $kernel::<12, 2, 2>),
                _ => (24, $kernel::<24, 4, 1>),
            };
            for row in (0..rows).step_by(height) {
                let start = left.start.wrapping_add(row * left.row);
                let out = tile.0[row * TILE_PITCH..].as_mut_ptr();
                // SAFETY: the caller's contract; heights divide `ROWS`, so the tile has these rows.
                unsafe { kernel(Left { start, ..left }, segments, right, out) };
            }
        }

        #[target_feature(enable = $features)]
        unsafe fn $kernel<const ROWS: usize, const GROUPS: usize, const BLOCKS: usize>(
            left: Left<$element>,
            segments: &[Segment],
            right: Right<$element>,
            out: *mut f32,
        ) {
            let mut sums = [[_mm512_setzero_ps(); BLOCKS]; ROWS];
            let mut weights = right.start;
            for segment in segments {
                let start = left.start.wrapping_offset(segment.offset);
                let mut bases: [_; GROUPS] =
                    std::array::from_fn(|group| start.wrapping_add(group * GROUP * left.row));
                // Plain counted loops: anything cleverer leaves the sums in memory.
                for _ in 0..segment.k / $step {
                    let mut columns = [_mm512_setzero_ps(); BLOCKS];
                    for block in 0..BLOCKS {
                        let $weights = weights.wrapping_add(block * right.block);
                        // SAFETY: the right operand holds these blocks.
                        columns[block] = unsafe { $load };
                    }
                    for group in 0..GROUPS {
                        for row in 0..GROUP {
                            let $value = bases[group].wrapping_add(row * left.row);
                            // SAFETY: the left operand holds these rows.
                            let value = unsafe { $broadcast };
                            for block in 0..BLOCKS {
                                let sum = &mut sums[group * GROUP + row][block];
                                *sum = $fma!(*sum, columns[block], value);
                            }
                        }
                        bases[group] = bases[group].wrapping_add(left.step * $step);
                    }
                    weights = weights.wrapping_add(BLOCK * $step);
                }
                let filled = segment.k.next_multiple_of(<$element>::SEGMENT) - segment.k;
                weights = weights.wrapping_add(filled * BLOCK);
            }
            for row in 0..ROWS {
                for block in 0..BLOCKS {
                    let out = out.wrapping_add(row * TILE_PITCH + block * BLOCK);
                    // SAFETY: the tile has these rows and blocks.
                    unsafe { _mm512_storeu_ps(out, sums[row][block]) };
                }
            }
        }
    };
}

macro_rules! fma_f32 {
    ($sum:expr, $column:expr, $value:expr) => {
        _mm512_fmadd_ps($column, $value, $sum)
    };
}

/// The same bits as pairs of bf16.
#[inline(always)]
fn pairs(bits: __m512) -> __m512bh {
    // SAFETY: both are 512 bits of plain numbers.
    unsafe { transmute(bits) }
}

macro_rules! fma_bf16 {
    ($sum:expr, $column:expr, $value:expr) => {
        _mm512_dpbf16_ps($sum, pairs($column), pairs($value))
    };
}

kernel!(
    "avx512f",
    multiply,
    kernel,
    f32,
    1,
    |weights| _mm512_loadu_ps(weights),
    |value| _mm512_set1_ps(*value),
    fma_f32
);

kernel!(
    "avx512f,avx512bf16",
    multiply_bf16,
    kernel_bf16,
    bf16,
    2,
    |weights| _mm512_loadu_ps(weights.cast()),
    |value| _mm512_castsi512_ps(_mm512_set1_epi32(value.cast::<i32>().read_unaligned())),
    fma_bf16
);
