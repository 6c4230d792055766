//! What the images promise: the same for ever, balanced, and of no use to a method that does not
//! learn.

use super::{Pattern, Synthetic};
use crate::source::Source;

const BANK: usize = 1500;
const TEST: usize = 500;

/// The accuracy of the 20 nearest neighbours by cosine, votes weighted by exp(similarity / 0.07).
fn knn(source: &Synthetic, represent: impl Fn(&[u8]) -> Vec<f32>) -> f64 {
    let vectors: Vec<Vec<f32>> = (0..BANK + TEST)
        .map(|id| {
            let mut vector = represent(&source.load(id).expect("drawing cannot fail").pixels);
            let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
            vector.iter_mut().for_each(|x| *x /= norm);
            vector
        })
        .collect();
    let right = (BANK..BANK + TEST).filter(|&test| {
        let mut near: Vec<(f32, usize)> = (0..BANK)
            .map(|id| (vectors[id].iter().zip(&vectors[test]).map(|(a, b)| a * b).sum(), id))
            .collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut votes = [0.0; Pattern::ALL.len()];
        for &(similarity, id) in &near[..20] {
            votes[Synthetic::class(id)] += (similarity / 0.07).exp();
        }
        let winner = (0..votes.len()).max_by(|&a, &b| votes[a].total_cmp(&votes[b]));
        winner == source.label(test)
    });
    right.count() as f64 / TEST as f64
}

#[test]
fn raw_pixels_tell_little_of_the_classes() {
    let accuracy = knn(&Synthetic::new(BANK + TEST, 0), |pixels| {
        pixels.iter().map(|&sample| f32::from(sample) / 255.0 - 0.5).collect()
    });
    assert!(accuracy < 0.40, "{accuracy}");
}

#[test]
fn colour_histograms_tell_next_to_nothing_of_the_classes() {
    let accuracy = knn(&Synthetic::new(BANK + TEST, 0), |pixels| {
        let mut histogram = vec![0.0f32; 64];
        for pixel in pixels.chunks_exact(3) {
            let level = |channel: usize| usize::from(pixel[channel] / 64);
            histogram[16 * level(0) + 4 * level(1) + level(2)] += 1.0;
        }
        histogram.iter_mut().for_each(|count| *count = count.sqrt());
        histogram
    });
    assert!(accuracy <= 0.15, "{accuracy}");
}
