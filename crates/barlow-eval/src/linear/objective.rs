//! The cross-entropy of a linear classifier with L2 decay, and its gradient.

use barlow_kernels::{Isa, PanelMatrix};
use rayon::prelude::*;

use super::data::Block;

/// Sums that are taken apart, for threads to work on; each holds a gradient of its own.
const PARTS: usize = 32;

/// Values of all those gradients together: 256 MiB.
const MOST_VALUES: usize = 1 << 26;

/// Weights and biases of `classes` classes in one list, f64: the weights `[dim, classes]` as a
/// [`PanelMatrix`] holds them, then the biases. What a panel holds beyond the last class is 0 and stays
/// so, for its gradient is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) dim: usize,
    pub(super) classes: usize,
}

/// What a pass over images says of weights.
#[derive(Debug, Clone)]
pub(super) struct Evaluation {
    /// Mean cross-entropy in nats, and half the decay times the weights' square.
    pub(super) loss: f64,
    pub(super) gradient: Vec<f64>,
}

impl Shape {
    /// Length of the list before the biases.
    pub(super) fn weights_len(self) -> usize {
        PanelMatrix::zeroed(self.dim, self.classes).values().len()
    }

    /// Weights and biases of 0.
    pub(super) fn zeros(self) -> Vec<f64> {
        vec![0.0; self.weights_len() + self.classes]
    }

    /// The weights for products.
    pub(super) fn weights(self, list: &[f64]) -> PanelMatrix {
        let mut weights = PanelMatrix::zeroed(self.dim, self.classes);
        weights.values_mut().iter_mut().zip(list).for_each(|(to, &from)| *to = from as f32);
        weights
    }

    /// `mean of -log softmax(Wx + b)[label] + decay/2 ‖W‖²`; biases have no decay.
    ///
    /// # Numerics
    /// Products and each block's gradient in f32; softmax, loss and sums over blocks in f64, in an order
    /// that depends on shapes alone.
    pub(super) fn evaluate(
        self,
        isa: Isa,
        blocks: &[Block],
        list: &[f64],
        decay: f64,
    ) -> Evaluation {
        let weights = self.weights(list);
        let (old, bias) = list.split_at(self.weights_len());
        let parts = (MOST_VALUES / old.len().max(1)).clamp(1, PARTS).min(blocks.len());
        let part = |part: usize| {
            let mut sums = Sums {
                loss: 0.0,
                weights: PanelMatrix::zeroed(self.dim, self.classes),
                bias: vec![0.0; self.classes],
            };
            let (first, last) = (part * blocks.len() / parts, (part + 1) * blocks.len() / parts);
            for block in &blocks[first..last] {
                sums.add(isa, block, &weights, bias);
            }
            sums
        };
        let parts: Vec<Sums> = (0..parts).into_par_iter().map(part).collect();
        let images = blocks.iter().map(|block| block.labels.len()).sum::<usize>() as f64;
        let mut gradient: Vec<f64> = old.iter().map(|weight| decay * weight).collect();
        gradient.resize(list.len(), 0.0);
        let mut loss = decay / 2.0 * old.iter().map(|weight| weight * weight).sum::<f64>();
        let (of_weights, of_bias) = gradient.split_at_mut(old.len());
        for part in parts {
            for (gradient, &sum) in of_weights.iter_mut().zip(part.weights.values()) {
                *gradient += f64::from(sum) / images;
            }
            for (gradient, sum) in of_bias.iter_mut().zip(part.bias) {
                *gradient += sum / images;
            }
            loss += part.loss / images;
        }
        Evaluation { loss, gradient }
    }
}

/// Sums over images of losses and of gradients.
struct Sums {
    loss: f64,
    weights: PanelMatrix,
    bias: Vec<f64>,
}

