//! bf16 operands with AVX-512.

#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "one contract covers the reads and writes of a call"
)]

use std::arch::x86_64::{
    __m256i, __m512i, _mm256_loadu_si256, _mm512_castsi256_si512, _mm512_inserti64x4,
    _mm512_loadu_si512, _mm512_permutexvar_epi16, _mm512_shuffle_i32x4, _mm512_storeu_si512,
    _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

use super::{BLOCK, bf16};

/// Indices that interleave the two halves of a register: 0, 16, 1, 17, …
static INTERLEAVE: [u16; 32] = {
    let mut indices = [0; 32];
    let mut i = 0;
    while i < 32 {
        indices[i] = (i / 2 + i % 2 * 16) as u16;
        i += 1;
    }
    indices
};

/// Two pixels' 16 channels, each channel's two values side by side.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn pair(source: *const bf16, pitch: usize) -> __m512i {
    // SAFETY: both pixels' 16 channels may be read.
    let (even, odd): (__m256i, __m256i) = unsafe {
        (_mm256_loadu_si256(source.cast()), _mm256_loadu_si256(source.wrapping_add(pitch).cast()))
    };
    let both = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(even), odd);
    // SAFETY: the table is one register long.
    let indices = unsafe { _mm512_loadu_si512(INTERLEAVE.as_ptr().cast()) };
    _mm512_permutexvar_epi16(indices, both)
}

/// Interleaves 16 channels of two pixels.
///
/// # Safety
/// `source` may be read at both pixels.
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) unsafe fn interleave(source: *const bf16, pitch: usize, to: &mut [bf16; 2 * BLOCK]) {
    // SAFETY: the caller's contract; the array is one register long.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), pair(source, pitch)) };
}

/// Transposes 32 pixels of 16 channels to 16 rows of 32 values.
///
/// # Safety
/// `source` may be read at all pixels, `to` written at all rows.
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) unsafe fn transpose(source: *const bf16, pitch: usize, to: *mut bf16, row: usize) {
    // SAFETY: the caller's contract.
    let pairs: [__m512i; 16] =
        std::array::from_fn(|i| unsafe { pair(source.wrapping_add(2 * i * pitch), pitch) });
    // A transpose of 16×16 values of 32 bits: within quarters, then of the quarters.
    let mut a = pairs;
    for i in (0..16).step_by(2) {
        a[i] = _mm512_unpacklo_epi32(pairs[i], pairs[i + 1]);
        a[i + 1] = _mm512_unpackhi_epi32(pairs[i], pairs[i + 1]);
    }
    let mut b = a;
    for i in (0..16).step_by(4) {
        b[i] = _mm512_unpacklo_epi64(a[i], a[i + 2]);
        b[i + 1] = _mm512_unpackhi_epi64(a[i], a[i + 2]);
        b[i + 2] = _mm512_unpacklo_epi64(a[i + 1], a[i + 3]);
        b[i + 3] = _mm512_unpackhi_epi64(a[i + 1], a[i + 3]);
    }
    // b[4g + j] holds in quarter q the pairs 4g .. 4g+4 of channel 4q + j.
    for j in 0..4 {
        let low = _mm512_shuffle_i32x4::<0x88>(b[j], b[4 + j]); // quarters 0, 2 of groups 0, 1
        let low_odd = _mm512_shuffle_i32x4::<0xdd>(b[j], b[4 + j]); // quarters 1, 3
        let high = _mm512_shuffle_i32x4::<0x88>(b[8 + j], b[12 + j]);
        let high_odd = _mm512_shuffle_i32x4::<0xdd>(b[8 + j], b[12 + j]);
        let channels = [
            (j, _mm512_shuffle_i32x4::<0x88>(low, high)),
            (4 + j, _mm512_shuffle_i32x4::<0x88>(low_odd, high_odd)),
            (8 + j, _mm512_shuffle_i32x4::<0xdd>(low, high)),
            (12 + j, _mm512_shuffle_i32x4::<0xdd>(low_odd, high_odd)),
        ];
        for (channel, values) in channels {
            // SAFETY: the caller's contract.
            unsafe { _mm512_storeu_si512(to.wrapping_add(channel * row).cast(), values) };
        }
    }
}
