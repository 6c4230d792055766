//! Weighted sums of neighbouring rows or pixels: the two passes of a resize.
//!
//! A pass down the columns is a sum of rows, which are long enough for vectors. A pass along the
//! rows is the same on blocks of up to 64 rows that are transposed, weighed and transposed back, so
//! both have one inner loop. Sums are exact in i32.

#[cfg(target_arch = "x86_64")]
mod avx512;

use super::rows::{Rows, turn};
use crate::Isa;
use crate::isa::per_isa;

/// Fractional bits of a weight: 8 bits of sample and 2 of overshoot remain in an i32.
pub const WEIGHT_BITS: u32 = 22;
/// One half in the same fixed point: what rounds a sum.
const HALF: i32 = 1 << (WEIGHT_BITS - 1);

/// What each target is the weighted sum of: neighbouring sources.
#[derive(Debug, Default)]
pub struct Taps {
    /// First source and count of sources, by target.
    sources: Vec<[usize; 2]>,
    /// Weights, `stride` for each target, 0 where there are fewer.
    weights: Vec<i32>,
    /// The same in bytes: w = l + 256 m + 65536 h, with l and m from -128 to 127.
    bytes: [Vec<i8>; 3],
    stride: usize,
    /// One more than the last source of any target.
    end: usize,
}

impl Taps {
    /// Forgets all targets, and makes room for `targets` of up to `count` sources each.
    pub fn reset(&mut self, targets: usize, count: usize) {
        self.sources.clear();
        self.sources.reserve(targets);
        self.stride = count.next_multiple_of(4);
        self.end = 0;
        self.weights.clear();
        self.weights.resize(targets * self.stride, 0);
        for bytes in &mut self.bytes {
            bytes.clear();
            bytes.resize(targets * self.stride, 0);
        }
    }

    /// Adds a target: the sum of the sources from `first` on by their weights, which have
    /// [`WEIGHT_BITS`] fractional bits.
    ///
    /// # Panics
    /// If there is no room for it, no weight, or a weight of 1.98 or more either way: a filter that is
    /// normalised to a sum of 1 has none.
    pub fn push(&mut self, first: usize, weights: impl ExactSizeIterator<Item = i32>) {
        let (count, start) = (weights.len(), self.sources.len() * self.stride);
        assert!((1..=self.stride).contains(&count), "{count} weights of {}", self.stride);
        self.sources.push([first, count]);
        self.end = self.end.max(first + count);
        let [low, middle, high] = self.bytes.each_mut().map(|bytes| &mut bytes[start..][..count]);
        let places = self.weights[start..][..count].iter_mut().zip(low).zip(middle).zip(high);
        let mut is_bounded = true;
        for ((((place, low), middle), high), weight) in places.zip(weights) {
            is_bounded &= (-BOUND..BOUND).contains(&weight);
            *place = weight;
            *low = weight as i8;
            *middle = ((weight - i32::from(*low)) >> 8) as i8;
            *high = ((weight - i32::from(*low) - (i32::from(*middle) << 8)) >> 16) as i8;
        }
        assert!(is_bounded, "a weight is not within {BOUND}");
    }

    /// Targets.
    pub fn len(&self) -> usize {
        self.sources.len()
    }

    /// Whether there is no target.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }
}

/// What keeps the highest byte of a weight within -127 to 127.
const BOUND: i32 = 127 << 16;

/// The pass down columns: every row of `out` is a weighted sum of source rows, rounded and clamped to
/// 0 to 255.
///
/// # Panics
/// If a target needs a row that there is not, or `out` is not a row for each target.
pub fn weigh_rows(isa: Isa, rows: Rows, taps: &Taps, out: &mut [u8]) {
    assert!(taps.end <= rows.count(), "{} rows of {}", taps.end, rows.count());
    assert_eq!(out.len(), taps.len() * rows.length(), "a row for each target");
    if out.is_empty() {
        return;
    }
    #[cfg(target_arch = "x86_64")]
    if isa >= Isa::Avx512Bf16 {
        // SAFETY: such an `Isa` exists only where it was detected, and all sources are there.
        unsafe { avx512::weigh(rows, taps, out) };
        return;
    }
    weigh(isa, rows, taps, out);
}

/// Buffers of [`weigh_pixels`].
#[derive(Debug, Default)]
pub struct Turned {
    sources: Vec<u8>,
    targets: Vec<u8>,
}

/// Rows that are transposed at a time, at most.
const ROWS: usize = 64;
/// Their number is a multiple of this.
const ROWS_STEP: usize = 16;

/// The pass along rows: every pixel of a row of `out` is a weighted sum of pixels of the same row.
///
/// # Panics
/// If a target needs a pixel that there is not, or `out` is not a pixel for each target in each row.
pub fn weigh_pixels(
    isa: Isa,
    rows: Rows,
    channels: usize,
    taps: &Taps,
    turned: &mut Turned,
    out: &mut [u8],
) {
    let length = taps.len() * channels;
    assert!(taps.end * channels <= rows.length(), "{} pixels of a row", taps.end);
    assert_eq!(out.len(), length * rows.count(), "a pixel for each target in each row");
    let Turned { sources, targets } = turned;
    for top in (0..rows.count()).step_by(ROWS) {
        let count = ROWS.min(rows.count() - top);
        let pitch = count.next_multiple_of(ROWS_STEP);
        // Lanes past the last row hold what they held: nothing reads their results.
        sources.resize(rows.length() * pitch, 0);
        targets.resize(length * pitch, 0);
        turn(isa, rows.part(top, count), sources, pitch);
        let pixel = channels * pitch;
        let pixels = Rows::new(sources, pixel, pixel, rows.length() / channels);
        weigh_rows(isa, pixels, taps, targets);
        turn(isa, Rows::new(targets, pitch, count, length), &mut out[top * length..], length);
    }
}

per_isa! {
    /// By columns that stay in registers: 32, as long as there are, then one by one.
    fn weigh(rows: Rows, taps: &Taps, out: &mut [u8]) {
        const COLUMNS: usize = 32;
        let targets = taps.sources.iter().zip(taps.weights.chunks_exact(taps.stride));
        for ((&[first, count], weights), out) in targets.zip(out.chunks_exact_mut(rows.length())) {
            let weights = &weights[..count];
            let (chunks, rest) = out.as_chunks_mut::<COLUMNS>();
            for (chunk, out) in chunks.iter_mut().enumerate() {
                columns(rows, chunk * COLUMNS, first, weights, out);
            }
            let done = chunks.len() * COLUMNS;
            for (column, out) in rest.iter_mut().enumerate() {
                let out = std::slice::from_mut(out).as_chunks_mut::<1>().0;
                columns(rows, done + column, first, weights, &mut out[0]);
            }
        }
    }
}

/// Some columns of one target.
#[inline(always)]
fn columns<const N: usize>(
    rows: Rows,
    left: usize,
    first: usize,
    weights: &[i32],
    out: &mut [u8; N],
) {
    let mut sums = [HALF; N];
    for (y, &weight) in weights.iter().enumerate() {
        let samples = rows.row(first + y)[left..].first_chunk::<N>().expect("within the row");
        for (sum, &sample) in sums.iter_mut().zip(samples) {
            *sum += i32::from(sample) * weight;
        }
    }
    *out = sums.map(|sum| (sum >> WEIGHT_BITS).clamp(0, 255) as u8);
}
