//! Transposition of 16 rows of 64 samples at a time: four squares side by side, one in each quarter of a
//! register. Masks take care of what is not whole.

use std::arch::x86_64::{
    __m128i, __m512i, _mm_mask_storeu_epi8, _mm512_castsi512_si128, _mm512_extracti32x4_epi32,
    _mm512_maskz_loadu_epi8, _mm512_unpackhi_epi8, _mm512_unpacklo_epi8,
};

use super::{Rows, SIDE};

/// Columns of a step.
const COLUMNS: usize = 64;

/// The body of [`super::turn`].
///
/// # Safety
/// AVX-512 F, BW and VL exist; there are rows and samples, and every sample has a place in `out`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) unsafe fn turn(rows: Rows, out: &mut [u8], pitch: usize) {
    // By columns, so that what is written for one step is whole lines, soon after each other.
    for left in (0..rows.length).step_by(COLUMNS) {
        let count = COLUMNS.min(rows.length - left);
        for top in (0..rows.count).step_by(SIDE) {
            let part = rows.part(top, SIDE.min(rows.count - top));
            // SAFETY: the mask keeps within the rows.
            let registers = unsafe { load(part, left, u64::MAX >> (COLUMNS - count)) };
            let down = u16::MAX >> (SIDE - part.count);
            let place = out[left * pitch + top..].as_mut_ptr();
            for (x, register) in turned(registers).into_iter().enumerate() {
                for (quarter, column) in quarters(register).into_iter().enumerate() {
                    let x = quarter * SIDE + x;
                    if x < count {
                        let place = place.wrapping_add(x * pitch);
                        // SAFETY: the column is there, and the mask as long as the part is high.
                        unsafe { _mm_mask_storeu_epi8(place.cast(), down, column) };
                    }
                }
            }
        }
    }
}

/// The columns from `left` on that the mask names; below the last row, that row again.
///
/// # Safety
/// As above; the columns are within the rows.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn load(rows: Rows, left: usize, mask: u64) -> [__m512i; SIDE] {
    std::array::from_fn(|y| {
        let place = rows.samples[y.min(rows.count - 1) * rows.pitch + left..].as_ptr();
        // SAFETY: the caller's.
        unsafe { _mm512_maskz_loadu_epi8(mask, place.cast()) }
    })
}

/// Transposes each quarter: four times each two registers half the square apart are interleaved.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn turned(mut registers: [__m512i; SIDE]) -> [__m512i; SIDE] {
    for _ in 0..SIDE.ilog2() {
        let mut mixed = registers;
        for (pair, mixed) in mixed.as_chunks_mut::<2>().0.iter_mut().enumerate() {
            let (a, b) = (registers[pair], registers[pair + SIDE / 2]);
            *mixed = [_mm512_unpacklo_epi8(a, b), _mm512_unpackhi_epi8(a, b)];
        }
        registers = mixed;
    }
    registers
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn quarters(register: __m512i) -> [__m128i; 4] {
    [
        _mm512_castsi512_si128(register),
        _mm512_extracti32x4_epi32::<1>(register),
        _mm512_extracti32x4_epi32::<2>(register),
        _mm512_extracti32x4_epi32::<3>(register),
    ]
}
