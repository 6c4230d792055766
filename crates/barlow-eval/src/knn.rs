//! Weighted k-nearest-neighbour classification (Wu et al., 2018).
//!
//! Similarity is the cosine `s` of two feature vectors; each of the `k` most similar images of the
//! bank votes for its class with weight `exp(s / temperature)`.

use std::collections::BTreeMap;

use barlow_kernels::Isa;

use crate::error::EvalError;
use crate::features::Features;
use crate::neighbours::search;

/// Classes that a ranking of votes holds: the field reports top-1 and top-5.
const RANKED: usize = 5;

/// The protocol's constants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KnnConfig {
    /// Neighbours that vote, at least 1; a smaller bank votes whole.
    pub k: usize,
    /// Temperature of the votes, above 0.
    pub temperature: f64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct KnnOutcome {
    /// Neighbours that were asked for.
    pub k: usize,
    /// Share of the queries whose class won, 0..1; 0 without queries.
    pub accuracy: f64,
    /// Share of the queries whose class is among the five with most weight, 0..1; classes without a
    /// vote are among none.
    pub top_5_accuracy: f64,
    /// The class that won for each query that has a label, in order.
    pub predictions: Vec<usize>,
}

/// Classifies the queries by their neighbours in the bank. Images without a label neither vote nor
/// count. Of equally similar neighbours the earlier in the bank goes first; of equally heavy classes
/// the smaller number wins.
///
/// # Errors
/// If features are malformed, not finite or of different dimensions, no image of the bank has a label,
/// or a constant is out of range.
pub fn knn(
    bank: &Features,
    queries: &Features,
    config: KnnConfig,
) -> Result<KnnOutcome, EvalError> {
    let mut outcomes = knn_sweep(bank, Some(queries), &[config.k], config.temperature)?;
    Ok(outcomes.swap_remove(0))
}

/// [`knn`] for several `k` by one search; without queries the images of the bank are the queries, and
/// none votes for itself.
///
/// # Errors
/// As for [`knn`]; also if the bank is to be its own queries and has one labelled image only.
pub fn knn_sweep(
    bank: &Features,
    queries: Option<&Features>,
    ks: &[usize],
    temperature: f64,
) -> Result<Vec<KnnOutcome>, EvalError> {
    bank.check_with(queries.unwrap_or(bank))?;
    let allowed = "above 0 and finite";
    EvalError::unless(
        temperature.is_finite() && temperature > 0.0,
        "temperature",
        temperature,
        allowed,
    )?;
    EvalError::unless(!ks.contains(&0), "k", 0.0, "at least 1")?;
    let (bank, labels) = bank.labelled();
    let queries = queries.map(Features::labelled);
    if labels.is_empty() || queries.is_none() && labels.len() == 1 {
        return Err(EvalError::NoLabels);
    }
    let most = ks.iter().copied().max().unwrap_or(0);
    let found = search(&bank, queries.as_ref().map(|(queries, _)| queries), most, Isa::best());
    let truth = queries.as_ref().map_or(&labels, |(_, labels)| labels);
    let outcome = |&k: &usize| {
        let rankings =
            found.iter().map(|found| vote(&found[..k.min(found.len())], &labels, temperature));
        let rankings: Vec<Vec<usize>> = rankings.collect();
        let share = |within: usize| {
            let is_right = |(ranking, class): &(&Vec<usize>, &usize)| {
                ranking.iter().take(within).any(|ranked| ranked == *class)
            };
            rankings.iter().zip(truth).filter(is_right).count() as f64 / truth.len().max(1) as f64
        };
        let (accuracy, top_5_accuracy) = (share(1), share(RANKED));
        KnnOutcome {
            k,
            accuracy,
            top_5_accuracy,
            predictions: rankings.iter().map(|ranking| ranking[0]).collect(),
        }
    };
    Ok(ks.iter().map(outcome).collect())
}

/// The classes with most weight, heaviest first, at most five.
///
/// Weights are relative to that of the first neighbour: `exp(1 / temperature)` may be beyond f64.
fn vote(found: &[(f64, usize)], labels: &[usize], temperature: f64) -> Vec<usize> {
    let mut weights = BTreeMap::new();
    for &(similarity, image) in found {
        let weight = ((similarity - found[0].0) / temperature).exp();
        *weights.entry(labels[image]).or_insert(0.0) += weight;
    }
    let mut ranking: Vec<(usize, f64)> = weights.into_iter().collect();
    ranking.sort_by(|a, b| b.1.total_cmp(&a.1));
    ranking.into_iter().take(RANKED).map(|(class, _)| class).collect()
}

#[cfg(test)]
mod tests {
    use barlow_testing::Fixture;

    use super::*;
    use crate::features::tests::random;
    use crate::linear::tests::overlapping;

