//! Rows of samples at a constant distance, and their transposition.

#[cfg(target_arch = "x86_64")]
mod avx512;

use crate::Isa;

/// Some of the samples of an array: rows of equal length at a constant distance.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    pub(super) samples: &'a [u8],
    pub(super) pitch: usize,
    length: usize,
    count: usize,
}

impl<'a> Rows<'a> {
    /// `count` rows of `length` samples, each `pitch` after the one before.
    ///
    /// # Panics
    /// If the last row does not end within `samples`, or rows overlap.
    pub fn new(samples: &'a [u8], pitch: usize, length: usize, count: usize) -> Self {
        let end = count.checked_sub(1).map_or(0, |last| last * pitch + length);
        assert!(end <= samples.len() && length <= pitch, "{count} rows of {length} by {pitch}");
        Self { samples, pitch, length, count }
    }

    /// Rows.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Samples of a row.
    pub fn length(&self) -> usize {
        self.length
    }

    /// One row.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline(always)]
    pub fn row(&self, y: usize) -> &'a [u8] {
        assert!(y < self.count, "row {y} of {}", self.count);
        &self.samples[y * self.pitch..][..self.length]
    }

    /// Some of the rows.
    pub(super) fn part(self, first: usize, count: usize) -> Self {
        assert!(first + count <= self.count, "rows {first} and {count} more of {}", self.count);
        Self { samples: &self.samples[first * self.pitch..], count, ..self }
    }
}

/// Side of the squares that [`turn`] moves.
const SIDE: usize = 16;

/// Transposes: sample `x` of row `y` goes to `out[x * pitch + y]`. What is between stays.
///
/// # Panics
/// If the last sample has no place in `out`.
pub(super) fn turn(isa: Isa, rows: Rows, out: &mut [u8], pitch: usize) {
    if rows.count == 0 || rows.length == 0 {
        return;
    }
    let end = (rows.length - 1) * pitch + rows.count;
    assert!(end <= out.len() && rows.count <= pitch, "{} is not a place", end - 1);
    #[cfg(target_arch = "x86_64")]
    if isa >= Isa::Avx512 {
        // SAFETY: such an `Isa` exists only where it was detected; every sample has a place.
        unsafe { avx512::turn(rows, out, pitch) };
        return;
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = isa;
    let whole = |length: usize| if cfg!(target_arch = "x86_64") { length / SIDE * SIDE } else { 0 };
    let (height, width) = (whole(rows.count), whole(rows.length));
    #[cfg(target_arch = "x86_64")]
    for top in (0..height).step_by(SIDE) {
        for left in (0..width).step_by(SIDE) {
            let from = rows.samples[top * rows.pitch + left..].as_ptr();
            let to = out[left * pitch + top..].as_mut_ptr();
            // SAFETY: SSE2 is part of x86-64; a whole square is within the rows and, turned, within
            // `out`.
            unsafe { turn_square(from, rows.pitch, to, pitch) };
        }
    }
    for y in 0..rows.count {
        let done = if y < height { width } else { 0 };
        for (x, &sample) in rows.row(y).iter().enumerate().skip(done) {
            out[x * pitch + y] = sample;
        }
    }
}

/// Transposes a square: four times each two registers half the square apart are interleaved.
///
/// # Safety
/// SSE2 exists; 16 bytes are readable at each of 16 rows, and writable at each of 16 columns.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
#[expect(clippy::multiple_unsafe_ops_per_block, reason = "a pointer's offset and its use")]
unsafe fn turn_square(from: *const u8, from_pitch: usize, to: *mut u8, to_pitch: usize) {
    use std::arch::x86_64::{
        _mm_loadu_si128, _mm_storeu_si128, _mm_unpackhi_epi8, _mm_unpacklo_epi8,
    };
    // SAFETY: the caller's.
    let mut registers: [_; SIDE] =
        std::array::from_fn(|y| unsafe { _mm_loadu_si128(from.add(y * from_pitch).cast()) });
    for _ in 0..SIDE.ilog2() {
        let mut mixed = registers;
        for (pair, mixed) in mixed.as_chunks_mut::<2>().0.iter_mut().enumerate() {
            let (a, b) = (registers[pair], registers[pair + SIDE / 2]);
            *mixed = [_mm_unpacklo_epi8(a, b), _mm_unpackhi_epi8(a, b)];
        }
        registers = mixed;
    }
    for (x, register) in registers.into_iter().enumerate() {
        // SAFETY: the caller's.
        unsafe { _mm_storeu_si128(to.add(x * to_pitch).cast(), register) };
    }
}
