//! `objective`: loss and gradients of given embeddings.

mod reference;

use std::hint::black_box;

use anyhow::ensure;
use barlow_kernels::{BarlowTwins, Isa, ProductForm};
use barlow_random::Key;

use crate::arguments::{Options, Selection};
use crate::work::{Claim, Precision, Repeat, Work, time_ours};
use reference::Embeddings;

/// λ and the ε of the standardisation: official main.py.
const LAMBDA: f64 = 0.0051;
const EPSILON: f64 = 1e-5;

/// Largest deviation of a gradient from its f64 reference, as a share of the column's largest: f32
/// products of some thousand terms.
const TOLERANCE: f64 = 1e-4;

/// Barlow Twins for two `[n, d]` embeddings, against the official d×d form.
pub(crate) const WORKS: [Work; 2] = [
    Work {
        name: "objective-n256-d8192",
        images: 256,
        peer: &["objective.py", "--batch=256", "--dim=8192"],
        claims: &[Claim { precision: Precision::F32, against: "f32", at_least: 40.0, aim: 80.0 }],
        prepare: Some(prepare::<256, 8192>),
    },
    Work {
        name: "objective-n2048-d8192",
        images: 2048,
        peer: &["objective.py", "--batch=2048", "--dim=8192"],
        claims: &[Claim { precision: Precision::F32, against: "f32", at_least: 4.0, aim: 8.0 }],
        prepare: Some(prepare::<2048, 8192>),
    },
];

/// Times ours.
pub(crate) fn run(selection: &Selection, options: &Options) -> anyhow::Result<()> {
    time_ours(&WORKS, selection, options)
}

/// Draws embeddings and verifies the gradients of their first, middle and last column; the loss is
/// f32 in every precision.
fn prepare<const N: usize, const D: usize>(_: Precision) -> anyhow::Result<Repeat> {
    let embeddings = draw(N, D);
    verify(&embeddings, &evaluate(&embeddings, N, D), N, D)?;
    Ok(Box::new(move || {
        black_box(evaluate(&embeddings, N, D));
    }))
}

/// Two embeddings that agree in part.
fn draw(n: usize, d: usize) -> [Vec<f32>; 2] {
    let mut stream = Key::default().stream();
    let a: Vec<f32> = (0..n * d).map(|_| stream.uniform(-1.0, 1.0) as f32).collect();
    let b = a.iter().map(|&a| 0.7 * a + stream.uniform(-0.5, 0.5) as f32).collect();
    [a, b]
}

fn evaluate(embeddings: &[Vec<f32>; 2], n: usize, d: usize) -> BarlowTwins {
    let form = if n <= d { ProductForm::Gram } else { ProductForm::Matrix };
    let [a, b] = embeddings;
    BarlowTwins::compute(Isa::best(), [a.clone(), b.clone()], n, d, LAMBDA, EPSILON, form)
}

/// # Errors
/// If a gradient is not that of the definition.
fn verify([a, b]: &[Vec<f32>; 2], found: &BarlowTwins, n: usize, d: usize) -> anyhow::Result<()> {
    let [a, b] = [Embeddings::new(a, n, d, EPSILON), Embeddings::new(b, n, d, EPSILON)];
    for (own, other, gradient) in [(&a, &b, &found.gradients[0]), (&b, &a, &found.gradients[1])] {
        for column in [0, d / 2, d - 1] {
            let expected = own.gradient(other, column, LAMBDA);
            let largest = expected.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
            for (row, expected) in expected.iter().enumerate() {
                let found = f64::from(gradient[row * d + column]);
                ensure!(
                    (found - expected).abs() <= TOLERANCE * largest,
                    "gradient of row {row}, column {column}: {found:e}, expected {expected:e}"
                );
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_answer_passes_and_a_wrong_one_does_not() {
        for (n, d) in [(12, 40), (40, 12), (33, 130)] {
            let embeddings = draw(n, d);
            let mut found = evaluate(&embeddings, n, d);
            verify(&embeddings, &found, n, d).unwrap();
            found.gradients[1][d - 1] *= 1.01;
            found.gradients[1][d - 1] += 1e-3;
            verify(&embeddings, &found, n, d).unwrap_err();
        }
    }

    #[test]
    fn the_reference_matches_finite_differences() {
        let (n, d) = (7, 5);
        let [a, b] = draw(n, d);
        let loss = |a: &[f32]| {
            let a = Embeddings::new(a, n, d, EPSILON);
            a.loss(&Embeddings::new(&b, n, d, EPSILON), LAMBDA)
        };
        let view_b = Embeddings::new(&b, n, d, EPSILON);
        for column in 0..d {
            let gradient = Embeddings::new(&a, n, d, EPSILON).gradient(&view_b, column, LAMBDA);
            for row in 0..n {
                let (mut above, mut below) = (a.clone(), a.clone());
                above[row * d + column] += 1e-3;
                below[row * d + column] -= 1e-3;
                let at = row * d + column;
                let step = f64::from(above[at]) - f64::from(below[at]);
                let slope = (loss(&above) - loss(&below)) / step;
                assert!((slope - gradient[row]).abs() < 1e-4, "{slope}, {}", gradient[row]);
            }
        }
    }
}
