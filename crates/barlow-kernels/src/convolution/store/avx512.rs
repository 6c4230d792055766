//! Storing with AVX-512: each block's sums stay in registers.

#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "one contract covers the reads and writes of a call"
)]

use std::arch::x86_64::{
    __m256i, __m512, _mm256_loadu_si256, _mm256_storeu_si256, _mm512_add_ps, _mm512_castsi512_ps,
    _mm512_cvtepu16_epi32, _mm512_cvtneps_pbh, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_setzero_ps,
    _mm512_slli_epi32, _mm512_storeu_ps,
};
use std::mem::transmute;

use super::{Destination, Places, Sums, targets};
use crate::Element;
use crate::micro::{BLOCK, TILE_PITCH, Tile};

/// As [`super::store`], for f32 with AVX-512 and for both with its bf16 extension.
pub(super) unsafe fn store<T: Element>(
    tile: &Tile,
    rows: usize,
    blocks: usize,
    first: usize,
    places: &Places,
    to: Destination<T>,
    sums: &mut Sums,
) {
    // SAFETY: the caller's contract; a destination of 16-bit elements is one of bf16.
    unsafe {
        if T::BITS == 32 {
            let start = to.start.cast::<f32>();
            store_f32(tile, rows, blocks, first, places, start, to.pitch, to.is_added, sums);
        } else {
            let start = to.start.cast::<u16>();
            store_bf16(tile, rows, blocks, first, places, start, to.pitch, to.is_added, sums);
        }
    }
}

macro_rules! store {
    ($name:ident, $features:literal, $element:ty, $read:ident, $write:ident) => {
        #[target_feature(enable = $features)]
        unsafe fn $name(
            tile: &Tile,
            rows: usize,
            blocks: usize,
            first: usize,
            places: &Places,
            start: *mut $element,
            pitch: usize,
            is_added: bool,
            sums: &mut Sums,
        ) {
            for block in 0..blocks {
                let [sum, squares] = &mut *sums;
                let (sum, squares) = (&mut sum[block], &mut squares[block]);
                // SAFETY: 16 values.
                let mut total = unsafe { _mm512_loadu_ps(sum.as_ptr()) };
                // SAFETY: 16 values.
                let mut total_squares = unsafe { _mm512_loadu_ps(squares.as_ptr()) };
                let values = tile.0[block * BLOCK..].as_ptr();
                for (row, target) in (0..rows).zip(targets(first, places)) {
                    let Some((place, is_inside)) = target else { continue };
                    let target = start.wrapping_add(place * pitch + block * BLOCK);
                    if !is_inside {
                        // SAFETY: the caller's contract.
                        unsafe { $write(target, _mm512_setzero_ps()) };
                        continue;
                    }
                    // SAFETY: the tile has these rows.
                    let mut value = unsafe { _mm512_loadu_ps(values.add(row * TILE_PITCH)) };
                    if is_added {
                        // SAFETY: the caller's contract.
                        value = _mm512_add_ps(value, unsafe { $read(target) });
                    }
                    // SAFETY: the caller's contract.
                    unsafe { $write(target, value) };
                    total = _mm512_add_ps(total, value);
                    total_squares = _mm512_fmadd_ps(value, value, total_squares);
                }
                // SAFETY: both are 16 values.
                unsafe {
                    _mm512_storeu_ps(sum.as_mut_ptr(), total);
                    _mm512_storeu_ps(squares.as_mut_ptr(), total_squares);
                }
            }
        }
    };
}

store!(store_f32, "avx512f", f32, read_f32, write_f32);
store!(store_bf16, "avx512f,avx512bf16", u16, read_bf16, write_bf16);

#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn read_f32(from: *const f32) -> __m512 {
    // SAFETY: the caller's contract.
    unsafe { _mm512_loadu_ps(from) }
}

#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn write_f32(to: *mut f32, value: __m512) {
    // SAFETY: the caller's contract.
    unsafe { _mm512_storeu_ps(to, value) };
}

#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn read_bf16(from: *const u16) -> __m512 {
    // SAFETY: the caller's contract.
    let bits = unsafe { _mm256_loadu_si256(from.cast()) };
    _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(bits)))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn write_bf16(to: *mut u16, value: __m512) {
    let rounded = _mm512_cvtneps_pbh(value);
    // SAFETY: the same 256 bits.
    let bits: __m256i = unsafe { transmute(rounded) };
    // SAFETY: the caller's contract.
    unsafe { _mm256_storeu_si256(to.cast(), bits) };
}
