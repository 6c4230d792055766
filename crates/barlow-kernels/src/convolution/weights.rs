//! Weights in the order in which the tiles read them.

use rayon::prelude::*;

use super::Convolution;
use super::runs::Run;
use crate::micro::BLOCK;
use crate::{Buffer, Element, Strip};

/// Weights of one convolution for one direction.
#[derive(Debug)]
pub struct PackedWeights<T> {
    /// For each part (one, or the phases of a gradient): its blocks of 16 columns.
    pub(super) parts: Vec<Buffer<T>>,
}

/// Which channels are the columns of the product.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Columns {
    Output,
    Input,
}

impl Convolution {
    /// Weights, `[output, input, kernel, kernel]`, for [`Convolution::forward`].
    ///
    /// # Panics
    /// If their number is wrong.
    pub fn pack_forward<T: Element>(&self, weights: &[f32]) -> PackedWeights<T> {
        // Shifts do not matter here, only which taps go together.
        let runs = self.forward_runs(Strip::images(1, self.output, 1, 1));
        PackedWeights { parts: vec![self.pack(weights, &runs, Columns::Output)] }
    }

    /// Weights, `[output, input, kernel, kernel]`, for [`Convolution::data_gradient`].
    ///
    /// # Panics
    /// If their number is wrong.
    pub fn pack_backward<T: Element>(&self, weights: &[f32]) -> PackedWeights<T> {
        let parts = self.backward_runs(Strip::images(1, self.output, 1, 1));
        let pack = |(_, runs): &(usize, Vec<Run>)| self.pack(weights, runs, Columns::Input);
        PackedWeights { parts: parts.iter().map(pack).collect() }
    }

    fn pack<T: Element>(&self, weights: &[f32], runs: &[Run], columns: Columns) -> Buffer<T> {
        assert_eq!(weights.len(), self.weights(), "weights of {self:?}");
        let taps = self.kernel * self.kernel;
        let (rows, cols) = match columns {
            Columns::Output => (self.input, self.output),
            Columns::Input => (self.output, self.input),
        };
        let pitch = rows.next_multiple_of(Strip::LANES);
        let block = block_length::<T>(runs, pitch);
        let mut packed = Buffer::zeroed(cols.div_ceil(BLOCK) * block);
        // Where each tap's first row goes within a block.
        let mut starts = vec![None; taps];
        let mut k = 0;
        for run in runs {
            for (i, &tap) in run.taps.iter().enumerate() {
                starts[tap] = Some(k + i * pitch);
            }
            k += (run.taps.len() * pitch).next_multiple_of(T::SEGMENT);
        }
        // Values of one column that lie side by side.
        let group = if T::SEGMENT == 1 { 1 } else { 2 };
        packed.par_chunks_exact_mut(block).enumerate().for_each(|(index, packed)| {
            let first = index * BLOCK;
            for row in 0..rows {
                for column in 0..BLOCK.min(cols - first) {
                    let (o, i) = match columns {
                        Columns::Output => (first + column, row),
                        Columns::Input => (row, first + column),
                    };
                    let source = &weights[(o * self.input + i) * taps..][..taps];
                    for (start, value) in starts.iter().zip(source) {
                        if let Some(start) = start {
                            let k = start + row;
                            let at = k / group * group * BLOCK + column * group + k % group;
                            packed[at] = T::from_f32(*value);
                        }
                    }
                }
            }
        });
        packed
    }
}

/// Values of one block of 16 columns.
pub(super) fn block_length<T: Element>(runs: &[Run], pitch: usize) -> usize {
    let filled = |run: &Run| (run.taps.len() * pitch).next_multiple_of(T::SEGMENT);
    runs.iter().map(filled).sum::<usize>() * BLOCK
}
