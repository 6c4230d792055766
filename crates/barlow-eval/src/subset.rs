//! Seeded, class-balanced parts of labelled images: for learning from few labels, and for choosing
//! settings on images that are held out.

use std::collections::BTreeMap;

use barlow_random::{Key, Permutation};

use crate::error::EvalError;

/// The purpose of the key that orders the images of a class.
const SUBSET: u64 = u64::from_be_bytes(*b"subset\0\0");

/// The purpose of the key that holds images out.
const HELD_OUT: u64 = u64::from_be_bytes(*b"held out");

/// A share of the images of every class: positions in `labels`, increasing.
///
/// A class of `n` images gives `fraction · n` of them, rounded, and at least one. Images without a
/// label are in no subset. For one seed a smaller fraction's subset lies within a larger one's; the
/// order of a class depends on seed, class and number of its images alone.
///
/// # Errors
/// If the fraction is not above 0 and at most 1, or no image has a label.
///
/// # Source
/// The semi-supervised protocol of `SimCLR` (Chen et al., 2020): 1 % and 10 % of `ImageNet`, balanced.
pub fn balanced_subset(
    labels: &[Option<usize>],
    fraction: f64,
    seed: u64,
) -> Result<Vec<u64>, EvalError> {
    let is_allowed = fraction > 0.0 && fraction <= 1.0;
    EvalError::unless(is_allowed, "fraction", fraction, "above 0 and at most 1")?;
    let chosen = choose(labels, Key { seed, purpose: SUBSET, ..Key::default() }, |n| {
        ((fraction * n as f64).round() as usize).clamp(1, n)
    });
    if chosen.is_empty() { Err(EvalError::NoLabels) } else { Ok(chosen) }
}

/// Images to judge settings by: of every class `fraction · n`, rounded down, so that each class keeps
/// images to learn from.
pub(crate) fn held_out(labels: &[Option<usize>], fraction: f64, seed: u64) -> Vec<u64> {
    let key = Key { seed, purpose: HELD_OUT, ..Key::default() };
    choose(labels, key, |n| ((fraction * n as f64) as usize).min(n - 1))
}

/// The first `count(n)` of the `n` images of each class, in the order of the class.
fn choose(labels: &[Option<usize>], key: Key, count: impl Fn(usize) -> usize) -> Vec<u64> {
    let mut classes: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    for (position, label) in labels.iter().enumerate() {
        if let Some(class) = label {
            classes.entry(*class).or_default().push(position as u64);
        }
    }
    let mut chosen = Vec::new();
    for (class, images) in classes {
        let order = Permutation::new(Key { epoch: class as u64, ..key }, images.len() as u64);
        chosen.extend((0..count(images.len()) as u64).map(|at| images[order.at(at) as usize]));
    }
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Class `c` has `sizes[c]` images, mixed, and every eleventh image has no label.
    fn labels(sizes: &[usize]) -> Vec<Option<usize>> {
        let mut labels: Vec<Option<usize>> = Vec::new();
        let most = sizes.iter().copied().max().unwrap_or(0);
        for round in 0..most {
            labels.extend((0..sizes.len()).filter(|&class| round < sizes[class]).map(Some));
        }
        let mut mixed: Vec<Option<usize>> = Vec::new();
        for (i, label) in labels.into_iter().enumerate() {
            if i % 10 == 0 {
                mixed.push(None);
            }
            mixed.push(label);
        }
        mixed
    }

    fn counts(chosen: &[u64], labels: &[Option<usize>], classes: usize) -> Vec<usize> {
        let mut counts = vec![0; classes];
        for &position in chosen {
            counts[labels[position as usize].expect("only labelled images")] += 1;
        }
        counts
    }

    #[test]
    fn every_class_gives_its_share_and_at_least_one() {
        let sizes = [1000, 500, 149, 51, 49, 1];
        let labels = labels(&sizes);
        for (fraction, expected) in [
            (0.01, [10, 5, 1, 1, 1, 1]),
            (0.1, [100, 50, 15, 5, 5, 1]),
            (0.015, [15, 8, 2, 1, 1, 1]),
            (1.0, sizes),
            (1e-9, [1; 6]),
        ] {
            let chosen = balanced_subset(&labels, fraction, 3).unwrap();
            assert!(chosen.is_sorted_by(|a, b| a < b));
            assert_eq!(counts(&chosen, &labels, 6), expected, "{fraction}");
        }
    }

    #[test]
    fn small_subsets_lie_within_larger_ones_and_seeds_differ() {
        let labels = labels(&[400, 333, 20, 7]);
        let fractions = [0.001, 0.01, 0.1, 0.11, 0.5, 0.99, 1.0];
        let subsets = fractions.map(|fraction| balanced_subset(&labels, fraction, 5).unwrap());
        for pair in subsets.windows(2) {
            assert!(pair[0].iter().all(|image| pair[1].binary_search(image).is_ok()));
        }
        assert_eq!(subsets[2], balanced_subset(&labels, 0.1, 5).unwrap());
        let other = balanced_subset(&labels, 0.1, 6).unwrap();
        let shared = other.iter().filter(|image| subsets[2].contains(image)).count();
        // 76 of 760 images each: about 8 are expected in both.
        assert!(shared < 25, "{shared} of {}", other.len());
    }

    #[test]
    fn a_class_keeps_an_image_where_others_are_held_out() {
        let labels = labels(&[100, 19, 1]);
        let out = held_out(&labels, 0.1, 0);
        assert_eq!(counts(&out, &labels, 3), [10, 1, 0]);
    }

    #[test]
    fn impossible_fractions_and_no_labels_are_refused() {
        for fraction in [0.0, -0.1, 1.1, f64::NAN] {
            let refused = balanced_subset(&[Some(0)], fraction, 0);
            assert!(matches!(refused, Err(EvalError::Setting { .. })), "{fraction}");
        }
        assert_eq!(balanced_subset(&[None, None], 0.1, 0), Err(EvalError::NoLabels));
    }
}
