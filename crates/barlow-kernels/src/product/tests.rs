//! The objective against its definition in f64, on every instruction set, in both forms.

use barlow_testing::fill;

use super::{BarlowTwins, ProductForm};
use crate::Isa;

const EPSILON: f64 = 1e-5;

/// Odd sizes, one image, one dimension, more and fewer images than dimensions, and depths beyond
/// one block.
const SHAPES: [[usize; 2]; 16] = [
    [1, 1],
    [1, 70],
    [2, 5],
    [3, 2],
    [5, 9],
    [7, 64],
    [12, 65],
    [33, 17],
    [64, 64],
    [65, 130],
    [100, 12],
    [259, 67],
    [66, 321],
    [300, 300],
    [70, 600],
    [530, 257],
];

struct Reference {
    terms: [f64; 2],
    diagonal: Vec<f64>,
    gradients: [Vec<f64>; 2],
}

fn standardised(rows: &[f64], [n, d]: [usize; 2]) -> (Vec<f64>, Vec<f64>) {
    let mut values = rows.to_vec();
    let mut scales = vec![0.0; d];
    for column in 0..d {
        let at = |row: usize| row * d + column;
        let mean = (0..n).map(|row| rows[at(row)]).sum::<f64>() / n as f64;
        let variance = (0..n).map(|row| (rows[at(row)] - mean).powi(2)).sum::<f64>() / n as f64;
        scales[column] = (variance + EPSILON).sqrt();
        for row in 0..n {
            values[at(row)] = (rows[at(row)] - mean) / scales[column];
        }
    }
    (values, scales)
}

/// `AᵀB / n`, the terms, and gradients through it, with no algebra but the chain rule.
fn reference(embeddings: &[Vec<f64>; 2], [n, d]: [usize; 2], lambda: f64) -> Reference {
    let [(a, scale_a), (b, scale_b)] = embeddings.each_ref().map(|rows| standardised(rows, [n, d]));
    let count = n as f64;
    let mut c = vec![0.0; d * d];
    for row in 0..n {
        for i in 0..d {
            for j in 0..d {
                c[i * d + j] += a[row * d + i] * b[row * d + j] / count;
            }
        }
    }
    let diagonal: Vec<f64> = (0..d).map(|i| c[i * d + i]).collect();
    let squares: f64 = c.iter().map(|c| c * c).sum();
    let terms = [
        diagonal.iter().map(|c| (c - 1.0).powi(2)).sum(),
        squares - diagonal.iter().map(|c| c * c).sum::<f64>(),
    ];
    for (at, c) in c.iter_mut().enumerate() {
        *c = if at / d == at % d { 2.0 * (*c - 1.0) } else { 2.0 * lambda * *c } / count;
    }
    let (mut of_a, mut of_b) = (vec![0.0; n * d], vec![0.0; n * d]);
    for row in 0..n {
        for i in 0..d {
            for j in 0..d {
                of_a[row * d + i] += c[i * d + j] * b[row * d + j];
                of_b[row * d + j] += c[i * d + j] * a[row * d + i];
            }
        }
    }
    let back = |gradient: Vec<f64>, own: &[f64], scale: &[f64]| -> Vec<f64> {
        let mean_with = |column: usize, other: &dyn Fn(usize) -> f64| {
            (0..n).map(|row| gradient[row * d + column] * other(row * d + column)).sum::<f64>()
                / count
        };
        let means: Vec<f64> = (0..d).map(|c| mean_with(c, &|_| 1.0)).collect();
        let along: Vec<f64> = (0..d).map(|c| mean_with(c, &|at| own[at])).collect();
        let at =
            |(at, g): (usize, &f64)| (g - means[at % d] - own[at] * along[at % d]) / scale[at % d];
        gradient.iter().enumerate().map(at).collect()
    };
    let gradients = [back(of_a, &a, &scale_a), back(of_b, &b, &scale_b)];
    Reference { terms, diagonal, gradients }
}

/// Two correlated embeddings with offsets.
fn pair([n, d]: [usize; 2]) -> [Vec<f32>; 2] {
    let a = fill(&format!("a/{n}/{d}"), n * d, -3.0, 4.0);
    let noise = fill(&format!("b/{n}/{d}"), n * d, -3.0, 3.0);
    let b = a.iter().zip(noise).map(|(a, noise)| 0.7 * a + 0.5 * noise).collect();
    [a, b]
}

fn exact(embeddings: &[Vec<f32>; 2]) -> [Vec<f64>; 2] {
    embeddings.each_ref().map(|rows| rows.iter().map(|&v| f64::from(v)).collect())
}

fn compute(
    isa: Isa,
    embeddings: &[Vec<f32>; 2],
    [n, d]: [usize; 2],
    lambda: f64,
    form: ProductForm,
) -> BarlowTwins {
    BarlowTwins::compute(isa, embeddings.clone(), n, d, lambda, EPSILON, form)
}

/// The largest difference as a share of the largest expected value (of at least `floor`).
fn error(found: impl IntoIterator<Item = f32>, expected: &[f64], floor: f64) -> f64 {
    let largest = expected.iter().fold(floor, |largest, e| largest.max(e.abs()));
    let found = found.into_iter();
    let differences = found.zip(expected).map(|(f, e)| (f64::from(f) - e).abs());
    differences.fold(0.0, |worst: f64, e| if e > worst || e.is_nan() { e } else { worst }) / largest
}

