//! Stochastic gradient descent with momentum, and a learning rate that falls as half a cosine.

use barlow_kernels::Isa;
use barlow_random::{Key, Permutation};
use rayon::prelude::*;

use super::data::Block;
use super::objective::Shape;
use crate::linear::Sgd;

/// The purpose of the key that orders the images of an epoch.
const ORDER: u64 = u64::from_be_bytes(*b"sgdorder");

/// Images of a batch that are worked on at once.
const PIECE: usize = 64;

/// Weights and biases after all epochs, from 0 on: `v = momentum · v + gradient`, `w = w - rate · v`, the
/// gradient with the decay, rate `base · (1 + cos(π · epoch / epochs)) / 2`.
///
/// Every epoch has an order of its own; its last batch may be smaller.
pub(super) fn train(
    isa: Isa,
    all: &[Block],
    shape: Shape,
    settings: Sgd,
    decay: f64,
    seed: u64,
) -> Vec<f64> {
    let images: usize = all.iter().map(|block| block.labels.len()).sum();
    let (mut list, mut velocity) = (shape.zeros(), shape.zeros());
    for epoch in 0..settings.epochs {
        let key = Key { seed, purpose: ORDER, epoch: epoch as u64, ..Key::default() };
        let order = Permutation::new(key, images as u64);
        let order: Vec<usize> =
            (0..images as u64).into_par_iter().map(|i| order.at(i) as usize).collect();
        let progress = epoch as f64 / settings.epochs as f64;
        let rate = settings.learning_rate * (1.0 + (std::f64::consts::PI * progress).cos()) / 2.0;
        for batch in order.chunks(settings.batch_size) {
            let pieces = batch.par_chunks(PIECE);
            let blocks: Vec<Block> =
                pieces.map(|piece| Block::gather(all, shape.dim, piece)).collect();
            let gradient = shape.evaluate(isa, &blocks, &list, decay).gradient;
            for ((value, velocity), gradient) in list.iter_mut().zip(&mut velocity).zip(gradient) {
                *velocity = settings.momentum * *velocity + gradient;
                *value -= rate * *velocity;
            }
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::tests::random;
    use crate::linear::data::Standardisation;

    #[test]
    fn one_batch_an_epoch_is_gradient_descent_with_momentum() {
        let features = random(1, 50, 6, 3);
        let labels: Vec<usize> = features.labels.iter().copied().flatten().collect();
        let standardisation = Standardisation::of(&features);
        let shape = Shape { dim: 6, classes: 3 };
        let isa = Isa::best();
        let settings = Sgd { learning_rate: 0.2, momentum: 0.9, epochs: 3, batch_size: 64 };
        let blocks = Block::all(&features, &labels, &standardisation);
        let found = train(isa, &blocks, shape, settings, 0.01, 4);
        let (mut list, mut velocity) = (shape.zeros(), shape.zeros());
        // 0.2 (1 + cos(π e / 3)) / 2 for e = 0, 1, 2.
        for rate in [0.2, 0.15, 0.05] {
            let gradient = shape.evaluate(isa, &blocks, &list, 0.01).gradient;
            for at in 0..list.len() {
                velocity[at] = 0.9 * velocity[at] + gradient[at];
                list[at] -= rate * velocity[at];
            }
        }
        assert!(found.iter().zip(&list).all(|(f, e)| (f - e).abs() < 1e-6));
    }
}
