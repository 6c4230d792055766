//! Weights in the order in which the tiles read them.

use rayon::prelude::*;

use super::Convolution;
use super::runs::Run;
use super::winograd::pack_points;
use crate::isa::per_isa;
use crate::micro::BLOCK;
use crate::{Buffer, Element, Isa, Strip};

/// Weights of one convolution for one direction.
#[derive(Debug)]
pub struct PackedWeights<T> {
    /// For each part (one, or the phases of a gradient): its blocks of 16 columns.
    pub(super) parts: Vec<Buffer<T>>,
    /// Their points, in place of parts, where the convolution goes by [`super::winograd`].
    pub(super) points: Option<Buffer<f32>>,
    convolution: Convolution,
    direction: Direction,
}

/// What weights are packed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Forward,
    Backward,
}

impl<T> PackedWeights<T> {
    pub(super) fn check(&self, convolution: &Convolution, direction: Direction) {
        assert_eq!(
            (self.convolution, self.direction),
            (*convolution, direction),
            "what the weights were packed for"
        );
    }
}

impl Convolution {
    /// Weights, `[output, input, kernel, kernel]`, for [`Convolution::forward`].
    ///
    /// # Panics
    /// If their number is wrong.
    pub fn pack_forward<T: Element>(&self, isa: Isa, weights: &[f32]) -> PackedWeights<T> {
        if self.has_winograd::<T>() {
            return self.packed_points(isa, weights, Direction::Forward);
        }
        // Shifts do not matter here, only which taps go together.
        let runs = self.forward_runs(Strip::images(1, self.output, 1, 1));
        let parts = vec![self.pack(isa, weights, &runs, Direction::Forward)];
        PackedWeights { parts, points: None, convolution: *self, direction: Direction::Forward }
    }

    /// Weights, `[output, input, kernel, kernel]`, for [`Convolution::data_gradient`].
    ///
    /// # Panics
    /// If their number is wrong.
    pub fn pack_backward<T: Element>(&self, isa: Isa, weights: &[f32]) -> PackedWeights<T> {
        if self.has_winograd::<T>() {
            return self.packed_points(isa, weights, Direction::Backward);
        }
        let parts = self.backward_runs(Strip::images(1, self.output, 1, 1));
        let pack =
            |(_, runs): &(usize, Vec<Run>)| self.pack(isa, weights, runs, Direction::Backward);
        let parts = parts.iter().map(pack).collect();
        PackedWeights { parts, points: None, convolution: *self, direction: Direction::Backward }
    }

    fn packed_points<T: Element>(
        &self,
        isa: Isa,
        weights: &[f32],
        direction: Direction,
    ) -> PackedWeights<T> {
        let points = pack_points(isa, weights, self.source(weights, direction), direction);
        let (parts, points) = (Vec::new(), Some(points));
        PackedWeights { parts, points, convolution: *self, direction }
    }

    /// How the weights lie for the product of a direction.
    fn source(&self, weights: &[f32], direction: Direction) -> Source {
        assert_eq!(weights.len(), self.weights(), "weights of {self:?}");
        let taps = self.kernel * self.kernel;
        let (output, input) = (self.input * taps, taps);
        match direction {
            Direction::Forward => {
                Source { rows: self.input, row: input, columns: self.output, column: output }
            }
            Direction::Backward => {
                Source { rows: self.output, row: output, columns: self.input, column: input }
            }
        }
    }

    fn pack<T: Element>(
        &self,
        isa: Isa,
        weights: &[f32],
        runs: &[Run],
        direction: Direction,
    ) -> Buffer<T> {
        let source = self.source(weights, direction);
        let pitch = source.rows.next_multiple_of(Strip::LANES);
        let block = block_length::<T>(runs, pitch);
        let mut packed = Buffer::dirty(source.columns.div_ceil(BLOCK) * block);
        // Each tap with where its first row goes within a block.
        let mut starts = Vec::new();
        let mut k = 0;
        for run in runs {
            starts.extend(run.taps.iter().enumerate().map(|(i, &tap)| (tap, k + i * pitch)));
            k += (run.taps.len() * pitch).next_multiple_of(T::SEGMENT);
        }
        // Rows beyond the channels, and what fills segments up, are 0.
        let has_gaps = starts.len() * source.rows != k;
        packed.par_chunks_exact_mut(block).enumerate().for_each(|(index, packed)| {
            if has_gaps {
                packed.fill(T::default());
            }
            pack_block(isa, weights, source, index * BLOCK, &starts, packed);
        });
        packed
    }
}

/// A weight tensor as a matrix for each tap.
#[derive(Clone, Copy)]
pub(super) struct Source {
    pub(super) rows: usize,
    /// Values from row to row.
    pub(super) row: usize,
    pub(super) columns: usize,
    /// Values from column to column.
    pub(super) column: usize,
}

per_isa! {
    /// Packs up to 16 columns from `first` on.
    fn pack_block<T: Element>(
        weights: &[f32],
        source: Source,
        first: usize,
        starts: &[(usize, usize)],
        packed: &mut [T],
    ) {
        let width = BLOCK.min(source.columns - first);
        // Rows whose values lie side by side in a column.
        let group = if T::SEGMENT == 1 { 1 } else { 2 };
        for row in (0..source.rows).step_by(group) {
            for &(tap, start) in starts {
                let at = |row: usize| tap + row * source.row + first * source.column;
                let to = &mut packed[(start + row) * BLOCK..][..group * BLOCK];
                let values = columns_of(weights, at(row), source.column, width);
                if group == 1 {
                    for (to, value) in to.iter_mut().zip(values) {
                        *to = T::from_f32(value);
                    }
                    continue;
                }
                let next = if row + 1 < source.rows {
                    columns_of(weights, at(row + 1), source.column, width)
                } else {
                    [0.0; BLOCK]
                };
                for (to, values) in to.chunks_exact_mut(2).zip(values.into_iter().zip(next)) {
                    to[0] = T::from_f32(values.0);
                    to[1] = T::from_f32(values.1);
                }
            }
        }
    }
}

/// `width` values, `step` apart, and zeros.
#[inline(always)]
pub(super) fn columns_of(weights: &[f32], first: usize, step: usize, width: usize) -> [f32; BLOCK] {
    let mut values = [0.0; BLOCK];
    if width == BLOCK {
        let weights = &weights[first..=first + (BLOCK - 1) * step];
        for (i, value) in values.iter_mut().enumerate() {
            // SAFETY: the slice is so long.
            *value = unsafe { *weights.get_unchecked(i * step) };
        }
    } else {
        for (i, value) in values[..width].iter_mut().enumerate() {
            *value = weights[first + i * step];
        }
    }
    values
}

/// Values of one block of 16 columns.
pub(super) fn block_length<T: Element>(runs: &[Run], pitch: usize) -> usize {
    let filled = |run: &Run| (run.taps.len() * pitch).next_multiple_of(T::SEGMENT);
    runs.iter().map(filled).sum::<usize>() * BLOCK
}
