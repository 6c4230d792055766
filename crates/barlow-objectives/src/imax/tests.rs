//! Values that follow from the formula, and health.

use barlow_testing::fill;
use burn::tensor::{Device, TensorData};

use super::*;

fn evaluated(values: [Vec<f32>; 2], delta: f64) -> Evaluation {
    let views = values.map(|values| {
        let shape = [values.len() / 6, 6];
        let online = Tensor::from_data(TensorData::new(values, shape), &Device::flex());
        ViewOutputs { online: Some(online), ..ViewOutputs::default() }
    });
    let context = StepContext::on_one_rank(0, 1);
    Imax { delta }.evaluate(&views, &context).expect("one rank")
}

fn view(name: &str) -> Vec<f32> {
    fill(name, 3000 * 6, -1.0, 1.0)
}

#[test]
fn identical_views_differ_by_delta_alone() {
    let found = evaluated([view("a"), view("a")], 0.01);
    let [difference, sum] = [0, 1].map(|term| found.terms[term].1);
    assert!((difference - 6.0 * 0.01_f64.ln()).abs() < 1e-9, "{difference}");
    // 3000 uncorrelated images: twice a standardised dimension has variance 4, and correlations of
    // 1/√3000 take d(d-1)/2 / 3000 = 0.005 from the determinant.
    assert!((sum - 6.0 * 4.01_f64.ln()).abs() < 0.03, "{sum}");
    assert!(found.measure("volume").is_some_and(|volume| (0.97..1.01).contains(&volume)));
    assert!(found.measure("mean_diagonal").is_some_and(|mean| (mean - 1.0).abs() < 1e-4));
}

#[test]
fn views_with_nothing_in_common_have_a_loss_of_zero() {
    // Sum and difference have the same distribution; the loss deviates by sqrt(4 d / n) = 0.09.
    let loss = evaluated([view("a"), view("b")], 0.01).loss;
    assert!(loss.abs() < 0.35, "{loss}");
}

#[test]
fn an_embedding_that_is_not_finite_is_a_fault_and_no_number_is_nan() {
    let mut spoilt = view("b");
    spoilt[100] = f32::INFINITY;
    let found = evaluated([view("a"), spoilt], 0.01);
    assert!(found.fault.is_some_and(|fault| fault.contains("not finite")));
    assert!(found.loss.is_finite());
    assert!(found.gradients.iter().all(|gradients| gradients.online.is_none()));
}

#[test]
fn crowded_dimensions_and_small_batches_are_found() {
    let objective = Imax { delta: 0.01 };
    let reading = |batch_size, volume| Reading {
        batch_size,
        dim: 64,
        measures: [("volume".to_owned(), volume)].into(),
    };
    assert_eq!(objective.diagnose(&reading(128, 0.3)), None);
    let finding = objective.diagnose(&reading(128, 0.004)).expect("a finding");
    assert_eq!(finding.verdict, Verdict::Redundant);
    assert!(finding.reason.contains("0.004"), "{}", finding.reason);
    let finding = objective.diagnose(&reading(64, 0.3)).expect("a finding");
    assert_eq!(finding.verdict, Verdict::BatchTooSmall);
    for said in ["64 images", "at most 63", "128 images or more", "at most 32 dimensions"] {
        assert!(finding.reason.contains(said), "{}", finding.reason);
    }
    assert_eq!(objective.diagnose(&reading(128, 0.3)), None, "the advice helps");
}
