//! Resizing f32 planes as Pillow does in its mode F, bit for bit: weights and sums in f64, one
//! rounding to f32 after each of the two passes.

use crate::views::crop::CropBox;
use crate::views::filter::{Filter, Sampling};

/// Buffers of [`resize`], kept from image to image.
#[derive(Debug, Default)]
pub(super) struct ResizeScratch {
    columns: Axis,
    rows: Axis,
    between: Vec<f32>,
    sums: Vec<f64>,
}

/// Resizes planes of `[width, height]` to `to` (`[width, height]`) and gives the rectangle `window`
/// of the results: `[c, window.height, window.width]`.
///
/// # Source
/// Pillow 13's `Image.resize`, with its choice of which pass comes first.
pub(super) fn resize(
    source: &[f32],
    [width, height]: [usize; 2],
    filter: Filter,
    to: [usize; 2],
    window: CropBox,
    scratch: &mut ResizeScratch,
    out: &mut Vec<f32>,
) {
    let ResizeScratch { columns, rows, between, sums } = scratch;
    columns.prepare(filter, [width, to[0]], [window.left, window.width]);
    let [first_row, row_count] = rows.prepare(filter, [height, to[1]], [window.top, window.height]);
    let is_down_first = height > to[1] && height - to[1] > 2 * width.saturating_sub(to[0]);
    let (plane, target) = (width * height, window.width * window.height);
    // Every value is overwritten, so nothing is cleared.
    out.resize(source.len() / plane * target, 0.0);
    for (plane, out) in source.chunks_exact(plane).zip(out.chunks_exact_mut(target)) {
        let needed = &plane[first_row * width..][..row_count * width];
        if is_down_first {
            between.resize(width * window.height, 0.0);
            down_columns(needed, width, rows, sums, between);
            along_rows(between, width, columns, out);
        } else {
            between.resize(window.width * row_count, 0.0);
            along_rows(needed, width, columns, between);
            down_columns(between, window.width, rows, sums, out);
        }
    }
}

/// The weights of one direction.
#[derive(Debug, Default)]
struct Axis {
    /// First source index and count of weights, per target index.
    bounds: Vec<[usize; 2]>,
    /// All weights, one target after the other.
    weights: Vec<f64>,
}

impl Axis {
    /// Prepares targets `start..start + count` of a resize from `from` to `to` samples, and gives
    /// the first and the count of the source samples that they need. Where nothing changes, each
    /// sample has weight 1, which is exact.
    fn prepare(
        &mut self,
        filter: Filter,
        [from, to]: [usize; 2],
        [start, count]: [usize; 2],
    ) -> [usize; 2] {
        self.bounds.clear();
        self.weights.clear();
        let sampling = Sampling::new(filter, [from, to]);
        for target in start..start + count {
            if from == to {
                self.bounds.push([target, 1]);
                self.weights.push(1.0);
                continue;
            }
            sampling.weigh(target, &mut self.weights);
            let sources = sampling.sources(target);
            self.bounds.push([sources.start, sources.len()]);
        }
        let first = self.bounds.first().map_or(0, |bounds| bounds[0]);
        let end = self.bounds.last().map_or(first, |bounds| bounds[0] + bounds[1]);
        [first, end - first]
    }

    /// Per target index: the first source index and the weights from there on.
    fn targets(&self) -> impl Iterator<Item = (usize, &[f64])> {
        self.bounds.iter().scan(&self.weights[..], |rest, &[first, count]| {
            let (weights, others) = rest.split_at(count);
            *rest = others;
            Some((first, weights))
        })
    }
}

/// The pass along rows: every row of the source, `width` long, to a row of `out`.
fn along_rows(source: &[f32], width: usize, axis: &Axis, out: &mut [f32]) {
    let rows = source.chunks_exact(width).zip(out.chunks_exact_mut(axis.bounds.len()));
    for (row, out) in rows {
        for (value, (first, weights)) in out.iter_mut().zip(axis.targets()) {
            let samples = &row[first..];
            let sum: f64 = samples.iter().zip(weights).map(|(&v, w)| f64::from(v) * w).sum();
            *value = sum as f32;
        }
    }
}

/// The pass down columns: every row of `out` is a weighted sum of rows of the source, of which the
/// first is the first that any target needs.
fn down_columns(source: &[f32], width: usize, axis: &Axis, sums: &mut Vec<f64>, out: &mut [f32]) {
    let offset = axis.bounds.first().map_or(0, |bounds| bounds[0]);
    for ((first, weights), out) in axis.targets().zip(out.chunks_exact_mut(width)) {
        sums.clear();
        sums.resize(width, 0.0);
        let rows = source[(first - offset) * width..].chunks_exact(width);
        for (row, weight) in rows.zip(weights) {
            for (sum, &sample) in sums.iter_mut().zip(row) {
                *sum += f64::from(sample) * weight;
            }
        }
        for (value, &sum) in out.iter_mut().zip(&*sums) {
            *value = sum as f32;
        }
    }
}
