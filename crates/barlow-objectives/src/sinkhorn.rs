//! Sinkhorn's algorithm: how much each image belongs to each cluster, where every image counts the
//! same and every cluster gets the same (Cuturi, 2013).
//!
//! From affinities `P`, `[n, K]`, it finds factors so that `r_k P_ik c_i` sums to `1/n` over the
//! clusters of an image and to `1/K` over the images of a cluster:
//!
//! ```text
//! r_k = (1/K) / Σᵢ P_ik c_i,    c_i = (1/n) / Σₖ P_ik r_k,    by turns, from equal c
//! ```
//!
//! `SwAV` does a few rounds over a batch, `SeLa` as many as it takes over all images. Affinities are
//! given by their logarithms and taken relative to the largest of their row and then of their column,
//! which factors make up for; so no row and no column vanishes, however sharp they are (as f32,
//! `exp(s/ε)` overflows for ε below 0.0113 and `softmax^λ` is zero for λ 25). In f64 on the host. Numbers
//! in tests: `reference/objectives_swav.py`, `reference/objectives_clusters.py`.

use crate::classification::largest;

/// Factors are kept within these, so that no sum over them is zero or infinite.
const FACTORS: (f64, f64) = (1e-250, 1e250);

/// Shares of images in clusters.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    clusters: usize,
    /// `[n, K]`, the largest of each row and column 1.
    affinities: Vec<f64>,
    of_images: Vec<f64>,
    of_clusters: Vec<f64>,
    /// `Σᵢ P_ik c_i`.
    sums: Vec<f64>,
}

impl Plan {
    /// Before the first round.
    ///
    /// # Shapes
    /// - `logarithms`: of affinities, `[n, clusters]`, finite
    pub(crate) fn new(mut logarithms: Vec<f64>, clusters: usize) -> Self {
        let mut largest_of_rows = Vec::with_capacity(logarithms.len() / clusters);
        let mut largest_of_columns = vec![f64::NEG_INFINITY; clusters];
        for row in logarithms.chunks_exact_mut(clusters) {
            let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            largest_of_rows.push(largest);
            for (value, of_column) in row.iter_mut().zip(&mut largest_of_columns) {
                *value -= largest;
                *of_column = of_column.max(*value);
            }
        }
        for row in logarithms.chunks_exact_mut(clusters) {
            for (value, of_column) in row.iter_mut().zip(&largest_of_columns) {
                *value = (*value - of_column).exp();
            }
        }
        // Equal factors of the affinities as they were.
        let largest = largest_of_rows.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let of_images: Vec<f64> =
            largest_of_rows.iter().map(|row| (row - largest).exp().max(FACTORS.0)).collect();
        let mut plan = Self {
            clusters,
            affinities: logarithms,
            of_images,
            of_clusters: vec![0.0; clusters],
            sums: vec![0.0; clusters],
        };
        for (row, factor) in plan.affinities.chunks_exact(clusters).zip(&plan.of_images) {
            add(&mut plan.sums, row, *factor);
        }
        plan
    }

    /// One round, after which every image has its due; returns `Σᵢ |c_i before / c_i - 1|`.
    pub(crate) fn round(&mut self) -> f64 {
        let (clusters, images) = (self.clusters, self.of_images.len());
        let bounded = |value: f64| value.clamp(FACTORS.0, FACTORS.1);
        for (factor, sum) in self.of_clusters.iter_mut().zip(&mut self.sums) {
            *factor = bounded(1.0 / (clusters as f64 * *sum));
            *sum = 0.0;
        }
        let mut change = 0.0;
        for (row, factor) in self.affinities.chunks_exact(clusters).zip(&mut self.of_images) {
            let products = row.iter().zip(&self.of_clusters).map(|(a, b)| a * b);
            let new = bounded(1.0 / (images as f64 * products.sum::<f64>()));
            change += (*factor / new - 1.0).abs();
            *factor = new;
            add(&mut self.sums, row, new);
        }
        change
    }

    /// What each image gives to each cluster, `r_k P_ik c_i`, image by image.
    pub(crate) fn shares(&self) -> impl Iterator<Item = Vec<f64>> {
        self.affinities.chunks_exact(self.clusters).zip(&self.of_images).map(|(row, factor)| {
            row.iter().zip(&self.of_clusters).map(|(a, r)| r * a * factor).collect()
        })
    }