impl Sums {
    fn add(&mut self, isa: Isa, block: &Block, weights: &PanelMatrix, bias: &[f64]) {
        let mut scores = PanelMatrix::zeroed(block.labels.len(), bias.len());
        scores.set_product(isa, &block.rows, weights);
        let mut shares = vec![0.0; bias.len()];
        for (row, &label) in block.labels.iter().enumerate() {
            let values = scores.row(row).flatten();
            for ((share, &score), bias) in shares.iter_mut().zip(values).zip(bias) {
                *share = f64::from(score) + bias;
            }
            let highest = shares.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let own = shares[label];
            for share in &mut shares {
                *share = (*share - highest).exp();
            }
            let sum: f64 = shares.iter().sum();
            self.loss += sum.ln() + highest - own;
            for share in &mut shares {
                *share /= sum;
            }
            shares[label] -= 1.0;
            self.bias.iter_mut().zip(&shares).for_each(|(sum, share)| *sum += share);
            let values = scores.row_mut(row).flatten();
            values.zip(&shares).for_each(|(value, &share)| *value = share as f32);
        }
        self.weights.add_transposed_product(isa, &block.rows, &scores);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::tests::random;
    use crate::linear::data::Standardisation;

    /// The definition, row by row, in f64: loss, then its gradient by `[dim][classes]` and biases.
    fn naive(block: &Block, shape: Shape, w: &[f64], b: &[f64], decay: f64) -> (f64, Vec<f64>) {
        let n = block.labels.len() as f64;
        let mut gradient: Vec<f64> =
            w.iter().map(|w| decay * w).chain(b.iter().map(|_| 0.0)).collect();
        let mut loss = decay / 2.0 * w.iter().map(|w| w * w).sum::<f64>();
        for (row, &label) in block.labels.iter().enumerate() {
            let x: Vec<f64> = block.rows.row(row).flatten().map(|&x| f64::from(x)).collect();
            let score = |class: usize| {
                b[class] + (0..shape.dim).map(|d| w[d * shape.classes + class] * x[d]).sum::<f64>()
            };
            let scores: Vec<f64> = (0..shape.classes).map(score).collect();
            let total: f64 = scores.iter().map(|s| s.exp()).sum();
            loss += (total.ln() - scores[label]) / n;
            for (class, score) in scores.iter().enumerate() {
                let share = score.exp() / total - if class == label { 1.0 } else { 0.0 };
                for (d, x) in x.iter().enumerate() {
                    gradient[d * shape.classes + class] += share * x / n;
                }
                gradient[w.len() + class] += share / n;
            }
        }
        (loss, gradient)
    }

    #[test]
    fn loss_and_gradient_are_those_of_the_definition_which_finite_differences_confirm() {
        for (n, dim, classes) in [(40, 5, 3), (300, 70, 10), (20, 3, 67)] {
            let features = random(1, n, dim, classes);
            let labels: Vec<usize> = features.labels.iter().copied().flatten().collect();
            let standardisation = Standardisation::of(&features);
            let blocks = Block::all(&features, &labels, &standardisation);
            let whole = Block::gather(&blocks, dim, &(0..n).collect::<Vec<_>>());
            let shape = Shape { dim, classes };
            let mut list = shape.zeros();
            let draws = random(2, 1, dim * classes + classes, 1).values;
            let at = |i: usize| {
                let place = PanelMatrix::zeroed(dim, classes);
                if i < dim * classes {
                    place.index(i / classes, i % classes)
                } else {
                    shape.weights_len() + i - dim * classes
                }
            };
            for (i, &draw) in draws.iter().enumerate() {
                list[at(i)] = f64::from(draw);
            }
            let plain: Vec<f64> = draws.iter().map(|&draw| f64::from(draw)).collect();
            let reference = |plain: &[f64]| {
                let (w, b) = plain.split_at(dim * classes);
                naive(&whole, shape, w, b, 0.3)
            };
            let (loss, gradient) = reference(&plain);
            for i in (0..plain.len()).step_by(plain.len() / 7) {
                let moved = |step: f64| {
                    let mut moved = plain.clone();
                    moved[i] += step;
                    reference(&moved).0
                };
                let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                assert!((gradient[i] - slope).abs() < 1e-8, "{i}: {} {slope}", gradient[i]);
            }
            for isa in Isa::available() {
                let found = shape.evaluate(isa, &blocks, &list, 0.3);
                assert!((found.loss - loss).abs() < 1e-5 * loss, "{isa}: {} {loss}", found.loss);
                for (i, expected) in gradient.iter().enumerate() {
                    let found = found.gradient[at(i)];
                    assert!((found - expected).abs() < 3e-6, "{isa} {i}: {found} {expected}");
                }
            }
        }
    }
}
