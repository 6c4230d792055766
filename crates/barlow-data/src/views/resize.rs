//! Resizing as Pillow does it, bit for bit.
//!
//! Two passes, along rows and down columns, each with rounding to 8 bits. A target pixel is a weighted sum of the
//! source pixels under a filter that is centred on it and, when shrinking, stretched by the scale
//! (so shrinking is free of aliasing). Weights are normalised in f64 and then rounded to 22
//! fractional bits; sums are exact in i32. A pass that would change nothing is skipped. The tests
//! compare with Pillow's own results.

use barlow_kernels::Isa;
use barlow_kernels::view::{Rows, Taps, Turned, WEIGHT_BITS, mirror, weigh_pixels, weigh_rows};

use super::crop::CropBox;
use super::filter::{Filter, Sampling, Span};

/// The weights of one direction.
#[derive(Debug, Default)]
struct Axis {
    taps: Taps,
    weights: Vec<f64>,
}

impl Axis {
    /// Prepares targets `start..start + count` of a resize of a span to `to` samples, the last one
    /// first where the result is mirrored, and gives the first and the count of the source samples
    /// they need; targets are relative to that first.
    fn prepare(
        &mut self,
        filter: Filter,
        from: Span,
        to: usize,
        [start, count]: [usize; 2],
        is_mirrored: bool,
    ) -> [usize; 2] {
        let sampling = Sampling::of_span(filter, from, to);
        let last = start + count - 1;
        let (origin, end) = (sampling.sources(start).start, sampling.sources(last).end);
        self.taps.reset(count, sampling.most_sources());
        for place in 0..count {
            let target = if is_mirrored { last - place } else { start + place };
            let sources = sampling.sources(target);
            self.weights.clear();
            sampling.weigh(target, &mut self.weights);
            let weights = self.weights.iter().map(|weight| {
                let scaled = weight * f64::from(1 << WEIGHT_BITS);
                (scaled + 0.5f64.copysign(scaled)) as i32
            });
            self.taps.push(sources.start - origin, weights);
        }
        [origin, end - origin]
    }
}

/// Buffers of [`resize`], kept from image to image.
#[derive(Debug, Default)]
pub(super) struct ResizeScratch {
    columns: Axis,
    rows: Axis,
    between: Vec<u8>,
    turned: Turned,
}

/// Source pixels of a resize: a rectangle of an interleaved image.
#[derive(Debug, Clone, Copy)]
pub(super) struct Region<'a> {
    /// The whole image.
    pub(super) pixels: &'a [u8],
    /// Pixels in a row of the whole image.
    pub(super) row_width: usize,
    /// Samples in a pixel, 1 or 3.
    pub(super) channels: usize,
    /// The rectangle, at least one pixel; nothing outside it is read.
    pub(super) area: CropBox,
    /// Columns and rows of it that are resized.
    pub(super) spans: [Span; 2],
}

impl<'a> Region<'a> {
    /// All of an image.
    pub(super) fn whole(pixels: &'a [u8], [width, height]: [usize; 2], channels: usize) -> Self {
        let area = CropBox { left: 0, top: 0, width, height };
        Self::of_area(pixels, width, channels, area)
    }

    /// Whole pixels of an image of `row_width` columns.
    pub(super) fn of_area(
        pixels: &'a [u8],
        row_width: usize,
        channels: usize,
        area: CropBox,
    ) -> Self {
        let spans = [area.width, area.height].map(Span::whole);
        Self { pixels, row_width, channels, area, spans }
    }

    /// Some of its columns and rows, each as first and count.
    fn part(self, [left, width]: [usize; 2], [top, height]: [usize; 2]) -> Self {
        let (left, top) = (self.area.left + left, self.area.top + top);
        Self { area: CropBox { left, top, width, height }, ..self }
    }

    fn rows(self) -> Rows<'a> {
        let CropBox { left, top, width, height } = self.area;
        let pitch = self.row_width * self.channels;
        let samples = &self.pixels[top * pitch + left * self.channels..];
        Rows::new(samples, pitch, width * self.channels, height)
    }
}

/// Resizes a region to `to` (`[width, height]`) and gives the rectangle `window` of the result,
/// of which only that is computed: `[window.height, window.width, channels]`.
pub(super) fn resize(
    source: Region,
    filter: Filter,
    to: [usize; 2],
    window: CropBox,
    scratch: &mut ResizeScratch,
    out: &mut Vec<u8>,
) {
    resize_mirrored(source, filter, to, window, false, scratch, out);
}

/// As [`resize`], and mirrors the window left and right where `is_mirrored`: its columns are then made
/// from right to left, which costs nothing.
///
/// # Source
/// Pillow 13's `Image.resize` on the cropped image. Its pass down the columns comes first where the
/// height loses more than twice as many pixels as the width; older Pillows always begin along the
/// rows, which moves single samples by one level
/// (<https://github.com/python-pillow/Pillow/pull/9549>).
pub(super) fn resize_mirrored(
    source: Region,
    filter: Filter,
    to: [usize; 2],
    window: CropBox,
    is_mirrored: bool,
    scratch: &mut ResizeScratch,
    out: &mut Vec<u8>,
) {
    let ResizeScratch { columns, rows, between, turned } = scratch;
    let CropBox { width, height, .. } = source.area;
    let spans = source.spans;
    let (has_columns, has_rows) = (!spans[0].is(to[0]), !spans[1].is(to[1]));
    let mut columns_needed = [window.left, window.width];
    if has_columns {
        columns_needed = columns.prepare(filter, spans[0], to[0], columns_needed, is_mirrored);
    }
    let mut rows_needed = [window.top, window.height];
    if has_rows {
        rows_needed = rows.prepare(filter, spans[1], to[1], rows_needed, false);
    }
    let (isa, channels) = (Isa::best(), source.channels);
    let source = source.part(columns_needed, rows_needed).rows();

    // Every sample of the targets is overwritten, so nothing is cleared.
    let length = window.width * channels;
    out.resize(window.height * length, 0);
    match (has_columns, has_rows) {
        (false, false) => {
            for (y, target) in out.chunks_exact_mut(length).enumerate() {
                target.copy_from_slice(source.row(y));
            }
        }
        (true, false) => weigh_pixels(isa, source, channels, &columns.taps, turned, out),
        (false, true) => weigh_rows(isa, source, &rows.taps, out),
        (true, true) if height > to[1] && height - to[1] > 2 * width.saturating_sub(to[0]) => {
            between.resize(source.length() * window.height, 0);
            weigh_rows(isa, source, &rows.taps, between);
            let source = Rows::new(between, source.length(), source.length(), window.height);
            weigh_pixels(isa, source, channels, &columns.taps, turned, out);
        }
        (true, true) => {
            between.resize(length * source.count(), 0);
            weigh_pixels(isa, source, channels, &columns.taps, turned, between);
            let source = Rows::new(between, length, length, source.count());
            weigh_rows(isa, source, &rows.taps, out);
        }
    }
    if is_mirrored && !has_columns {
        mirror(isa, out, window.width, channels);
    }
}