    /// The definition, in f64, without tiles: classes by weight.
    fn naive(bank: &Features, queries: Option<&Features>, config: KnnConfig) -> Vec<Vec<usize>> {
        let cosine = |a: &[f32], b: &[f32]| {
            let dot = |a: &[f32], b: &[f32]| -> f64 {
                a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
            };
            dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
        };
        let rows = queries.unwrap_or(bank);
        let ranking = |q: usize| {
            let others = (0..bank.len()).filter(|&i| queries.is_some() || i != q);
            let mut all: Vec<(f64, usize)> =
                others.map(|i| (cosine(rows.row(q), bank.row(i)), i)).collect();
            all.sort_by(|a, b| b.0.total_cmp(&a.0));
            let mut weights = vec![0.0; 1 + bank.labels.iter().flatten().max().unwrap()];
            for (s, i) in all.into_iter().take(config.k) {
                weights[bank.labels[i].unwrap()] += (s / config.temperature).exp();
            }
            let mut classes: Vec<usize> =
                (0..weights.len()).filter(|&c| weights[c] > 0.0).collect();
            classes.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]));
            classes
        };
        (0..rows.len()).map(ranking).collect()
    }

    #[test]
    fn predictions_and_accuracies_equal_the_definition() {
        for (n, m, dim, classes) in [(9000, 300, 24, 10), (777, 130, 65, 40), (70, 9, 3, 2)] {
            let (bank, queries) = (random(1, n, dim, classes), random(2, m, dim, classes));
            let ks = [1, 20, 5, 200];
            for temperature in [0.07, 0.5] {
                let queries = [Some(&queries), None].into_iter().take(if n > 1000 { 1 } else { 2 });
                for queries in queries {
                    let outcomes = knn_sweep(&bank, queries, &ks, temperature).unwrap();
                    for (outcome, k) in outcomes.iter().zip(ks) {
                        let rankings = naive(&bank, queries, KnnConfig { k, temperature });
                        let winners: Vec<usize> = rankings.iter().map(|r| r[0]).collect();
                        assert_eq!(outcome.predictions, winners, "{n} {k} {temperature}");
                        let labels = &queries.unwrap_or(&bank).labels;
                        let share = |within: usize| {
                            let pairs = rankings.iter().zip(labels);
                            let right = pairs
                                .filter(|(r, l)| r.iter().take(within).any(|c| Some(*c) == **l))
                                .count();
                            right as f64 / labels.len() as f64
                        };
                        assert_eq!(outcome.k, k);
                        assert!((outcome.accuracy - share(1)).abs() < 1e-12);
                        assert!((outcome.top_5_accuracy - share(5)).abs() < 1e-12);
                    }
                }
            }
        }
    }

    #[test]
    fn predictions_are_scikit_learns() {
        let fixture = Fixture::open("evaluation/knn");
        let (train, test) = (overlapping("train", 600, 32, 8), overlapping("test", 400, 32, 8));
        let temperature = fixture.number("temperature");
        for outcome in knn_sweep(&train, Some(&test), &[1, 5, 20, 200], temperature).unwrap() {
            let name = |what: &str| format!("{what}_{}", outcome.k);
            let predictions = fixture.array(&name("predictions")).1;
            let same = outcome.predictions.iter().zip(&predictions);
            assert!(same.clone().all(|(&f, &e)| (f as f64 - e).abs() < 0.5), "{}", outcome.k);
            assert!((outcome.accuracy - fixture.scalar(&name("accuracy"))).abs() < 1e-12);
        }
    }

    #[test]
    fn an_image_finds_itself_unless_it_is_left_out() {
        let mut bank = random(3, 500, 16, 7);
        let found = knn(&bank, &bank, KnnConfig { k: 1, temperature: 0.07 }).unwrap();
        assert!((found.accuracy - 1.0).abs() < f64::EPSILON);
        // With a class for each image only the image itself could vote for it.
        bank.labels = (0..500).map(Some).collect();
        let left_out = knn_sweep(&bank, None, &[1, 5], 0.07).unwrap();
        assert!(left_out.iter().all(|outcome| outcome.accuracy.abs() < f64::EPSILON));
    }

    #[test]
    fn unlabelled_images_neither_vote_nor_count() {
        let mut bank = random(4, 100, 8, 3);
        let mut queries = random(5, 20, 8, 3);
        let config = KnnConfig { k: 5, temperature: 0.07 };
        let labelled = bank.filter(|i| i % 2 == 0);
        bank.labels.iter_mut().skip(1).step_by(2).for_each(|label| *label = None);
        queries.labels[3] = None;
        let counted = queries.filter(|i| i != 3);
        assert_eq!(knn(&bank, &queries, config), knn(&labelled, &counted, config));
        assert_eq!(knn(&bank, &queries, config).unwrap().predictions.len(), 19);
        bank.labels.fill(None);
        assert_eq!(knn(&bank, &queries, config), Err(EvalError::NoLabels));
    }

    #[test]
    fn a_bank_smaller_than_k_votes_whole() {
        let (bank, queries) = (random(6, 3, 8, 2), random(7, 9, 8, 2));
        let [whole, three] = [20, 3]
            .map(|k| knn(&bank, &queries, KnnConfig { k, temperature: 0.07 }).unwrap().predictions);
        assert_eq!(whole, three);
    }

    #[test]
    fn a_small_temperature_lets_the_nearest_decide() {
        let (bank, queries) = (random(8, 400, 8, 9), random(9, 50, 8, 9));
        let of = |k, temperature| {
            knn(&bank, &queries, KnnConfig { k, temperature }).unwrap().predictions
        };
        assert_eq!(of(20, 1e-300), of(1, 0.07));
    }

    #[test]
    fn constants_out_of_range_are_refused() {
        let bank = random(10, 9, 4, 2);
        for (k, temperature) in [(0, 0.07), (1, 0.0), (1, -1.0), (1, f64::NAN)] {
            let refused = knn(&bank, &bank, KnnConfig { k, temperature });
            assert!(matches!(refused, Err(EvalError::Setting { .. })), "{k} {temperature}");
        }
    }
}
