//! Resizing as Pillow does it, bit for bit.
//!
//! Two passes, along rows and down columns, each with rounding to 8 bits. A target pixel is a weighted sum of the
//! source pixels under a filter that is centred on it and, when shrinking, stretched by the scale
//! (so shrinking is free of aliasing). Weights are normalised in f64 and then rounded to 22
//! fractional bits; sums are exact in i32. A pass that would change nothing is skipped. The tests
//! compare with Pillow's own results.

use super::crop::CropBox;

/// The interpolation kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filter {
    /// Triangle of support 1: evaluation.
    Bilinear,
    /// Cubic convolution with a = -0.5 and support 2: the random crop.
    Bicubic,
}

impl Filter {
    pub(super) fn support(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
        }
    }

    pub(super) fn at(self, x: f64) -> f64 {
        const A: f64 = -0.5;
        let x = x.abs();
        match self {
            Self::Bilinear if x < 1.0 => 1.0 - x,
            Self::Bicubic if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
            Self::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
            _ => 0.0,
        }
    }
}

/// Fractional bits of a weight: 8 bits of sample and 2 of overshoot remain in an i32.
const PRECISION_BITS: u32 = 22;
/// One half in the same fixed point: what rounds a sum.
const HALF: i32 = 1 << (PRECISION_BITS - 1);

/// Fixed-point sum to sample.
fn to_sample(sum: i32) -> u8 {
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}

/// The weights of one direction.
#[derive(Debug, Default)]
struct Axis {
    /// First source index and count of weights, per target index.
    bounds: Vec<[usize; 2]>,
    /// Weights, `stride` per target index.
    weights: Vec<i32>,
    stride: usize,
    unrounded: Vec<f64>,
}

impl Axis {
    /// Prepares targets `start..start + count` of a resize from `from` to `to` samples, and gives
    /// the first and the count of the source samples they need; bounds are relative to that first.
    fn prepare(
        &mut self,
        filter: Filter,
        [from, to]: [usize; 2],
        [start, count]: [usize; 2],
    ) -> [usize; 2] {
        let scale = from as f64 / to as f64;
        let stretch = scale.max(1.0);
        let support = filter.support() * stretch;
        self.stride = support.ceil() as usize * 2 + 1;
        self.bounds.clear();
        self.weights.clear();
        self.weights.resize(count * self.stride, 0);
        // Multiplied by, not divided: Pillow does so, and last bits depend on it.
        let shrink = 1.0 / stretch;
        for (target, weights) in self.weights.chunks_exact_mut(self.stride).enumerate() {
            let centre = ((start + target) as f64 + 0.5) * scale;
            let first = (centre - support + 0.5).max(0.0) as usize;
            let last = ((centre + support + 0.5) as usize).min(from);
            self.unrounded.clear();
            self.unrounded.extend(
                (first..last).map(|source| filter.at((source as f64 - centre + 0.5) * shrink)),
            );
            let sum: f64 = self.unrounded.iter().sum();
            for (weight, unrounded) in weights.iter_mut().zip(&self.unrounded) {
                let scaled = unrounded / sum * f64::from(1 << PRECISION_BITS);
                *weight = (scaled + 0.5f64.copysign(scaled)) as i32;
            }
            self.bounds.push([first, last - first]);
        }
        let first = self.bounds.first().map_or(0, |bounds| bounds[0]);
        let end = self.bounds.last().map_or(first, |bounds| bounds[0] + bounds[1]);
        for bounds in &mut self.bounds {
            bounds[0] -= first;
        }
        [first, end - first]
    }

    /// Per target index: the first source index and the weights from there on.
    fn targets(&self) -> impl Iterator<Item = (usize, &[i32])> {
        self.bounds
            .iter()
            .zip(self.weights.chunks_exact(self.stride))
            .map(|(&[first, count], weights)| (first, &weights[..count]))
    }
}

/// Buffers of [`resize`], kept from image to image.
#[derive(Debug, Default)]
pub(super) struct ResizeScratch {
    columns: Axis,
    rows: Axis,
    between: Vec<u8>,
    sums: Vec<i32>,
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
    /// The rectangle; nothing outside it is read.
    pub(super) area: CropBox,
}

impl<'a> Region<'a> {
    /// All of an image.
    pub(super) fn whole(pixels: &'a [u8], [width, height]: [usize; 2], channels: usize) -> Self {
        let area = CropBox { left: 0, top: 0, width, height };
        Self { pixels, row_width: width, channels, area }
    }

