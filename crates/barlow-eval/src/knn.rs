//! Weighted k-nearest-neighbour classification (Wu et al., 2018).
//!
//! Similarity is the cosine `s` of two feature vectors; each of the `k` most similar images of the
//! bank votes for its class with weight `exp(s / temperature)`. The similarity matrix is computed in
//! tiles and never held.

use rayon::prelude::*;

use crate::features::Features;

/// The protocol's constants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KnnConfig {
    /// Neighbours that vote; a smaller bank votes whole.
    pub k: usize,
    /// Temperature of the votes, above 0.
    pub temperature: f64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct KnnOutcome {
    /// Share of the queries whose class won, 0..1; 0 without queries.
    pub accuracy: f64,
    /// The class that won for each query.
    pub predictions: Vec<usize>,
}

/// Classifies the queries by their neighbours in the bank. Images without a label neither vote nor
/// count. Of equally similar neighbours the earlier in the bank goes first; of equally heavy classes
/// the smaller number wins.
///
/// # Panics
/// If both are not of the same dimension.
pub fn knn(bank: &Features, queries: &Features, config: KnnConfig) -> KnnOutcome {
    let labelled = |features: &Features| features.filter(|i| features.labels[i].is_some());
    let (bank, queries) = (labelled(bank), labelled(queries));
    assert!(bank.is_empty() || queries.is_empty() || bank.dim == queries.dim, "one encoder");
    let classes = bank.labels.iter().flatten().max().map_or(0, |&label| label + 1);
    let (bank_rows, query_rows) = (unit(&bank), unit(&queries));
    let rows = |rows: &[f32]| rows.chunks_exact(bank.dim.max(1)).map(<[f32]>::to_vec).collect();
    let (bank_rows, query_rows): (Vec<Vec<f32>>, Vec<Vec<f32>>) =
        (rows(&bank_rows), rows(&query_rows));
    let classify = |query: &Vec<f32>| {
        let mut nearest = Nearest::new(config.k);
        for (image, row) in bank_rows.iter().enumerate() {
            nearest.offer(query.iter().zip(row).map(|(a, b)| a * b).sum(), image);
        }
        nearest.vote(&bank.labels, classes, config.temperature)
    };
    let predictions: Vec<usize> = query_rows.par_iter().map(classify).collect();
    let right =
        predictions.iter().zip(&queries.labels).filter(|(p, label)| Some(**p) == **label).count();
    let accuracy = right as f64 / predictions.len().max(1) as f64;
    KnnOutcome { accuracy, predictions }
}

/// Rows at length 1; a row of zeros stays.
fn unit(features: &Features) -> Vec<f32> {
    let mut values = features.values.clone();
    for row in values.chunks_exact_mut(features.dim.max(1)) {
        let norm = row.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-12);
        row.iter_mut().for_each(|value| *value /= norm);
    }
    values
}

/// The most similar images so far, most similar first.
struct Nearest {
    k: usize,
    found: Vec<(f32, usize)>,
}

impl Nearest {
    fn new(k: usize) -> Self {
        Self { k, found: Vec::with_capacity(k + 1) }
    }

    fn offer(&mut self, similarity: f32, image: usize) {
        if self.found.len() == self.k && self.found.last().is_none_or(|last| similarity <= last.0) {
            return;
        }
        let place = self.found.partition_point(|other| other.0 >= similarity);
        self.found.insert(place, (similarity, image));
        self.found.truncate(self.k);
    }

    fn vote(&self, labels: &[Option<usize>], classes: usize, temperature: f64) -> usize {
        let mut weights = vec![0.0; classes.max(1)];
        for &(similarity, image) in &self.found {
            if let Some(label) = labels[image] {
                weights[label] += (f64::from(similarity) / temperature).exp();
            }
        }
        let mut best = 0;
        for (class, &weight) in weights.iter().enumerate() {
            if weight > weights[best] {
                best = class;
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use barlow_random::Key;

    fn features(seed: u64, n: usize, dim: usize, classes: usize) -> Features {
        let mut stream = Key { seed, ..Key::default() }.stream();
        let values = (0..n * dim).map(|_| stream.normal() as f32).collect();
        let labels = (0..n).map(|_| Some(stream.below(classes as u64) as usize)).collect();
        Features { values, dim, ids: (0..n as u64).collect(), labels }
    }

    /// The definition, in f64, without tiles.
    fn naive(bank: &Features, queries: &Features, config: KnnConfig) -> Vec<usize> {
        let cosine = |a: &[f32], b: &[f32]| {
            let dot = |a: &[f32], b: &[f32]| -> f64 {
                a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
            };
            dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
        };
        (0..queries.len())
            .map(|q| {
                let mut all: Vec<(f64, usize)> =
                    (0..bank.len()).map(|i| (cosine(queries.row(q), bank.row(i)), i)).collect();
                all.sort_by(|a, b| b.0.total_cmp(&a.0));
                let mut weights = std::collections::BTreeMap::new();
                for (s, i) in all.into_iter().take(config.k) {
                    *weights.entry(bank.labels[i].unwrap()).or_insert(0.0) +=
                        (s / config.temperature).exp();
                }
                weights.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap().0
            })
            .collect()
    }

    #[test]
    fn predictions_equal_the_definition_across_tiles() {
        let (bank, queries) = (features(1, 9000, 24, 10), features(2, 300, 24, 10));
        for config in [
            KnnConfig { k: 1, temperature: 0.07 },
            KnnConfig { k: 20, temperature: 0.07 },
            KnnConfig { k: 200, temperature: 0.5 },
        ] {
            let found = knn(&bank, &queries, config);
            assert_eq!(found.predictions, naive(&bank, &queries, config), "{config:?}");
        }
    }

    #[test]
    fn an_image_finds_itself() {
        let bank = features(3, 500, 16, 7);
        let found = knn(&bank, &bank, KnnConfig { k: 1, temperature: 0.07 });
        assert!((found.accuracy - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn unlabelled_images_neither_vote_nor_count() {
        let mut bank = features(4, 100, 8, 3);
        let queries = features(5, 20, 8, 3);
        let config = KnnConfig { k: 5, temperature: 0.07 };
        let labelled = bank.filter(|i| i % 2 == 0);
        bank.labels.iter_mut().skip(1).step_by(2).for_each(|label| *label = None);
        assert_eq!(
            knn(&bank, &queries, config).predictions,
            knn(&labelled, &queries, config).predictions
        );
    }

    #[test]
    fn a_bank_smaller_than_k_votes_whole() {
        let bank = features(6, 3, 8, 2);
        let found = knn(&bank, &bank, KnnConfig { k: 20, temperature: 0.07 });
        assert_eq!(found.predictions.len(), 3);
    }
}
