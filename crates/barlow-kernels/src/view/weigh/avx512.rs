//! Weighted sums by byte products: four samples by four bytes of weights are one lane of one instruction
//! (`vpdpbusd`), and a weight is three bytes.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_dpbusd_epi32, _mm512_mask_storeu_epi8,
    _mm512_maskz_loadu_epi8, _mm512_packs_epi32, _mm512_packus_epi16, _mm512_set1_epi32,
    _mm512_setzero_si512, _mm512_slli_epi32, _mm512_srai_epi32, _mm512_unpackhi_epi8,
    _mm512_unpackhi_epi16, _mm512_unpacklo_epi8, _mm512_unpacklo_epi16,
};

use super::{HALF, Rows, Taps, WEIGHT_BITS};

/// Columns of a step.
const COLUMNS: usize = 64;

/// The body of [`super::weigh_rows`].
///
/// # Safety
/// AVX-512 F, BW and VNNI exist; every target's sources are among the rows.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) unsafe fn weigh(rows: Rows, taps: &Taps, out: &mut [u8]) {
    for (target, out) in out.chunks_exact_mut(rows.length()).enumerate() {
        let [first, count] = taps.sources[target];
        let [low, middle, high] = &taps.bytes;
        let fours = |bytes: &'_ [i8]| {
            let start = target * taps.stride;
            bytes[start..start + count.next_multiple_of(4)].as_ptr()
        };
        let weights = [fours(low), fours(middle), fours(high)];
        let sources = rows.part(first, count);
        for (chunk, out) in out.chunks_mut(COLUMNS).enumerate() {
            let mask = u64::MAX >> (COLUMNS - out.len());
            // SAFETY: the columns of `out` are columns of the rows, and there are as many weights as
            // rows, made up to fours.
            let samples = unsafe { columns(sources, chunk * COLUMNS, mask, weights) };
            // SAFETY: the mask is as long as the chunk.
            unsafe { _mm512_mask_storeu_epi8(out.as_mut_ptr().cast(), mask, samples) };
        }
    }
}

/// The weighted sum of the rows in the columns that the mask names, from `left` on.
///
/// # Safety
/// As above; the columns are within the rows, and each of the three bytes of weights is there for every
/// row, made up to fours.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn columns(rows: Rows, left: usize, mask: u64, weights: [*const i8; 3]) -> __m512i {
    let load = |tap: usize| {
        // Past the last source weights are 0, so any row will do.
        let place = tap.min(rows.count() - 1) * rows.pitch + left;
        // SAFETY: the row is there, and the mask keeps within it.
        unsafe { _mm512_maskz_loadu_epi8(mask, rows.samples.as_ptr().wrapping_add(place).cast()) }
    };
    // By byte of the weight, then by column within each 16: 0 to 3, 4 to 7, 8 to 11, 12 to 15.
    let zero = [_mm512_setzero_si512(); 4];
    let mut sums = [[_mm512_set1_epi32(HALF); 4], zero, zero];
    for tap in (0..rows.count()).step_by(4) {
        let [a, b, c, d] = [load(tap), load(tap + 1), load(tap + 2), load(tap + 3)];
        let (low, high) = (_mm512_unpacklo_epi8(a, b), _mm512_unpackhi_epi8(a, b));
        let (low_2, high_2) = (_mm512_unpacklo_epi8(c, d), _mm512_unpackhi_epi8(c, d));
        let samples = [
            _mm512_unpacklo_epi16(low, low_2),
            _mm512_unpackhi_epi16(low, low_2),
            _mm512_unpacklo_epi16(high, high_2),
            _mm512_unpackhi_epi16(high, high_2),
        ];
        for (sums, weights) in sums.iter_mut().zip(weights) {
            // SAFETY: four bytes of weights are there.
            let bytes = unsafe { weights.wrapping_add(tap).cast::<i32>().read_unaligned() };
            let bytes = _mm512_set1_epi32(bytes);
            for (sum, samples) in sums.iter_mut().zip(samples) {
                *sum = _mm512_dpbusd_epi32(*sum, samples, bytes);
            }
        }
    }
    let [low, middle, high] = sums;
    let mut sums = low;
    for (i, sum) in sums.iter_mut().enumerate() {
        let upper = _mm512_add_epi32(_mm512_slli_epi32::<8>(high[i]), middle[i]);
        let all = _mm512_add_epi32(_mm512_slli_epi32::<8>(upper), *sum);
        *sum = _mm512_srai_epi32::<WEIGHT_BITS>(all);
    }
    // Packing saturates, which is the clamp to 0 to 255.
    _mm512_packus_epi16(_mm512_packs_epi32(sums[0], sums[1]), _mm512_packs_epi32(sums[2], sums[3]))
}
