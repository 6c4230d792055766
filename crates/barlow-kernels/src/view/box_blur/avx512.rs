//! A pass down 64 columns at a time, with sums of 16 bits.
//!
//! The two products of a sample, inner sum and outer sum by their weights, are one lane of one
//! instruction (`vpmaddwd`) on 16-bit operands; a weight of 24 bits is two of 12.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi16, _mm512_add_epi32, _mm512_madd_epi16, _mm512_mask_storeu_epi8,
    _mm512_maskz_loadu_epi8, _mm512_mullo_epi16, _mm512_packus_epi16, _mm512_packus_epi32,
    _mm512_set1_epi16, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_slli_epi32,
    _mm512_srli_epi32, _mm512_sub_epi16, _mm512_unpackhi_epi8, _mm512_unpackhi_epi16,
    _mm512_unpacklo_epi8, _mm512_unpacklo_epi16,
};

use super::BoxFilter;

/// The largest whole radius whose sums stay below 2¹⁵.
pub(super) const MAX_RADIUS: usize = 63;

/// Columns of a step.
const COLUMNS: usize = 64;

/// Bits of the lower part of a weight.
const LOW_BITS: u32 = 12;

/// The body of [`super::pass`].
///
/// # Safety
/// AVX-512 F and BW exist; `rows` and `out` are as many whole rows of `length` samples, at least one.
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) unsafe fn pass(rows: &[u8], length: usize, filter: BoxFilter, out: &mut [u8]) {
    for left in (0..length).step_by(COLUMNS) {
        let mask = u64::MAX >> (COLUMNS - COLUMNS.min(length - left));
        // SAFETY: the mask keeps within the rows.
        unsafe { columns(rows, length, left, mask, filter, out) };
    }
}

/// The columns that the mask names, from `left` on.
///
/// # Safety
/// As above; the columns are within the rows.
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn columns(
    rows: &[u8],
    length: usize,
    left: usize,
    mask: u64,
    BoxFilter { radius, inner, outer }: BoxFilter,
    out: &mut [u8],
) {
    let count = rows.len() / length;
    let row = |y: usize| {
        let start = rows[y.min(count - 1) * length + left..].as_ptr();
        // SAFETY: the mask keeps within the row.
        widened(unsafe { _mm512_maskz_loadu_epi8(mask, start.cast()) })
    };
    let pair = |inner: u32, outer: u32| _mm512_set1_epi32((outer << 16 | inner).cast_signed());
    let low_mask = (1 << LOW_BITS) - 1;
    let weights =
        [pair(inner >> LOW_BITS, outer >> LOW_BITS), pair(inner & low_mask, outer & low_mask)];

    // The sum of the box around the row above the first, all outside rows being the first.
    let repeated = _mm512_set1_epi16(radius as i16 + 1);
    let mut sums = both(row(0), [repeated; 2], |half, times| _mm512_mullo_epi16(half, times));
    for y in 0..radius {
        sums = both(sums, row(y), |sum, half| _mm512_add_epi16(sum, half));
    }
    let mut entering = row(radius);
    for (y, out) in out.chunks_exact_mut(length).enumerate() {
        // Row y-r-1 leaves the box and becomes its upper neighbour; row y+r enters.
        let (leaving, next) = (row(y.saturating_sub(radius + 1)), row(y + radius + 1));
        sums = both(sums, entering, |sum, half| _mm512_add_epi16(sum, half));
        sums = both(sums, leaving, |sum, half| _mm512_sub_epi16(sum, half));
        let outside = both(leaving, next, |a, b| _mm512_add_epi16(a, b));
        let [low, high] = both(sums, outside, |sum, outside| weighted(sum, outside, weights));
        let (samples, start) = (_mm512_packus_epi16(low, high), out[left..].as_mut_ptr());
        // SAFETY: the mask keeps within the row.
        unsafe { _mm512_mask_storeu_epi8(start.cast(), mask, samples) };
        entering = next;
    }
}

/// Bytes to 16 bits, the first and the second eight of each sixteen apart, as packing joins them.
#[target_feature(enable = "avx512f,avx512bw")]
fn widened(bytes: __m512i) -> [__m512i; 2] {
    let zero = _mm512_setzero_si512();
    [_mm512_unpacklo_epi8(bytes, zero), _mm512_unpackhi_epi8(bytes, zero)]
}

#[inline(always)]
fn both(a: [__m512i; 2], b: [__m512i; 2], f: impl Fn(__m512i, __m512i) -> __m512i) -> [__m512i; 2] {
    [f(a[0], b[0]), f(a[1], b[1])]
}

/// The rounded samples, 16 bits each. `weights` are the upper and the lower parts.
#[target_feature(enable = "avx512f,avx512bw")]
fn weighted(sum: __m512i, outside: __m512i, [upper, lower]: [__m512i; 2]) -> __m512i {
    let [a, b] = [_mm512_unpacklo_epi16(sum, outside), _mm512_unpackhi_epi16(sum, outside)];
    let rounded = |pair| {
        let upper = _mm512_slli_epi32::<LOW_BITS>(_mm512_madd_epi16(pair, upper));
        let lower = _mm512_add_epi32(_mm512_madd_epi16(pair, lower), _mm512_set1_epi32(1 << 23));
        _mm512_srli_epi32::<24>(_mm512_add_epi32(upper, lower))
    };
    _mm512_packus_epi32(rounded(a), rounded(b))
}
