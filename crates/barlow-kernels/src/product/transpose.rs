//! Transposition of a block of 64 columns.

use super::PANEL;
use crate::Isa;

/// Writes `[rows, 64]` transposed to the first columns of `[64, 64]`, 0 to the others.
///
/// # Panics
/// If there are more than 64 rows, or a slice is too short.
pub(super) fn transpose(isa: Isa, from: &[f32], rows: usize, to: &mut [f32]) {
    assert!(rows <= PANEL && rows * PANEL <= from.len() && PANEL * PANEL <= to.len(), "one block");
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if isa >= Isa::Avx2 {
        while done + 8 <= rows {
            let (from, to) = (from[done * PANEL..].as_ptr(), to[done..].as_mut_ptr());
            // SAFETY: an `Isa` beyond `Portable` exists only where it was detected; the rows and
            // columns are inside, as checked above.
            unsafe { eight_rows(from, to) };
            done += 8;
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = isa;
    for (column, values) in to[..PANEL * PANEL].chunks_exact_mut(PANEL).enumerate() {
        for row in done..rows {
            values[row] = from[row * PANEL + column];
        }
        values[rows..].fill(0.0);
    }
}

/// Eight rows become eight columns, in squares of 8×8.
///
/// # Safety
/// AVX2 exists; eight rows of 64 values are readable, and 8 columns of 64 rows writable.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[expect(clippy::multiple_unsafe_ops_per_block, reason = "loads and stores of one square")]
unsafe fn eight_rows(from: *const f32, to: *mut f32) {
    use std::arch::x86_64::{
        _mm256_loadu_ps, _mm256_permute2f128_ps, _mm256_shuffle_ps, _mm256_storeu_ps,
        _mm256_unpackhi_ps, _mm256_unpacklo_ps,
    };
    for column in (0..PANEL).step_by(8) {
        // SAFETY: the caller's.
        let rows: [_; 8] =
            std::array::from_fn(|r| unsafe { _mm256_loadu_ps(from.add(r * PANEL + column)) });
        // Pairs of rows, then fours, then all eight: within each half of a register, then across.
        let mut pairs = rows;
        let mut fours = rows;
        let mut all = rows;
        for r in 0..4 {
            pairs[2 * r] = _mm256_unpacklo_ps(rows[2 * r], rows[2 * r + 1]);
            pairs[2 * r + 1] = _mm256_unpackhi_ps(rows[2 * r], rows[2 * r + 1]);
        }
        for half in [0, 4] {
            let [a, b, c, d] = [0, 1, 2, 3].map(|r| pairs[half + r]);
            fours[half] = _mm256_shuffle_ps::<0b01_00_01_00>(a, c);
            fours[half + 1] = _mm256_shuffle_ps::<0b11_10_11_10>(a, c);
            fours[half + 2] = _mm256_shuffle_ps::<0b01_00_01_00>(b, d);
            fours[half + 3] = _mm256_shuffle_ps::<0b11_10_11_10>(b, d);
        }
        for r in 0..4 {
            all[r] = _mm256_permute2f128_ps::<0x20>(fours[r], fours[r + 4]);
            all[r + 4] = _mm256_permute2f128_ps::<0x31>(fours[r], fours[r + 4]);
        }
        for (r, values) in all.into_iter().enumerate() {
            // SAFETY: the caller's.
            unsafe { _mm256_storeu_ps(to.add((column + r) * PANEL), values) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_rows_is_transposed_and_the_rest_is_zero() {
        let from: Vec<f32> = (0..PANEL * PANEL).map(|i| i as f32 + 1.0).collect();
        for (isa, rows) in Isa::available().flat_map(|isa| (0..=PANEL).map(move |r| (isa, r))) {
            let mut to = vec![f32::NAN; PANEL * PANEL];
            transpose(isa, &from[..rows * PANEL], rows, &mut to);
            for (at, value) in to.iter().enumerate() {
                let (column, row) = (at / PANEL, at % PANEL);
                let expected = if row < rows { from[row * PANEL + column] } else { 0.0 };
                assert_eq!(value.to_bits(), expected.to_bits(), "{isa} {rows}: {row}, {column}");
            }
        }
    }
}
