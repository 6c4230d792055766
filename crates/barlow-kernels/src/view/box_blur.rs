//! Extended box filters, from which a Gaussian blur is made.
//!
//! A pass down columns keeps the running sums of some columns in registers while it walks down the
//! rows. Passes along rows are the same on blocks of rows that are transposed, so that all passes of
//! a block happen in the nearest caches.

#[cfg(target_arch = "x86_64")]
mod avx512;

use super::rows::{Rows, turn};
use crate::Isa;
use crate::isa::per_isa;

/// A box filter of fractional radius r: the inner 2⌊r⌋ + 1 pixels count by one weight, the two next to
/// them by a smaller one.
#[derive(Debug, Clone, Copy)]
pub struct BoxFilter {
    /// ⌊r⌋.
    radius: usize,
    /// Weight of the inner pixels, 24 fractional bits.
    inner: u32,
    /// Weight of the two beside them.
    outer: u32,
}

impl BoxFilter {
    /// # Source
    /// Pillow's `ImagingBoxBlur`: 1 / (2r + 1) in f32, cut off; the outer two share the rest.
    ///
    /// # Panics
    /// If the radius is not 0 to 10,000.
    pub fn new(radius: f32) -> Self {
        assert!((0.0..=10_000.0).contains(&radius), "a radius of {radius}");
        let one = 1u32 << 24;
        let whole = radius as u32;
        let inner = (one as f32 / (radius * 2.0 + 1.0)) as u32;
        let outer = (one - (whole * 2 + 1) * inner) / 2;
        Self { radius: whole as usize, inner, outer }
    }
}

/// Buffers of [`box_blur`].
#[derive(Debug, Default)]
pub struct BoxScratch {
    turned: Vec<u8>,
    other: Vec<u8>,
}

/// Rows that are transposed at a time, at most.
const ROWS: usize = 64;
/// Their number is a multiple of this.
const ROWS_STEP: usize = 16;

/// Filters interleaved pixels in place: `passes` times along rows, then as often down columns, rounding
/// to 8 bits each time. The edge pixel is repeated outside.
///
/// # Panics
/// If `pixels` is not `width * height * channels` samples.
pub fn box_blur(
    isa: Isa,
    pixels: &mut [u8],
    [width, height]: [usize; 2],
    channels: usize,
    filter: BoxFilter,
    passes: usize,
    scratch: &mut BoxScratch,
) {
    let length = width * channels;
    assert_eq!(pixels.len(), length * height, "{width} by {height} pixels");
    if pixels.is_empty() {
        return;
    }
    let BoxScratch { turned, other } = scratch;
    for top in (0..height).step_by(ROWS) {
        let count = ROWS.min(height - top);
        // Lanes past the last row hold what they held: nothing reads their results.
        let pitch = count.next_multiple_of(ROWS_STEP);
        turned.resize(length * pitch, 0);
        other.resize(length * pitch, 0);
        let block = &mut pixels[top * length..][..count * length];
        turn(isa, Rows::new(block, length, length, count), turned, pitch);
        for _ in 0..passes {
            pass(isa, turned, channels * pitch, filter, other);
            std::mem::swap(turned, other);
        }
        turn(isa, Rows::new(turned, pitch, count, length), block, length);
    }
    other.resize(pixels.len(), 0);
    let (mut from, mut to) = (&mut *pixels, &mut other[..]);
    for _ in 0..passes {
        pass(isa, from, length, filter, to);
        std::mem::swap(&mut from, &mut to);
    }
    if passes % 2 == 1 {
        to.copy_from_slice(from);
    }
}

/// One pass down columns, over rows of `length` samples.
fn pass(isa: Isa, rows: &[u8], length: usize, filter: BoxFilter, out: &mut [u8]) {
    assert!(rows.len() == out.len() && rows.len().is_multiple_of(length), "whole rows");
    #[cfg(target_arch = "x86_64")]
    if isa >= Isa::Avx512 && filter.radius <= avx512::MAX_RADIUS {
        // SAFETY: such an `Isa` exists only where it was detected; the rows are whole.
        unsafe { avx512::pass(rows, length, filter, out) };
        return;
    }
    pass_by_columns(isa, rows, length, filter, out);
}

/// Columns whose sums stay in registers.
const COLUMNS: usize = 32;

per_isa! {
    fn pass_by_columns(rows: &[u8], length: usize, filter: BoxFilter, out: &mut [u8]) {
        if length < COLUMNS {
            (0..length).for_each(|left| columns::<1>(rows, length, left, filter, out));
            return;
        }
        // The last step begins early enough to be whole.
        for left in (0..length).step_by(COLUMNS) {
            columns::<COLUMNS>(rows, length, left.min(length - COLUMNS), filter, out);
        }
    }
}

/// The columns from `left` on.
#[inline(always)]
fn columns<const N: usize>(
    rows: &[u8],
    length: usize,
    left: usize,
    BoxFilter { radius, inner, outer }: BoxFilter,
    out: &mut [u8],
) {
    let count = rows.len() / length;
    let row = |y: usize| {
        let row = &rows[y.min(count - 1) * length + left..];
        row.first_chunk::<N>().expect("the columns are within the rows")
    };
    // The sum of the box around the row above the first, all outside rows being the first.
    let mut sums = row(0).map(|v| u32::from(v) * (radius as u32 + 1));
    for y in 0..radius {
        for (sum, &v) in sums.iter_mut().zip(row(y)) {
            *sum += u32::from(v);
        }
    }
    for (y, out) in out.chunks_exact_mut(length).enumerate() {
        // Row y-r-1 leaves the box and becomes its upper neighbour; row y+r enters.
        let leaving = row(y.saturating_sub(radius + 1));
        let (entering, next) = (row(y + radius), row(y + radius + 1));
        let out = out[left..].first_chunk_mut::<N>().expect("the columns are within the rows");
        for i in 0..N {
            let [leaving, entering, next] = [leaving, entering, next].map(|row| u32::from(row[i]));
            sums[i] = sums[i] + entering - leaving;
            let sum = sums[i] * inner + (leaving + next) * outer + (1 << 23);
            out[i] = (sum >> 24) as u8;
        }
    }
}
