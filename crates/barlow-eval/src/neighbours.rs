//! The nearest images by cosine, exactly.
//!
//! Similarities are computed in f32 by [`PanelMatrix`] products of some queries by 64 images of the
//! bank, from which each query keeps more candidates than wanted; theirs are computed again in f64
//! and ranked. No more than one tile of similarities is held by each thread.

use barlow_kernels::{Isa, PanelMatrix};
use rayon::prelude::*;

use crate::error::EvalError;
use crate::features::Features;

/// Images of the bank in a tile: one panel.
const PANEL: usize = 64;

/// Queries in a tile: at 512 dimensions they take a quarter of a 2 MiB cache, and the bank is read
/// from memory once for each such block.
const QUERIES: usize = 256;

/// Candidates beyond those wanted, for what f32 may rank wrongly at the border.
const SPARE: usize = 16;

/// For each query the most similar images of a bank, most similar first.
///
/// # Shapes
/// `ids` and `similarities` are `[queries, k]`; `k` is smaller than asked for where the bank is.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbours {
    /// How many each query has.
    pub k: usize,
    /// [`Features::ids`] of the bank.
    pub ids: Vec<u64>,
    /// Cosines, -1..1; 0 where a vector has length 0.
    pub similarities: Vec<f64>,
}

/// The `k` images of `bank` nearest to each of `queries`; without queries the nearest to each image
/// of the bank but itself. Labels play no part.
///
/// # Numerics
/// Ranked by cosines in f64 among the `k + 16` images whose cosine is highest in f32. Of equally
/// similar images the earlier in the bank goes first. The same for every number of threads.
///
/// # Errors
/// If features are malformed, not finite or of different dimensions.
pub fn nearest(
    bank: &Features,
    queries: Option<&Features>,
    k: usize,
) -> Result<Neighbours, EvalError> {
    bank.check_with(queries.unwrap_or(bank))?;
    let found = search(bank, queries, k, Isa::best());
    let pairs = found.iter().flatten();
    Ok(Neighbours {
        k: found.first().map_or(0, Vec::len),
        ids: pairs.clone().map(|&(_, image)| bank.ids[image]).collect(),
        similarities: pairs.map(|&(similarity, _)| similarity).collect(),
    })
}

/// For each query (cosine, position in the bank), best first.
pub(crate) fn search(
    bank: &Features,
    queries: Option<&Features>,
    k: usize,
    isa: Isa,
) -> Vec<Vec<(f64, usize)>> {
    let is_own_bank = queries.is_none();
    let queries = queries.unwrap_or(bank);
    let k = k.min(bank.len() - usize::from(is_own_bank && !bank.is_empty()));
    if k == 0 || queries.is_empty() {
        return vec![vec![]; queries.len()];
    }
    let (bank_lengths, query_lengths) = (lengths(bank), lengths(queries));
    let panels: Vec<PanelMatrix> = (0..bank.len().div_ceil(PANEL))
        .into_par_iter()
        .map(|panel| {
            let first = panel * PANEL;
            let count = PANEL.min(bank.len() - first);
            PanelMatrix::transposed(isa, count, bank.dim, |row, to| {
                set_unit(bank.row(first + row), bank_lengths[first + row], to);
            })
        })
        .collect();
    let block = |first: usize| {
        let count = QUERIES.min(queries.len() - first);
        let rows = PanelMatrix::from_rows(count, queries.dim, |row, to| {
            set_unit(queries.row(first + row), query_lengths[first + row], to);
        });
        let mut candidates = vec![Candidates::new(k + SPARE); count];
        for (panel, images) in panels.iter().enumerate() {
            let mut similarities = PanelMatrix::zeroed(count, images.columns());
            similarities.set_product(isa, &rows, images);
            for (row, candidates) in candidates.iter_mut().enumerate() {
                let own = is_own_bank.then_some(first + row);
                similarities.row(row).for_each(|row| candidates.offer(row, panel * PANEL, own));
            }
        }
        let rank = |(row, candidates): (usize, Candidates)| {
            let (query, length) = (queries.row(first + row), query_lengths[first + row]);
            let cosine = |image: usize| {
                let lengths = length * bank_lengths[image];
                if lengths > 0.0 { dot(query, bank.row(image)) / lengths } else { 0.0 }
            };
            let found = candidates.best().into_iter();
            let mut found: Vec<_> = found.map(|(_, image)| (cosine(image), image)).collect();
            found.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            found.truncate(k);
            found
        };
        candidates.into_iter().enumerate().map(rank).collect::<Vec<_>>()
    };
    let firsts: Vec<usize> = (0..queries.len()).step_by(QUERIES).collect();
    firsts.into_par_iter().flat_map_iter(block).collect()
}

fn lengths(features: &Features) -> Vec<f64> {
    let rows = (0..features.len()).into_par_iter();
    rows.map(|index| dot(features.row(index), features.row(index)).sqrt()).collect()
}

fn set_unit(row: &[f32], length: f64, to: &mut [f32]) {
    let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
    to.iter_mut().zip(row).for_each(|(to, &value)| *to = (f64::from(value) * scale) as f32);
}

/// In f64, in eight sums, which the compiler keeps in vectors.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    let mut sums = [0.0; 8];
    let (a_chunks, a_rest) = a.as_chunks::<8>();
    let (b_chunks, b_rest) = b.as_chunks::<8>();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..8 {
            sums[lane] += f64::from(a[lane]) * f64::from(b[lane]);
        }
    }
    let rest = a_rest.iter().zip(b_rest).map(|(&a, &b)| f64::from(a) * f64::from(b));
    sums.iter().sum::<f64>() + rest.sum::<f64>()
}