#[test]
fn loss_and_gradients_are_those_of_the_definition() {
    let mut failures = Vec::new();
    for shape in SHAPES {
        let embeddings = pair(shape);
        for lambda in [0.0, 0.0051, 0.5] {
            let expected = reference(&exact(&embeddings), shape, lambda);
            for isa in Isa::available() {
                for form in [ProductForm::Gram, ProductForm::Matrix] {
                    let found = compute(isa, &embeddings, shape, lambda, form);
                    let terms = [found.invariance_term, found.redundancy_reduction_term];
                    // A sum of squared correlations is known to rounding of the whole sum.
                    let scale = expected.terms[1] + shape[1] as f64;
                    let gradients = found.gradients.iter().zip(&expected.gradients);
                    let errors = [
                        (terms[0] - expected.terms[0]).abs() / scale,
                        (terms[1] - expected.terms[1]).abs() / scale,
                        error(found.diagonal.iter().copied(), &expected.diagonal, 1e-3),
                    ];
                    // Two images are ±1 in every column: what is left of the gradient is rounding.
                    let floor = if shape[0] <= 2 { 1.0 } else { 0.0 };
                    let gradient_errors: Vec<f64> =
                        gradients.map(|(f, e)| error(f.iter().copied(), e, floor)).collect();
                    let is_good = |allowed: f64| move |e: &f64| *e < allowed;
                    if !errors.iter().all(is_good(1e-6))
                        || !gradient_errors.iter().all(is_good(5e-6))
                    {
                        failures.push(format!(
                            "{isa} {form:?} {shape:?} λ {lambda}: {errors:?} {gradient_errors:?}"
                        ));
                    }
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_references_gradients_match_finite_differences() {
    const STEP: f64 = 1e-5;
    for shape in [[3, 2], [5, 9], [12, 12], [40, 7]] {
        let embeddings = exact(&pair(shape));
        let lambda = 0.5;
        let loss = |embeddings: &[Vec<f64>; 2]| {
            let [invariance, redundancy] = reference(embeddings, shape, lambda).terms;
            invariance + lambda * redundancy
        };
        let gradients = reference(&embeddings, shape, lambda).gradients;
        for (view, gradient) in gradients.iter().enumerate() {
            for at in (0..gradient.len()).step_by(5) {
                let moved = |step: f64| {
                    let mut moved = embeddings.clone();
                    moved[view][at] += step;
                    loss(&moved)
                };
                let expected = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
                assert!((gradient[at] - expected).abs() < 1e-7, "{shape:?} view {view} [{at}]");
            }
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    for shape in [[66, 1000], [600, 300], [2, 2048]] {
        let embeddings = pair(shape);
        for form in [ProductForm::Gram, ProductForm::Matrix] {
            let run = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let found = pool.install(|| compute(Isa::best(), &embeddings, shape, 0.0051, form));
                let terms = [found.invariance_term, found.redundancy_reduction_term];
                (terms.map(f64::to_bits), found.gradients.map(|gradient| bits(&gradient)))
            };
            let one = run(1);
            for threads in [2, 3, 5] {
                assert!(run(threads) == one, "{shape:?} {form:?}, {threads} threads");
            }
        }
    }
}

#[test]
fn a_large_offset_costs_no_more_than_its_own_rounding() {
    let shape = [50, 70];
    let offset = pair(shape).map(|rows| rows.iter().map(|v| v + 1000.0).collect::<Vec<f32>>());
    let expected = reference(&exact(&offset), shape, 0.0051);
    for isa in Isa::available() {
        let found = compute(isa, &offset, shape, 0.0051, ProductForm::Gram);
        assert!(error(found.gradients[0].iter().copied(), &expected.gradients[0], 0.0) < 5e-6);
    }
}

#[test]
fn variation_is_the_share_of_power_that_is_not_in_the_mean() {
    let same: Vec<f32> = (0..6).map(|at| (at % 2) as f32 + 1.0).collect();
    let opposite = vec![3.0, -2.0, -3.0, 2.0, 0.0, 0.0];
    for isa in Isa::available() {
        let found = compute(isa, &[same.clone(), opposite.clone()], [3, 2], 1.0, ProductForm::Gram);
        assert!(found.variation[0].abs() < 1e-12);
        assert!((found.variation[1] - 1.0).abs() < 1e-12);
        let zeros = compute(isa, &[vec![0.0; 6], vec![0.0; 6]], [3, 2], 1.0, ProductForm::Gram);
        assert!(zeros.variation.iter().all(|v| v.abs() < 1e-12));
        assert!(zeros.gradients.iter().flatten().all(|g| g.abs() < 1e-12));
    }
}

#[test]
fn a_value_that_is_no_number_makes_the_loss_none() {
    for isa in Isa::available() {
        for form in [ProductForm::Gram, ProductForm::Matrix] {
            let mut embeddings = pair([9, 70]);
            embeddings[1][300] = f32::NAN;
            let found = compute(isa, &embeddings, [9, 70], 0.0051, form);
            assert!(found.invariance_term.is_nan() && found.redundancy_reduction_term.is_nan());
        }
    }
}
