//! What is remembered, and health.

use barlow_testing::fill;
use burn::tensor::{Device, TensorData};

use super::*;

fn objective(forgetting: f64) -> CorInfoMax {
    let device = Device::flex();
    let scope = Scope { dim: 6, batch_size: 40, images: 40, classes: 0, seed: 0, device: &device };
    let mut constants = Constants::default();
    for (name, value) in [("alpha", 250.0), ("forgetting", forgetting), ("epsilon", 1e-8)] {
        constants.set(name, crate::ConstantValue::Number(value));
    }
    CorInfoMax::new(&constants, &scope)
}

fn views(step: u64) -> [ViewOutputs; 2] {
    ["a", "b"].map(|view| {
        let values = fill(&format!("{view}/{step}"), 40 * 6, -1.0, 1.0);
        let online = Tensor::from_data(TensorData::new(values, [40, 6]), &Device::flex());
        ViewOutputs { online: Some(online), ..ViewOutputs::default() }
    })
}

fn context(step: u64) -> StepContext<'static> {
    StepContext::on_one_rank(step, 10)
}

fn bits(tensors: &BTreeMap<String, Tensor<2>>) -> Vec<u64> {
    let values =
        tensors.values().flat_map(|t| t.clone().into_data().iter::<f64>().collect::<Vec<_>>());
    values.map(f64::to_bits).collect()
}

#[test]
fn evaluating_changes_nothing_and_a_step_moves_the_state_by_the_share_of_the_batch() {
    let mut objective = objective(0.3);
    let first = bits(&objective.state());
    objective.evaluate(&views(0), &context(0)).expect("one rank");
    assert_eq!(bits(&objective.state()), first);
    objective.after_step(&views(0), &context(0)).expect("one rank");
    let state = objective.state();
    let mean: Vec<f64> = state["mean_0"].clone().into_data().iter::<f64>().collect();
    let rows = views(0)[0].online().into_data().iter::<f64>().collect::<Vec<f64>>();
    for (column, found) in mean.iter().enumerate() {
        let of_row = |row: &[f64]| row[column] / row.iter().map(|v| v * v).sum::<f64>().sqrt();
        let expected = 0.7 * rows.chunks_exact(6).map(of_row).sum::<f64>() / 40.0;
        assert!((found - expected).abs() < 1e-7, "{found}, {expected}");
    }
    let trace: f64 = (0..6)
        .map(|i| state["covariance_1"].clone().into_data().iter::<f64>().nth(7 * i).expect("6×6"))
        .sum();
    // 0.3 of the identity's 6, and 0.7 of unit rows less their mean.
    assert!((1.8..=2.5).contains(&trace), "{trace}");
}

#[test]
fn a_run_that_takes_its_state_back_goes_on_bit_for_bit() {
    let mut whole = objective(0.3);
    for step in 0..4 {
        whole.after_step(&views(step), &context(step)).expect("one rank");
    }
    let mut resumed = objective(0.3);
    for step in 0..2 {
        resumed.after_step(&views(step), &context(step)).expect("one rank");
    }
    let state = resumed.state();
    let mut resumed = objective(0.3);
    resumed.restore(state);
    for step in 2..4 {
        resumed.after_step(&views(step), &context(step)).expect("one rank");
    }
    assert_eq!(bits(&resumed.state()), bits(&whole.state()));
    let loss = |objective: &CorInfoMax| objective.evaluate(&views(5), &context(5)).unwrap().loss;
    assert_eq!(loss(&resumed).to_bits(), loss(&whole).to_bits());
}

#[test]
fn directions_that_point_everywhere_have_nearly_the_largest_determinant_there_is() {
    let volume = |forgetting: f64, views: &[ViewOutputs]| {
        let evaluation = objective(forgetting).evaluate(views, &context(0)).expect("one rank");
        evaluation.measure("volume").expect("a reading")
    };
    // 40 images in 6 dimensions: chance correlations take about a tenth.
    let found = volume(0.0, &views(0));
    assert!((0.75..=1.0).contains(&found), "{found}");
    let same = Tensor::from_data(TensorData::new(vec![0.5_f32; 240], [40, 6]), &Device::flex());
    let same = ViewOutputs { online: Some(same), ..ViewOutputs::default() };
    // Nothing but the identity of before the first step, a hundredth of it, is left.
    let found = volume(0.01, &[same.clone(), same]);
    assert!((0.04..0.09).contains(&found), "{found}");
}

#[test]
fn an_embedding_that_is_not_finite_is_a_fault_and_no_number_is_nan() {
    let mut views = views(0);
    views[1].online = Some(views[1].online() * f32::NAN);
    let found = objective(0.01).evaluate(&views, &context(0)).expect("one rank");
    assert!(found.fault.is_some_and(|fault| fault.contains("not finite")));
    assert!(found.loss.is_finite());
    assert!(found.gradients.iter().all(|gradients| gradients.online.is_none()));
}

#[test]
fn directions_that_use_few_dimensions_are_found() {
    let of_batch = |batch_size, volume| Reading {
        batch_size,
        dim: 64,
        measures: [("volume".to_owned(), volume)].into(),
    };
    let reading = |volume| of_batch(256, volume);
    assert_eq!(objective(0.01).diagnose(&reading(0.2)), None);
    let few = of_batch(32, 0.0004);
    assert_eq!(objective(0.01).diagnose(&few), None, "32 images span 32 dimensions at most");
    assert!(objective(0.9).diagnose(&few).is_some(), "those of ten batches more");
    let finding = objective(0.01).diagnose(&reading(0.0004)).expect("a finding");
    assert_eq!(finding.verdict, Verdict::Redundant);
    for said in ["0.0004", "`objective.alpha` (now 250)"] {
        assert!(finding.reason.contains(said), "{}", finding.reason);
    }
}
