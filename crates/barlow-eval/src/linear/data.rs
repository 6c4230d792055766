//! Training images of a linear classifier: standardised, in blocks that a thread works on at once.

use barlow_kernels::PanelMatrix;
use rayon::prelude::*;

use crate::features::Features;
use crate::linear::LinearClassifier;

/// Images of a block: at 2048 dimensions 2 MiB, the size of a second cache.
const BLOCK: usize = 256;

/// A dimension whose deviation is smaller than this share of its root mean square is constant up to the
/// rounding of f32; it is shifted, not scaled.
const CONSTANT: f64 = 1e-6;

/// Mean and deviation of each dimension: `(x - mean) / scale`.
#[derive(Debug, Clone)]
pub(super) struct Standardisation {
    pub(super) mean: Vec<f64>,
    pub(super) scale: Vec<f64>,
}

impl Standardisation {
    /// Of all rows: the deviation is biased, as scikit-learn's `StandardScaler` has it.
    pub(super) fn of(features: &Features) -> Self {
        let sums = |value: &(dyn Fn(usize, f64) -> f64 + Sync)| {
            let blocks = (0..features.len().div_ceil(BLOCK)).into_par_iter().map(|block| {
                let mut sums = vec![0.0; features.dim];
                for row in block * BLOCK..features.len().min((block + 1) * BLOCK) {
                    for (at, (sum, &x)) in sums.iter_mut().zip(features.row(row)).enumerate() {
                        *sum += value(at, f64::from(x));
                    }
                }
                sums
            });
            let mut total = vec![0.0; features.dim];
            for sums in blocks.collect::<Vec<_>>() {
                total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
            }
            for total in &mut total {
                *total /= features.len() as f64;
            }
            total
        };
        let mean = sums(&|_, x| x);
        let variance = sums(&|at, x| (x - mean[at]) * (x - mean[at]));
        let scale = |(variance, mean): (&f64, &f64)| {
            let is_constant = *variance <= CONSTANT * CONSTANT * (variance + mean * mean);
            if is_constant { 1.0 } else { variance.sqrt() }
        };
        let scale = variance.iter().zip(&mean).map(scale).collect();
        Self { mean, scale }
    }

    /// The classifier of raw features that scores as `weights` (`[dim, classes]`) and `bias` do
    /// standardised ones.
    pub(super) fn fold(
        &self,
        weights: &dyn Fn(usize, usize) -> f64,
        bias: &[f64],
    ) -> LinearClassifier {
        let (classes, dim) = (bias.len(), self.mean.len());
        let mut folded = Vec::with_capacity(classes * dim);
        let mut folded_bias = Vec::with_capacity(classes);
        for (class, bias) in bias.iter().enumerate() {
            let raw = (0..dim).map(|at| weights(at, class) / self.scale[at]);
            let shift: f64 = raw.clone().zip(&self.mean).map(|(weight, mean)| weight * mean).sum();
            folded.extend(raw.map(|weight| weight as f32));
            folded_bias.push((bias - shift) as f32);
        }
        LinearClassifier { classes, dim, weights: folded, bias: folded_bias }
    }
}

/// Some images: standardised rows `[n, dim]`, and their classes.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) rows: PanelMatrix,
    pub(super) labels: Vec<usize>,
}

impl Block {
    /// All images, in order, in blocks of 256.
    pub(super) fn all(
        features: &Features,
        labels: &[usize],
        standardisation: &Standardisation,
    ) -> Vec<Self> {
        let Standardisation { mean, scale } = standardisation;
        let block = |first: usize| {
            let count = BLOCK.min(features.len() - first);
            let rows = PanelMatrix::from_rows(count, features.dim, |row, to| {
                let values = features.row(first + row).iter().zip(mean).zip(scale);
                for (to, ((&x, mean), scale)) in to.iter_mut().zip(values) {
                    *to = ((f64::from(x) - mean) / scale) as f32;
                }
            });
            Self { rows, labels: labels[first..first + count].to_vec() }
        };
        let firsts: Vec<usize> = (0..features.len()).step_by(BLOCK).collect();
        firsts.into_par_iter().map(block).collect()
    }

    /// The images at `positions` among [`all`](Self::all).
    pub(super) fn gather(all: &[Self], dim: usize, positions: &[usize]) -> Self {
        let rows = PanelMatrix::from_rows(positions.len(), dim, |row, to| {
            let mut rest = to;
            for piece in all[positions[row] / BLOCK].rows.row(positions[row] % BLOCK) {
                let (to, others) = rest.split_at_mut(piece.len());
                to.copy_from_slice(piece);
                rest = others;
            }
        });
        let label = |&position: &usize| all[position / BLOCK].labels[position % BLOCK];
        Self { rows, labels: positions.iter().map(label).collect() }
    }
}