    /// Some of its columns and rows, each as first and count.
    fn part(self, [left, width]: [usize; 2], [top, height]: [usize; 2]) -> Self {
        let (left, top) = (self.area.left + left, self.area.top + top);
        Self { area: CropBox { left, top, width, height }, ..self }
    }

    /// Samples of a row of the rectangle.
    fn row(&self, y: usize) -> &'a [u8] {
        let start = ((self.area.top + y) * self.row_width + self.area.left) * self.channels;
        &self.pixels[start..start + self.area.width * self.channels]
    }
}

/// Resizes a region to `to` (`[width, height]`) and gives the rectangle `window` of the result,
/// of which only that is computed: `[window.height, window.width, channels]`.
///
/// # Source
/// Pillow 13's `Image.resize` on the cropped image. Its pass down the columns comes first where the
/// height loses more than twice as many pixels as the width; older Pillows always begin along the
/// rows, which moves single samples by one level
/// (<https://github.com/python-pillow/Pillow/pull/9549>).
pub(super) fn resize(
    source: Region,
    filter: Filter,
    to: [usize; 2],
    window: CropBox,
    scratch: &mut ResizeScratch,
    out: &mut Vec<u8>,
) {
    let ResizeScratch { columns, rows, between, sums } = scratch;
    let CropBox { width, height, .. } = source.area;
    let (has_columns, has_rows) = (width != to[0], height != to[1]);
    let mut columns_needed = [window.left, window.width];
    if has_columns {
        columns_needed = columns.prepare(filter, [width, to[0]], columns_needed);
    }
    let mut rows_needed = [window.top, window.height];
    if has_rows {
        rows_needed = rows.prepare(filter, [height, to[1]], rows_needed);
    }
    let source = source.part(columns_needed, rows_needed);
    let channels = source.channels;

    // Every sample of the targets is overwritten, so nothing is cleared.
    out.resize(window.width * window.height * channels, 0);
    match (has_columns, has_rows) {
        (false, false) => {
            let targets = out.chunks_exact_mut(window.width * channels);
            for (y, target) in targets.enumerate() {
                target.copy_from_slice(source.row(y));
            }
        }
        (true, false) => along_rows(source, columns, out),
        (false, true) => down_columns(source, rows, sums, out),
        (true, true) if height > to[1] && height - to[1] > 2 * width.saturating_sub(to[0]) => {
            let size = [source.area.width, window.height];
            between.resize(size[0] * size[1] * channels, 0);
            down_columns(source, rows, sums, between);
            along_rows(Region::whole(between, size, channels), columns, out);
        }
        (true, true) => {
            let size = [window.width, source.area.height];
            between.resize(size[0] * size[1] * channels, 0);
            along_rows(source, columns, between);
            down_columns(Region::whole(between, size, channels), rows, sums, out);
        }
    }
}

/// The pass along rows: every row of the source to a row of `out`.
fn along_rows(source: Region, axis: &Axis, out: &mut [u8]) {
    let samples = axis.bounds.len() * source.channels;
    for (y, target) in out.chunks_exact_mut(samples).enumerate() {
        match source.channels {
            1 => resize_row::<1>(axis, source.row(y), target),
            _ => resize_row::<3>(axis, source.row(y), target),
        }
    }
}

fn resize_row<const CHANNELS: usize>(axis: &Axis, row: &[u8], out: &mut [u8]) {
    let (pixels, _) = row.as_chunks::<CHANNELS>();
    let (targets, _) = out.as_chunks_mut::<CHANNELS>();
    for (target, (first, weights)) in targets.iter_mut().zip(axis.targets()) {
        let mut sums = [HALF; CHANNELS];
        for (pixel, &weight) in pixels[first..].iter().zip(weights) {
            for (sum, &sample) in sums.iter_mut().zip(pixel) {
                *sum += i32::from(sample) * weight;
            }
        }
        *target = sums.map(to_sample);
    }
}

/// The pass down columns: every row of `out` is a weighted sum of rows of the source.
fn down_columns(source: Region, axis: &Axis, sums: &mut Vec<i32>, out: &mut [u8]) {
    let samples = source.area.width * source.channels;
    for ((first, weights), target) in axis.targets().zip(out.chunks_exact_mut(samples)) {
        sums.clear();
        sums.resize(samples, HALF);
        for (y, &weight) in weights.iter().enumerate() {
            for (sum, &sample) in sums.iter_mut().zip(source.row(first + y)) {
                *sum += i32::from(sample) * weight;
            }
        }
        for (sample, &sum) in target.iter_mut().zip(&*sums) {
            *sample = to_sample(sum);
        }
    }
}
