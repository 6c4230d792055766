//! Outputs of all ranks, seen by each of them.
//!
//! A loss over the global batch is computed by every rank from the rows of all; the gradient for a
//! rank's own rows is then the true gradient of the global loss, with nothing left to sum.

use std::ops::Range;

use barlow_nn::collective::{Collective, CollectiveError};
use burn::tensor::{Device, Tensor, TensorData};

/// Outputs of all ranks, in rank order.
#[derive(Debug, Clone)]
pub(crate) struct Gathered {
    /// For each output its rows of all ranks, `[n, d]`.
    pub(crate) rows: Vec<Tensor<2>>,
    /// Which of the rows are this rank's.
    own: Range<usize>,
}

impl Gathered {
    /// # Shapes
    /// - `outputs`: each `[n on this rank, d]`
    ///
    /// # Errors
    /// If a rank is gone or late.
    pub(crate) fn new(
        outputs: impl IntoIterator<Item = Tensor<2>>,
        collective: &dyn Collective,
    ) -> Result<Self, CollectiveError> {
        let mut rows = Vec::new();
        let mut own = 0..0;
        for output in outputs {
            let count = output.dims()[0];
            let all = collective.gather(output)?;
            // Batches are cut so (`train.batch_size` is a multiple of the ranks).
            assert_eq!(all.dims()[0], count * collective.world(), "ranks have equal shares");
            own = collective.rank() * count..(collective.rank() + 1) * count;
            rows.push(all);
        }
        Ok(Self { rows, own })
    }

    /// This rank's rows of a gradient for the rows of all.
    pub(crate) fn own(&self, gradient: Tensor<2>) -> Tensor<2> {
        gradient.slice(self.own.clone())
    }
}

/// Bits of a word of a whole number: f32 holds all numbers below 2^24.
const WORD: u32 = 24;

/// Whole numbers below 2^48 of all ranks, in rank order; they travel in two words.
///
/// # Errors
/// If a rank is gone or late.
pub(crate) fn gather_numbers(
    numbers: impl Iterator<Item = u64>,
    collective: &dyn Collective,
    device: &Device,
) -> Result<Vec<u64>, CollectiveError> {
    let words = |number: u64| [number >> WORD, number & ((1 << WORD) - 1)].map(|word| word as f32);
    let words: Vec<f32> = numbers.flat_map(words).collect();
    let shape = [words.len() / 2, 2];
    let rows = collective.gather(Tensor::from_data(TensorData::new(words, shape), device))?;
    let words: Vec<f32> = rows.into_data().iter::<f32>().collect();
    let number = |words: &[f32]| ((words[0] as u64) << WORD) + words[1] as u64;
    Ok(words.chunks_exact(2).map(number).collect())
}
