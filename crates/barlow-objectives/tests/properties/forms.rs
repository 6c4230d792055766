//! The two forms agree with each other and with the definition.

use barlow_objectives::CrossCorrelationForm;
use barlow_objectives::CrossCorrelationForm::{Gram, Matrix};

use crate::embeddings::{LAMBDA, error, evaluate_as, pair};
use crate::naive;

/// Whether an error is too large, or no number.
fn excess(error: f64, allowed: f64) -> bool {
    error.is_nan() || error > allowed
}

#[test]
fn the_two_forms_agree() {
    let mut failures = Vec::new();
    for shape in [[4, 7], [8, 8], [33, 17], [64, 64], [100, 12], [16, 500], [300, 128], [256, 1024]]
    {
        for lambda in [LAMBDA, 1.0] {
            let embeddings = pair(&format!("forms/{shape:?}"), shape);
            let (loss, gradients) = evaluate_as(Gram, lambda, &embeddings, shape);
            let (expected, expected_gradients) = evaluate_as(Matrix, lambda, &embeddings, shape);
            let errors = [
                error(&[loss], &[expected]),
                error(&gradients[0], &expected_gradients[0]),
                error(&gradients[1], &expected_gradients[1]),
            ];
            if errors.iter().any(|&e| excess(e, 1e-5)) {
                failures.push(format!("{shape:?}, lambda {lambda}: {errors:?}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn loss_and_gradients_are_those_of_the_definition_by_finite_differences() {
    const STEP: f64 = 1e-5;
    let mut failures = Vec::new();
    for shape in [[3, 2], [5, 9], [12, 12], [40, 7], [6, 64]] {
        for lambda in [0.0, LAMBDA, 0.5] {
            let embeddings = pair(&format!("differences/{shape:?}"), shape);
            let exact = embeddings.clone().map(|rows| rows.into_iter().map(f64::from).collect());
            for form in [Gram, Matrix] {
                let (loss, gradients) = evaluate_as(form, lambda, &embeddings, shape);
                let expected = naive::loss(&exact, shape, lambda);
                if excess((loss - expected).abs(), 1e-5 * expected) {
                    failures
                        .push(format!("{shape:?}, {lambda}, {form:?}: loss {loss}, {expected}"));
                }
                for index in 0..12 {
                    // A stride that is prime to every n · d here reaches rows and columns at large.
                    let (view, at) = (index % 2, index / 2 * 7919 % (shape[0] * shape[1]));
                    let moved = |step: f64| {
                        let mut moved: [Vec<f64>; 2] = exact.clone();
                        moved[view][at] += step;
                        naive::loss(&moved, shape, lambda)
                    };
                    let expected = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
                    let found = gradients[view][at];
                    let largest = gradients[view].iter().fold(0.0_f64, |l, g| l.max(g.abs()));
                    // f32 rounding of sums over n and d; the difference itself is good to 1e-9.
                    if excess((found - expected).abs(), 1e-5 * largest + 1e-8) {
                        failures.push(format!(
                            "{shape:?}, {lambda}, {form:?}: view {view} [{at}] {found}, {expected}"
                        ));
                    }
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn two_images_and_one_dimension_match_the_definition() {
    for shape in [[2, 5], [2, 1], [9, 1]] {
        let embeddings = pair("edges", shape);
        let exact = embeddings.clone().map(|rows| rows.into_iter().map(f64::from).collect());
        let expected = naive::loss(&exact, shape, LAMBDA);
        for form in [Gram, Matrix] {
            let (loss, gradients) = evaluate_as(form, LAMBDA, &embeddings, shape);
            // Where all correlations are ±1 what is left of 1 - c is rounding.
            assert!(
                (loss - expected).abs() <= 1e-5 * expected + 1e-6,
                "{shape:?}, {form:?}: {loss}"
            );
            assert!(gradients.iter().flatten().all(|g| g.is_finite()), "{shape:?}, {form:?}");
        }
    }
}

#[test]
fn the_form_with_fewer_multiplications_is_taken() {
    for n in 1..200 {
        for d in 1..200 {
            let expected = if 4 * n * n * d <= 3 * n * d * d { Gram } else { Matrix };
            assert_eq!(CrossCorrelationForm::cheaper(n, d), expected, "n {n}, d {d}");
        }
    }
    assert_eq!(CrossCorrelationForm::cheaper(2048, 8192), Gram);
    assert_eq!(CrossCorrelationForm::cheaper(2048, 512), Matrix);
}
