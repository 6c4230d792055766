//! Slices: against PyTorch in f64, their order, and what cannot be whitened.

use barlow_testing::{Fixture, fill};
use burn::tensor::{Device, Tensor, TensorData};

use super::*;

fn fixture_views(fixture: &Fixture) -> Vec<DMatrix<f64>> {
    let view = |view: usize| {
        let (shape, values) = fixture.array(&format!("view_{view}.online"));
        DMatrix::from_vec(shape[1], shape[0], values)
    };
    (0..2).map(view).collect()
}

#[test]
fn slices_of_a_batch_give_the_loss_and_gradients_of_pytorch() {
    for case in ["slices", "slices_remainder"] {
        let fixture = Fixture::open(&format!("objectives/w-mse-{case}"));
        let permutation = fixture.parameter("permutation").as_array().expect("a list");
        let order: Vec<usize> = permutation.iter().map(|p| p.as_u64().unwrap() as usize).collect();
        let objective = WMse { slice: 16, epsilon: 0.0 };
        let slices: Vec<Vec<usize>> = order.chunks_exact(16).map(<[usize]>::to_vec).collect();
        let found = objective.agreement(&fixture_views(&fixture), &slices).expect("regular slices");
        fixture.assert_close("loss", [found.loss]);
        for (view, gradient) in found.gradients.iter().enumerate() {
            fixture.assert_close(&format!("gradient.view_{view}.online"), gradient.iter().copied());
        }
    }
}

fn context(seed: u64, step: u64) -> StepContext<'static> {
    StepContext { seed, ..StepContext::on_one_rank(step, 10) }
}

#[test]
fn slices_are_disjoint_drawn_anew_each_step_and_the_same_for_the_same_step() {
    let objective = WMse { slice: 16, epsilon: 0.0 };
    let slices = objective.slices(50, &context(0, 3));
    assert_eq!(slices.iter().map(Vec::len).collect::<Vec<_>>(), [16; 3]);
    let mut images = slices.concat();
    images.sort_unstable();
    images.dedup();
    assert_eq!(images.len(), 48);
    assert!(images.last().is_some_and(|&last| last < 50));
    assert_eq!(slices, objective.slices(50, &context(0, 3)));
    assert_ne!(slices, objective.slices(50, &context(0, 4)));
    assert_ne!(slices, objective.slices(50, &context(1, 3)));
}

fn create(dim: usize, batch_size: usize, slice: i64, epsilon: f64) -> Result<(), String> {
    let device = Device::flex();
    let scope = Scope { dim, batch_size, images: 1000, classes: 0, seed: 0, device: &device };
    let mut constants = Constants::default();
    constants.set("slice", crate::ConstantValue::Integer(slice));
    constants.set("epsilon", crate::ConstantValue::Number(epsilon));
    (ENTRY.create)(&constants, &scope).map(drop).map_err(|unfit| unfit.to_string())
}

#[test]
fn slices_that_are_no_wider_than_the_embedding_or_wider_than_the_batch_are_refused() {
    assert_eq!(create(64, 256, 128, 0.0), Ok(()));
    assert_eq!(create(64, 128, 128, 0.0), Ok(()));
    assert_eq!(create(64, 256, 65, 0.0), Ok(()));
    assert_eq!(create(64, 256, 64, 0.1), Ok(()));
    let refusal = create(64, 256, 64, 0.0).unwrap_err();
    assert!(refusal.starts_with("`objective.slice` must be above 64, "), "{refusal}");
    assert!(refusal.contains("`objective.epsilon` above 0"), "{refusal}");
    let refusal = create(16, 100, 101, 0.1).unwrap_err();
    assert_eq!(refusal, "`objective.slice` must be at most 100, the images in a batch");
}

/// Views of 40 images with 6 dimensions, of which view 1 is changed.
fn evaluated(change: impl Fn(&mut [f32])) -> Evaluation {
    let view = |name: &str, change: &dyn Fn(&mut [f32])| {
        let mut values = fill(name, 40 * 6, -1.0, 1.0);
        change(&mut values);
        let online = Tensor::from_data(TensorData::new(values, [40, 6]), &Device::flex());
        ViewOutputs { online: Some(online), ..ViewOutputs::default() }
    };
    let views = [view("a", &|_| {}), view("b", &change)];
    let objective = WMse { slice: 20, epsilon: 0.0 };
    objective.evaluate(&views, &context(0, 0)).expect("one rank")
}

#[test]
fn a_slice_that_cannot_be_whitened_is_a_fault_that_says_what_to_do_and_no_number_is_nan() {
    type Spoil = fn(&mut [f32]);
    let cases: [(Spoil, &str); 3] = [
        (|values| values.fill(1.0), "fewer than 6 dimensions"),
        (|values| values.iter_mut().step_by(6).for_each(|v| *v = 1e3), "view 1 in slice 1 of 2"),
        (|values| values[77] = f32::NAN, "not finite"),
    ];
    for (spoil, said) in cases {
        let evaluation = evaluated(spoil);
        let fault = evaluation.fault.expect("a fault");
        assert!(fault.contains(said), "{fault}");
        assert!(evaluation.loss.is_finite());
        assert!(evaluation.gradients.iter().all(|gradients| gradients.online.is_none()));
    }
    assert_eq!(evaluated(|_| {}).fault, None);
}

#[test]
fn views_that_have_nothing_in_common_have_a_loss_of_two() {
    // The cosine of two random directions in 6 dimensions deviates by 1/√6; the mean of 40 by 0.065.
    let loss = evaluated(|_| {}).loss;
    assert!((loss - 2.0).abs() < 0.4, "{loss}");
}

#[test]
fn the_loss_ignores_affine_maps_of_the_embeddings_that_whitening_undoes() {
    // Scaling dimensions and moving them does not turn the axes that Cholesky's factor keeps.
    let moved = |values: &mut [f32]| {
        for row in values.chunks_exact_mut(6) {
            row.iter_mut()
                .zip([1.0, 2.0, 0.5, 3.0, 8.0, 0.25])
                .for_each(|(v, s)| *v = *v * s + 0.5);
        }
    };
    let (first, second) = (evaluated(|_| {}).loss, evaluated(moved).loss);
    // Rounding of the moved embeddings to f32.
    assert!((first - second).abs() < 1e-5, "{first}, {second}");
}

#[test]
fn dimensions_that_follow_from_others_are_found() {
    let objective = WMse { slice: 128, epsilon: 0.0 };
    let reading = |pivot| Reading {
        batch_size: 128,
        dim: 64,
        measures: [("smallest_pivot".to_owned(), pivot)].into(),
    };
    assert_eq!(objective.diagnose(&reading(0.1)), None);
    let finding = objective.diagnose(&reading(1e-9)).expect("a finding");
    assert_eq!(finding.verdict, Verdict::Redundant);
    for said in ["1.0e-9", "fewer than 64", "`objective.epsilon` (now 0)"] {
        assert!(finding.reason.contains(said), "{}", finding.reason);
    }
}