    /// The cluster to which each image gives most, the first of equals.
    pub(crate) fn labels(&self) -> impl Iterator<Item = usize> {
        self.shares().map(|shares| largest(&shares))
    }
}

fn add(sums: &mut [f64], row: &[f64], factor: f64) {
    for (sum, value) in sums.iter_mut().zip(row) {
        *sum += factor * value;
    }
}

#[cfg(test)]
mod tests {
    use barlow_testing::fill;

    use super::*;

    fn logarithms(name: &str, images: usize, clusters: usize, scale: f64) -> Vec<f64> {
        fill(name, images * clusters, -scale, scale).into_iter().map(f64::from).collect()
    }

    /// Largest relative errors of what images give and of what clusters get.
    fn errors(plan: &Plan) -> [f64; 2] {
        let shares: Vec<Vec<f64>> = plan.shares().collect();
        let (images, clusters) = (shares.len() as f64, shares[0].len() as f64);
        let of_images = shares.iter().map(|shares| shares.iter().sum::<f64>() * images);
        let column = |k: usize| shares.iter().map(|shares| shares[k]).sum::<f64>() * clusters;
        let worst = |sums: Vec<f64>| sums.iter().map(|sum| (sum - 1.0).abs()).fold(0.0, f64::max);
        [worst(of_images.collect()), worst((0..shares[0].len()).map(column).collect())]
    }

    #[test]
    fn images_and_clusters_get_their_due_to_a_millionth() {
        for (images, clusters, scale) in [(24, 6, 5.0), (6, 24, 5.0), (50, 50, 3.0), (1, 3, 1.0)] {
            let mut plan = Plan::new(logarithms("marginals", images, clusters, scale), clusters);
            for _ in 0..500 {
                plan.round();
            }
            let found = errors(&plan);
            assert!(found.iter().all(|&error| error < 1e-6), "{images} {clusters}: {found:?}");
        }
    }

    #[test]
    fn images_have_their_due_after_any_round() {
        let mut plan = Plan::new(logarithms("rounds", 30, 7, 20.0), 7);
        for _ in 0..3 {
            plan.round();
            assert!(errors(&plan)[0] < 1e-12);
        }
    }

    #[test]
    fn rounds_are_those_of_the_definition() {
        let (images, clusters) = (9, 4);
        let logs = logarithms("definition", images, clusters, 3.0);
        let p: Vec<f64> = logs.iter().map(|log| log.exp()).collect();
        let mut c = vec![1.0 / images as f64; images];
        let mut r = vec![0.0; clusters];
        let mut plan = Plan::new(logs, clusters);
        for _ in 0..3 {
            for k in 0..clusters {
                let sum: f64 = (0..images).map(|i| p[i * clusters + k] * c[i]).sum();
                r[k] = 1.0 / (clusters as f64 * sum);
            }
            let mut expected_change = 0.0;
            for i in 0..images {
                let sum: f64 = (0..clusters).map(|k| p[i * clusters + k] * r[k]).sum();
                let new = 1.0 / (images as f64 * sum);
                expected_change += (c[i] / new - 1.0).abs();
                c[i] = new;
            }
            let change = plan.round();
            assert!((change - expected_change).abs() < 1e-12 * (1.0 + expected_change));
            for (i, shares) in plan.shares().enumerate() {
                for (k, share) in shares.into_iter().enumerate() {
                    let expected = r[k] * p[i * clusters + k] * c[i];
                    assert!((share - expected).abs() < 1e-12, "{share}, expected {expected}");
                }
            }
        }
    }

    #[test]
    fn affinities_that_no_float_holds_have_their_due() {
        let mut plan = Plan::new(logarithms("sharp", 40, 8, 400.0), 8);
        for _ in 0..100 {
            plan.round();
        }
        assert!(errors(&plan)[0] < 1e-12);
        // Where not even factors can make up for them, there still is a number for each.
        let mut plan = Plan::new(logarithms("sharp", 40, 8, 1e4), 8);
        for _ in 0..100 {
            plan.round();
        }
        assert!(plan.shares().flatten().all(f64::is_finite));
    }

    #[test]
    fn equal_affinities_are_shared_equally() {
        let mut plan = Plan::new(vec![-3.0; 12], 4);
        plan.round();
        assert!(plan.shares().flatten().all(|share| (share - 1.0 / 12.0).abs() < 1e-12));
        assert!(plan.labels().all(|label| label == 0));
    }
}
