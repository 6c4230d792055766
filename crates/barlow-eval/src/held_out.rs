//! Images of the training set that settings are judged on.

use std::collections::BTreeMap;

use barlow_random::{Key, Permutation};

/// The purpose of the key that holds images out.
const HELD_OUT: u64 = u64::from_be_bytes(*b"held out");

/// Images to judge settings by: of every class `fraction · n`, rounded down, so that each class keeps
/// images to learn from. Positions in `labels`, increasing; by chance under the seed.
pub(crate) fn held_out(labels: &[Option<usize>], fraction: f64, seed: u64) -> Vec<u64> {
    let mut classes: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    for (position, label) in labels.iter().enumerate() {
        if let Some(class) = label {
            classes.entry(*class).or_default().push(position as u64);
        }
    }
    let mut chosen = Vec::new();
    for (class, images) in classes {
        let key = Key { seed, purpose: HELD_OUT, epoch: class as u64, ..Key::default() };
        let len = images.len();
        let order = Permutation::new(key, len as u64);
        let count = ((fraction * len as f64) as usize).min(len - 1) as u64;
        chosen.extend((0..count).map(|at| images[order.at(at) as usize]));
    }
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_gives_its_share_and_keeps_an_image() {
        // 100, 19 and 1 images of three classes, mixed, and some without a label.
        let sizes = [100, 19, 1];
        let mut labels: Vec<Option<usize>> = Vec::new();
        for round in 0..100 {
            labels.extend((0..3).filter(|&class| round < sizes[class]).map(Some));
            labels.extend((round % 10 == 0).then_some(None));
        }
        let out = held_out(&labels, 0.1, 0);
        assert!(out.is_sorted_by(|a, b| a < b));
        let count = |class| out.iter().filter(|&&at| labels[at as usize] == Some(class)).count();
        assert_eq!([0, 1, 2].map(count), [10, 1, 0]);
        assert_eq!(out, held_out(&labels, 0.1, 0));
        assert_ne!(out, held_out(&labels, 0.1, 1));
        let all = held_out(&labels, 0.999, 0);
        assert_eq!(all.len(), 99 + 18);
    }
}
