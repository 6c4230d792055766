//! What must hold of Barlow Twins for any embeddings.

use barlow_objectives::CrossCorrelationForm::{Gram, Matrix};
use barlow_objectives::{BarlowTwins, Standardised};
use barlow_testing::fill;

use crate::embeddings::{LAMBDA, error, evaluate, evaluate_as, pair, permuted, tensor, values};
use crate::naive;

#[test]
fn identical_views_of_variance_one_and_more_correlate_fully() {
    let shape @ [n, d] = [64, 48];
    // Variance of column j about 3 (1 + j / 4)², at offsets up to 24.
    let rows: Vec<f32> = fill("identical", n * d, -3.0, 3.0)
        .iter()
        .enumerate()
        .map(|(i, x)| x * (1.0 + (i % d) as f32 / 4.0) + (i % d) as f32 / 2.0)
        .collect();
    for form in [Gram, Matrix] {
        let found =
            BarlowTwins::new(LAMBDA).loss([tensor(&rows, shape), tensor(&rows, shape)], form);
        for c in values(&found.diagonal) {
            assert!((c - 1.0).abs() <= 2e-5, "{form:?}: c_ii = {c}");
        }
        assert!(found.invariance_term <= d as f64 * 4e-10, "{form:?}: {}", found.invariance_term);
    }
}

#[test]
fn no_correlation_exceeds_one() {
    let shape @ [n, d] = [32, 20];
    let [a, b] = pair("bounds", shape);
    // Columns that are multiples of each other reach ±1.
    let collinear: Vec<f32> =
        (0..n * d).map(|i| a[i / d * d] * ((i % d) as f32 - 9.5) + 2.0).collect();
    for (name, a, b) in [("pair", &a, &b), ("same", &a, &a), ("collinear", &collinear, &collinear)]
    {
        let [a, b] = [a, b].map(|rows| values(&Standardised::new(tensor(rows, shape)).values));
        let c = naive::cross_correlation(&a, &b, shape);
        let largest = c.iter().fold(0.0_f64, |largest, c| largest.max(c.abs()));
        // Rounding of mean, deviation and quotient in f32, six units in the last place.
        assert!(largest <= 1.0 + 4e-7, "{name}: {largest}");
        assert!(name == "pair" || largest > 0.9999, "{name}: {largest}");
    }
}

#[test]
fn positive_affine_maps_of_a_column_in_both_views_leave_the_loss_unchanged() {
    let shape @ [_, d] = [48, 30];
    let embeddings = pair("affine", shape);
    let scales = fill("affine/scale", d, 0.7, 4.0);
    let shifts = fill("affine/shift", d, -2.0, 2.0);
    let mapped = embeddings.clone().map(|rows| {
        let map = |(i, x): (usize, f32)| x * scales[i % d] + shifts[i % d];
        rows.into_iter().enumerate().map(map).collect()
    });
    for form in [Gram, Matrix] {
        let (expected, _) = evaluate_as(form, LAMBDA, &embeddings, shape);
        let (loss, _) = evaluate_as(form, LAMBDA, &mapped, shape);
        // The 1e-5 in the denominator does not scale with the variance, which is at least 0.8 here:
        // each correlation moves by at most a share of 1.3e-5, and so (1 - c)² by less than
        // 2 |c - 1| c 1.3e-5 <= 0.5 · 1.3e-5, and λ Cᵢⱼ² by a share of 2.6e-5.
        let tolerance = 1.3e-5 * (0.5 * d as f64 + 2.0 * expected) + 1e-6 * expected;
        assert!((loss - expected).abs() <= tolerance, "{form:?}: {loss}, expected {expected}");
        assert!(
            (loss - expected).abs() <= 1e-4 * expected,
            "{form:?}: {loss}, expected {expected}"
        );
    }
}

#[test]
fn a_permuted_batch_has_the_same_loss_and_permuted_gradients() {
    for shape @ [n, d] in [[12, 40], [40, 12]] {
        let embeddings = pair("permuted", shape);
        let order: Vec<usize> = (0..n).map(|row| (row * 7 + 3) % n).collect();
        let (expected, gradients) = evaluate(LAMBDA, &embeddings, shape);
        let moved = embeddings.each_ref().map(|rows| permuted(rows, d, &order));
        let (loss, moved_gradients) = evaluate(LAMBDA, &moved, shape);
        // Sums over the batch in another order, f32.
        assert!((loss - expected).abs() <= 2e-6 * expected, "{loss}, expected {expected}");
        for (found, expected) in moved_gradients.iter().zip(&gradients) {
            let error = error(found, &permuted(expected, d, &order));
            assert!(error <= 1e-5, "{shape:?}: {error}");
        }
    }
}

#[test]
fn decorrelated_embeddings_cost_the_floor() {
    let shape @ [n, d] = [256, 128];
    let normal = |name: &str| -> Vec<f32> {
        let (u, v) = (fill(name, n * d, 0.0, 1.0), fill(&format!("{name}/angle"), n * d, 0.0, 1.0));
        let draw = |(u, v): (&f32, &f32)| {
            (-2.0 * (1.0 - u).ln()).sqrt() * (std::f32::consts::TAU * v).cos()
        };
        u.iter().zip(&v).map(draw).collect()
    };
    let objective = BarlowTwins::new(LAMBDA);
    let embeddings = [tensor(&normal("normal/a"), shape), tensor(&normal("normal/b"), shape)];
    let found = LAMBDA * objective.loss(embeddings, Gram).redundancy_reduction_term;
    let floor = objective.floor(n, d);
    assert!((floor - 0.3238).abs() < 1e-4, "{floor}"); // 0.0051 · 128 · 127 / 256
    // The sum of 16256 squares scatters by 1.1 %, and 1/(n-1) is 0.4 % more than 1/n.
    assert!((found / floor - 1.0).abs() < 0.05, "{found}, floor {floor}");
}

#[test]
fn columns_without_variance_have_finite_gradients() {
    for shape @ [n, d] in [[16, 6], [6, 16]] {
        let [mut a, mut b] = pair("constant", shape);
        for row in 0..n {
            (a[row * d], b[row * d]) = (0.0, 0.0);
            a[row * d + 1] = 3.3e6;
        }
        let constant = vec![0.1; n * d];
        for embeddings in
            [[a.clone(), b.clone()], [constant.clone(), b], [constant.clone(), constant]]
        {
            for form in [Gram, Matrix] {
                let (loss, gradients) = evaluate_as(form, LAMBDA, &embeddings, shape);
                assert!(loss.is_finite(), "{form:?}: {loss}");
                assert!(gradients.iter().flatten().all(|g| g.is_finite()), "{form:?}");
            }
        }
    }
}