/// The most similar images so far, in any order, and sometimes others.
#[derive(Debug, Clone)]
struct Candidates {
    most: usize,
    found: Vec<(f32, usize)>,
    /// What an image must exceed; those seen before win where equal.
    border: f32,
}

impl Candidates {
    fn new(most: usize) -> Self {
        Self { most, found: Vec::new(), border: f32::NEG_INFINITY }
    }

    /// Takes what may be among the best, of images from `first` on, but not `own`.
    fn offer(&mut self, similarities: &[f32], first: usize, own: Option<usize>) {
        // Nearly always none; counted without branches, by whole vectors.
        let above = similarities.iter().map(|&similarity| u32::from(similarity > self.border));
        if above.sum::<u32>() == 0 {
            return;
        }
        for (column, &similarity) in similarities.iter().enumerate() {
            if similarity > self.border && own != Some(first + column) {
                self.found.push((similarity, first + column));
                if self.found.len() >= 2 * self.most {
                    self.prune();
                    self.border = self.found.iter().map(|f| f.0).fold(f32::INFINITY, f32::min);
                }
            }
        }
    }

    fn prune(&mut self) {
        if self.found.len() > self.most {
            let order =
                |a: &(f32, usize), b: &(f32, usize)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
            self.found.select_nth_unstable_by(self.most - 1, order);
            self.found.truncate(self.most);
        }
    }

    fn best(mut self) -> Vec<(f32, usize)> {
        self.prune();
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::tests::random;

    fn naive(
        bank: &Features,
        queries: &Features,
        k: usize,
        is_own: bool,
    ) -> Vec<Vec<(f64, usize)>> {
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
        };
        let of = |q: usize| {
            let query = queries.row(q);
            let mut all: Vec<(f64, usize)> = (0..bank.len())
                .filter(|&i| !is_own || i != q)
                .map(|i| (i, bank.row(i)))
                .map(|(i, row)| (dot(query, row) / (dot(query, query) * dot(row, row)).sqrt(), i))
                .collect();
            all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            all.truncate(k);
            all
        };
        (0..queries.len()).map(of).collect()
    }

    #[test]
    fn the_nearest_are_those_of_the_definition() {
        let mut failures = Vec::new();
        for (n, m, dim, k) in [
            (1, 1, 1, 3),
            (65, 3, 2, 65),
            (700, 300, 63, 20),
            (1000, 257, 130, 200),
            (64, 5, 64, 1),
        ] {
            let (bank, queries) = (random(1, n, dim, 5), random(2, m, dim, 5));
            for isa in Isa::available() {
                for queries in [Some(&queries), None] {
                    let found = search(&bank, queries, k, isa);
                    let expected = naive(&bank, queries.unwrap_or(&bank), k, queries.is_none());
                    let same = found.iter().zip(&expected).all(|(f, e)| {
                        f.len() == e.len()
                            && f.iter().zip(e).all(|(f, e)| f.1 == e.1 && (f.0 - e.0).abs() < 1e-12)
                    });
                    if !same || found.len() != expected.len() {
                        failures.push(format!("{isa} {n} {m} {dim} {k} {}", queries.is_some()));
                    }
                }
            }
        }
        assert!(failures.is_empty(), "{failures:#?}");
    }

    #[test]
    fn of_equal_images_the_earlier_goes_first_and_nulls_are_similar_to_nothing() {
        let mut bank = random(3, 300, 20, 2);
        let twin = bank.row(10).to_vec();
        for at in [70, 200, 299] {
            bank.values[at * 20..(at + 1) * 20].copy_from_slice(&twin);
        }
        bank.values[..20].fill(0.0);
        let found = search(&bank, None, 299, Isa::best());
        let first: Vec<usize> = found[200][..3].iter().map(|f| f.1).collect();
        assert_eq!(first, [10, 70, 299]);
        assert!(found[0].iter().all(|f| f.0.abs() < f64::EPSILON));
        assert_eq!(found[0].iter().map(|f| f.1).collect::<Vec<_>>(), (1..300).collect::<Vec<_>>());
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let (bank, queries) = (random(4, 900, 70, 5), random(5, 600, 70, 5));
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| nearest(&bank, Some(&queries), 7)).unwrap()
        };
        let one = run(1);
        assert_eq!((one.k, one.ids.len(), one.similarities.len()), (7, 4200, 4200));
        assert!([2, 3, 5].into_iter().all(|threads| run(threads) == one));
    }

    #[test]
    fn magnitudes_at_the_ends_of_f32_do_not_change_neighbours() {
        let (bank, queries) = (random(6, 100, 8, 2), random(7, 20, 8, 2));
        let scaled = |features: &Features, factor: f32| Features {
            values: features.values.iter().map(|v| v * factor).collect(),
            ..features.clone()
        };
        let expected = nearest(&bank, Some(&queries), 5).unwrap().ids;
        // Powers of two: no rounding. Cosines do not know of lengths.
        for factor in [2.0_f32.powi(-100), 2.0_f32.powi(120)] {
            let (bank, queries) = (scaled(&bank, factor), scaled(&queries, factor));
            assert_eq!(nearest(&bank, Some(&queries), 5).unwrap().ids, expected);
        }
    }
}
