//! Dual coordinate descent for a linear SVM with squared hinge.
//!
//! Hsieh et al. (2008), algorithm 2, as liblinear has it: minimise
//! `‖w‖² / 2 + Σ Cᵢ max(0, 1 - yᵢ w·xᵢ)²` by its dual, one coordinate at a time in random order, leaving
//! out coordinates that are likely to stay at 0 until the others have settled.

use barlow_random::Stream;

/// Coordinates whose gradient is smaller do not move.
const STILL: f64 = 1e-12;

/// The images of one class's problem.
#[derive(Debug, Clone)]
pub(super) struct Problem<'a> {
    /// Rows of length 1 or 0; a further value of 1, for the bias, is implied.
    pub(super) rows: Vec<&'a [f32]>,
    /// 1 or -1.
    pub(super) signs: Vec<f64>,
}

/// Multipliers `α`, at least 0, and what they make: `w = Σ αᵢ yᵢ xᵢ`, the bias last.
#[derive(Debug, Clone)]
pub(super) struct Solution {
    multipliers: Vec<f64>,
    pub(super) weights: Vec<f64>,
}

impl Solution {
    /// All 0.
    pub(super) fn zero(images: usize, dim: usize) -> Self {
        Self { multipliers: vec![0.0; images], weights: vec![0.0; dim + 1] }
    }

    /// The score of a row.
    pub(super) fn score(&self, row: &[f32]) -> f64 {
        let (weights, bias) = self.weights.split_at(row.len());
        dot(weights, row) + bias[0]
    }

    /// Improves the solution until the projected gradients differ by at most `tolerance`, or for
    /// `most_passes` passes.
    pub(super) fn descend(
        &mut self,
        problem: &Problem,
        cost: impl Fn(f64) -> f64,
        tolerance: f64,
        most_passes: usize,
        stream: &mut Stream,
    ) {
        let Problem { rows, signs } = problem;
        let own = |i: usize| {
            let square: f64 = rows[i].iter().map(|&x| f64::from(x) * f64::from(x)).sum();
            square + 1.0 + 0.5 / cost(signs[i])
        };
        let diagonal: Vec<f64> = (0..rows.len()).map(own).collect();
        let mut order: Vec<usize> = (0..rows.len()).collect();
        let mut active = rows.len();
        let mut border = f64::INFINITY;
        for _ in 0..most_passes {
            let (mut highest, mut lowest) = (f64::NEG_INFINITY, f64::INFINITY);
            stream.shuffle(&mut order[..active]);
            let mut at = 0;
            while at < active {
                let i = order[at];
                let old = self.multipliers[i];
                let slope = signs[i] * self.score(rows[i]) - 1.0 + old * 0.5 / cost(signs[i]);
                let is_zero = old <= 0.0;
                if is_zero && slope > border {
                    active -= 1;
                    order.swap(at, active);
                    continue;
                }
                let projected = if is_zero { slope.min(0.0) } else { slope };
                highest = highest.max(projected);
                lowest = lowest.min(projected);
                if projected.abs() > STILL {
                    let new = (old - slope / diagonal[i]).max(0.0);
                    self.multipliers[i] = new;
                    self.add((new - old) * signs[i], rows[i]);
                }
                at += 1;
            }
            border = if highest > 0.0 { highest } else { f64::INFINITY };
            if highest - lowest <= tolerance {
                if active == rows.len() {
                    return;
                }
                active = rows.len();
                border = f64::INFINITY;
            }
        }
    }

    fn add(&mut self, factor: f64, row: &[f32]) {
        let (weights, bias) = self.weights.split_at_mut(row.len());
        weights.iter_mut().zip(row).for_each(|(weight, &x)| *weight += factor * f64::from(x));
        bias[0] += factor;
    }
}

/// In eight sums, which the compiler keeps in vectors.
fn dot(weights: &[f64], row: &[f32]) -> f64 {
    let mut sums = [0.0; 8];
    let ((a_chunks, a_rest), (b_chunks, b_rest)) = (weights.as_chunks::<8>(), row.as_chunks::<8>());
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..8 {
            sums[lane] += a[lane] * f64::from(b[lane]);
        }
    }
    let rest = a_rest.iter().zip(b_rest).map(|(a, &b)| a * f64::from(b));
    sums.iter().sum::<f64>() + rest.sum::<f64>()
}

#[cfg(test)]
mod tests {
    use barlow_random::Key;

    use super::*;
    use crate::features::tests::random;

    #[test]
    fn the_primal_gradient_is_zero_where_the_descent_ends() {
        let features = random(1, 80, 6, 2).normalised();
        let rows: Vec<&[f32]> = (0..80).map(|i| features.row(i)).collect();
        let sign = |i: usize| if features.labels[i] == Some(0) { 1.0 } else { -1.0 };
        let signs: Vec<f64> = (0..80).map(sign).collect();
        let problem = Problem { rows, signs };
        let mut solution = Solution::zero(80, 6);
        for base in [0.1, 1.0, 30.0] {
            let cost = |sign: f64| if sign > 0.0 { 2.0 * base } else { base };
            let mut stream = Key::default().stream();
            solution.descend(&problem, cost, 1e-10, 100_000, &mut stream);
            let primal = |weights: &[f64]| {
                let mut loss = weights.iter().map(|w| w * w).sum::<f64>() / 2.0;
                for (row, sign) in problem.rows.iter().zip(&problem.signs) {
                    let products = row.iter().zip(weights).map(|(&x, w)| f64::from(x) * w);
                    let hinge = 1.0 - sign * (products.sum::<f64>() + weights[6]);
                    loss += cost(*sign) * hinge.max(0.0).powi(2);
                }
                loss
            };
            for at in 0..7 {
                let moved = |step: f64| {
                    let mut moved = solution.weights.clone();
                    moved[at] += step;
                    primal(&moved)
                };
                let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                assert!(slope.abs() < 1e-5 * (1.0 + base), "{base} [{at}]: {slope}");
            }
        }
    }
}
