//! Outputs of all ranks, seen by each of them.
//!
//! A loss over the global batch is computed by every rank from the rows of all; the gradient for a
//! rank's own rows is then the true gradient of the global loss, with nothing left to sum.

use std::ops::Range;

use barlow_nn::collective::{Collective, CollectiveError};
use burn::tensor::{Device, Tensor, TensorData};

use crate::normalise::UnitRows;
use crate::standardise::host_sum;

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

/// Share of the rows' power that is not in their mean, 0 to 1, the least of several outputs: the
/// measure `variation`, 0 where every image gets the same output.
pub(crate) fn variation(outputs: &[Tensor<2>]) -> f64 {
    let of = |rows: &Tensor<2>| {
        let mean = rows.clone().mean_dim(0);
        let centred = rows.clone() - mean.clone();
        let spread = host_sum(&(centred.clone() * centred).mean_dim(0));
        let power = spread + host_sum(&(mean.clone() * mean));
        if power > 0.0 { spread / power } else { 0.0 }
    };
    outputs.iter().map(of).fold(f64::INFINITY, f64::min)
}

/// [`variation`] of the rows' directions, for losses that do not see lengths.
pub(crate) fn direction_variation(outputs: &[Tensor<2>]) -> f64 {
    variation(&outputs.iter().cloned().map(unit).collect::<Vec<_>>())
}

/// Rows of length 1; a row of zeros stays as it is.
pub(crate) fn unit(rows: Tensor<2>) -> Tensor<2> {
    UnitRows::new(rows).values
}

/// How far directions deviate between images, as a share of what independent dimensions do, the least
/// of several outputs: the measure `spread`, the mean over dimensions of the deviation of unit rows,
/// times `sqrt(d)`. 1 where dimensions are independent and centred, 0 where all rows point the same
/// way, whatever their lengths (Chen and He, 2020, figure 2).
pub(crate) fn spread(outputs: &[Tensor<2>]) -> f64 {
    let of = |rows: &Tensor<2>| {
        let directions = unit(rows.clone());
        let centred = directions.clone() - directions.mean_dim(0);
        let deviations = (centred.clone() * centred).mean_dim(0).sqrt();
        let d = deviations.dims()[1] as f64;
        host_sum(&deviations) / d.sqrt()
    };
    outputs.iter().map(of).fold(f64::INFINITY, f64::min)
}
