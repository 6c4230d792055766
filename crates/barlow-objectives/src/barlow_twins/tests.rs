//! Kernels and operations say the same.

use barlow_testing::fill;
use burn::tensor::{Device, Tensor, TensorData};

use super::CrossCorrelationForm::{Gram, Matrix};
use super::{kernels, operations};

fn embeddings([n, d]: [usize; 2]) -> [Tensor<2>; 2] {
    let a = fill(&format!("bodies/a/{n}/{d}"), n * d, -3.0, 4.0);
    let noise = fill(&format!("bodies/b/{n}/{d}"), n * d, -3.0, 3.0);
    let b = a.iter().zip(noise).map(|(a, noise)| 0.7 * a + 0.5 * noise).collect();
    [a, b].map(|rows| Tensor::from_data(TensorData::new(rows, [n, d]), &Device::flex()))
}

fn values(tensor: &Tensor<2>) -> Vec<f64> {
    tensor.clone().into_data().iter::<f64>().collect()
}

/// The largest difference, as a share of the largest expected value.
fn error(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0_f64, |largest, e| largest.max(e.abs()));
    let differences = found.iter().zip(expected).map(|(f, e)| (f - e).abs());
    differences.fold(0.0, |worst: f64, e| if e > worst || e.is_nan() { e } else { worst }) / largest
}

#[test]
fn kernels_and_operations_agree() {
    let mut failures = Vec::new();
    for shape in [[3, 2], [5, 9], [33, 17], [64, 64], [66, 321], [259, 67], [256, 1000]] {
        for (form, lambda) in [(Gram, 0.0051), (Matrix, 0.0051), (Gram, 0.5), (Matrix, 0.5)] {
            assert!(kernels::serve(&embeddings(shape)));
            let found = kernels::loss(lambda, embeddings(shape), form);
            let expected = operations::loss(lambda, embeddings(shape), form);
            let mut errors = vec![
                error(&[found.loss], &[expected.loss]),
                error(&[found.variation], &[expected.variation]),
                error(&values(&found.diagonal), &values(&expected.diagonal)),
            ];
            let gradients = found.gradients.iter().zip(&expected.gradients);
            errors.extend(gradients.map(|(f, e)| error(&values(f), &values(e))));
            // f32 rounding of sums over n and d, in two orders.
            if !errors.iter().all(|&e| e < 1e-5) {
                failures.push(format!("{shape:?} {form:?} λ {lambda}: {errors:?}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn views_of_larger_tensors_are_read_where_they_lie() {
    let [a, b] = embeddings([12, 20]);
    let part = |x: &Tensor<2>| x.clone().slice([3..10, 4..17]);
    let copied = |x: &Tensor<2>| Tensor::from_data(part(x).into_data(), &x.device());
    let found = kernels::loss(0.1, [part(&a), part(&b)], Gram);
    let expected = kernels::loss(0.1, [copied(&a), copied(&b)], Gram);
    assert!((found.loss - expected.loss).abs() < 1e-12);
}

#[test]
fn kernels_leave_graphs_and_empty_embeddings_to_the_operations() {
    let autodiff = embeddings([4, 4]).map(Tensor::autodiff);
    assert!(!kernels::serve(&autodiff));
    let empty = [0, 1].map(|_| Tensor::<2>::zeros([0, 4], &Device::flex()));
    assert!(!kernels::serve(&empty));
}

#[test]
fn the_loss_of_four_views_has_the_slope_that_its_gradients_say() {
    let objective = super::BarlowTwins::new(0.05);
    let [n, d] = [9, 6];
    let rows: Vec<Vec<f32>> =
        (0..4).map(|view| fill(&format!("view {view}"), n * d, -2.0, 2.0)).collect();
    let tensor =
        |rows: &Vec<f32>| Tensor::from_data(TensorData::new(rows.clone(), [n, d]), &Device::flex());
    let tensors = |rows: &[Vec<f32>]| -> Vec<Tensor<2>> { rows.iter().map(tensor).collect() };
    let result = objective.loss_of_views(&tensors(&rows));
    let pairs = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3)];
    let views = tensors(&rows);
    let of_pairs = pairs.map(|(a, b)| objective.loss([views[a].clone(), views[b].clone()], Gram));
    let mean = of_pairs.iter().map(|pair| pair.loss).sum::<f64>() / 5.0;
    assert!((result.loss - mean).abs() < 1e-6 * mean, "{} and {mean}", result.loss);
    for view in 0..4 {
        let direction = fill(&format!("direction {view}"), n * d, -1.0, 1.0);
        let along = |step: f32| {
            let mut rows = rows.clone();
            rows[view].iter_mut().zip(&direction).for_each(|(v, d)| *v += step * d);
            objective.loss_of_views(&tensors(&rows)).loss
        };
        let slope = (along(1e-2) - along(-1e-2)) / 2e-2;
        let gradient = values(&result.gradients[view]);
        let expected: f64 = gradient.iter().zip(&direction).map(|(g, &d)| g * f64::from(d)).sum();
        // Central differences in f32: a rounding of 1e-6 over a step of 1e-2, and its square.
        assert!((slope - expected).abs() < 2e-3 * expected.abs().max(1.0), "{slope}, {expected}");
    }
}
