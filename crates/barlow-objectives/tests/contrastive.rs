//! What contrastive and predictive objectives say of outputs whose answer is known beforehand.

use barlow_objectives::{
    ConstantValue, Evaluation, Objective, ObjectiveConfig, ObjectiveError, Reading, Registry,
    Scope, StepContext, Unfit, Verdict, ViewOutputs,
};
use burn::tensor::{Device, Tensor, TensorData};

const IMAGES: usize = 8;
const DIM: usize = 16;

fn create(
    name: &str,
    constants: &[(&str, ConstantValue)],
) -> Result<Box<dyn Objective>, ObjectiveError> {
    let mut config = ObjectiveConfig { name: name.to_owned(), ..ObjectiveConfig::default() };
    for (constant, value) in constants {
        config.constants.set(constant, value.clone());
    }
    let device = Device::flex();
    let scope = Scope {
        dim: DIM,
        batch_size: IMAGES,
        images: IMAGES,
        classes: 0,
        seed: 0,
        device: &device,
    };
    Registry::default().create(&config, &scope)
}

fn predictor() -> (&'static str, ConstantValue) {
    ("predictor", ConstantValue::Text("4-16".into()))
}

/// Image `i` of a view points along axis `first + i`, three units long.
fn axes(first: usize) -> ViewOutputs {
    let at = |place: usize| if place % DIM == place / DIM + first { 3.0 } else { 0.0 };
    all_kinds((0..IMAGES * DIM).map(at).collect())
}

/// Every image along one direction, of lengths that differ.
fn one_way() -> ViewOutputs {
    all_kinds((0..IMAGES * DIM).map(|place| 1.0 + (place / DIM) as f32).collect())
}

fn all_kinds(values: Vec<f32>) -> ViewOutputs {
    let rows: Tensor<2> =
        Tensor::from_data(TensorData::new(values, [IMAGES, DIM]), &Device::flex());
    ViewOutputs { online: Some(rows.clone()), prediction: Some(rows.clone()), target: Some(rows) }
}

fn evaluate(objective: &dyn Objective, views: &[ViewOutputs]) -> Evaluation {
    let context = StepContext::on_one_rank(0, 1);
    objective.evaluate(views, &context).expect("one rank")
}

fn reading(found: &Evaluation) -> Reading {
    let measures = found.measures.iter().map(|&(name, value)| (name.to_owned(), value));
    Reading { batch_size: IMAGES, dim: DIM, measures: measures.collect() }
}

#[test]
fn embeddings_at_right_angles_have_the_loss_of_a_guess() {
    let n = IMAGES as f64;
    for (name, expected) in [
        ("simclr", (2.0 * n - 1.0).ln()),
        ("infonce", (n - 1.0).ln()),
        ("byol", 4.0),
        ("simsiam", 0.0),
    ] {
        let constants =
            if name == "byol" || name == "simsiam" { vec![predictor()] } else { vec![] };
        let objective = create(name, &constants).expect("one that fits");
        let found = evaluate(&*objective, &[axes(0), axes(IMAGES)]);
        assert!((found.loss - expected).abs() < 1e-5, "{name}: {}, {expected}", found.loss);
    }
}

#[test]
fn equal_views_at_right_angles_to_others_have_the_loss_of_the_right_answer() {
    let n = IMAGES as f64;
    for (name, expected) in [
        // One answer at 1/T, 2n - 2 at 0.
        ("simclr", (1.0 + (2.0 * n - 2.0) * (-1.0_f64 / 0.2).exp()).ln()),
        ("infonce", -10.0 + (n - 1.0).ln()),
        ("byol", 0.0),
        ("simsiam", -1.0),
    ] {
        let constants =
            if name == "byol" || name == "simsiam" { vec![predictor()] } else { vec![] };
        let objective = create(name, &constants).expect("one that fits");
        let found = evaluate(&*objective, &[axes(0), axes(0)]);
        assert!((found.loss - expected).abs() < 1e-5, "{name}: {}, {expected}", found.loss);
        if let Some(accuracy) = found.measure("accuracy") {
            assert!((accuracy - 1.0).abs() < 1e-12, "{name}: {accuracy}");
        }
        assert!(!objective.has_collapsed(&found), "{name}");
    }
}

#[test]
fn outputs_that_all_point_one_way_are_found_out_whatever_their_lengths() {
    for name in ["byol", "simsiam"] {
        let objective = create(name, &[predictor()]).expect("one that fits");
        let found = evaluate(&*objective, &[one_way(), one_way()]);
        assert!(found.measure("spread").expect("a measure") < 1e-6);
        assert!(found.measure("variation").expect("a measure") > 0.1, "lengths differ");
        assert!(objective.has_collapsed(&found), "{name}");
        let finding = objective.diagnose(&reading(&found)).expect("a finding");
        assert_eq!(finding.verdict, Verdict::Collapsed, "{name}");
        assert!(finding.reason.contains("0.000 of what independent"), "{}", finding.reason);
    }
}

#[test]
fn outputs_on_one_line_are_found_out_though_they_are_centred() {
    // Half of the images one way and half the other: deviations are those of independent dimensions.
    let sign = |place: usize| if (place / DIM).is_multiple_of(2) { 1.0 } else { -1.0 };
    let view = all_kinds((0..IMAGES * DIM).map(sign).collect());
    for name in ["byol", "simsiam"] {
        let objective = create(name, &[predictor()]).expect("one that fits");
        let found = evaluate(&*objective, &[view.clone(), view.clone()]);
        let measure = |name| found.measure(name).expect("a measure");
        assert!((measure("spread") - 1.0).abs() < 1e-6 && measure("variation") > 0.99);
        assert!((measure("directions") - 1.0).abs() < 1e-6, "{}", measure("directions"));
        assert!(objective.has_collapsed(&found), "{name}");
        let finding = objective.diagnose(&reading(&found)).expect("a finding");
        assert_eq!(finding.verdict, Verdict::Collapsed, "{name}");
        assert!(finding.reason.contains("along 1.0 of 16 directions"), "{}", finding.reason);
        // Images at right angles lie in as many directions as there are, less their mean.
        let found = evaluate(&*objective, &[axes(0), axes(0)]);
        let directions = found.measure("directions").expect("a measure");
        assert!((directions - (IMAGES - 1) as f64).abs() < 1e-5, "{directions}");
    }
}

#[test]
fn spread_is_one_for_independent_centred_dimensions() {
    // Both signs of every axis: centred, each dimension with the deviation sqrt(1/d).
    let sign = |place: usize| if place < IMAGES / 2 * DIM { 1.0 } else { -1.0 };
    let on = |place: usize| (place % DIM) % (IMAGES / 2) == (place / DIM) % (IMAGES / 2);
    let values = (0..IMAGES * DIM).map(|place| if on(place) { sign(place) } else { 0.0 });
    let view = all_kinds(values.collect());
    let objective = create("simsiam", &[predictor()]).expect("one that fits");
    let found = evaluate(&*objective, &[view.clone(), view]);
    let spread = found.measure("spread").expect("a measure");
    assert!((spread - 1.0).abs() < 1e-6, "{spread}");
}

#[test]
fn small_views_are_predicted_from_and_never_predicted() {
    for name in ["byol", "simsiam"] {
        let objective = create(name, &[predictor()]).expect("one that fits");
        // The third view lies at right angles to the large ones, which are equal: pairs (0, 1) and
        // (1, 0) agree, (2, 0) and (2, 1) do not.
        let found = evaluate(&*objective, &[axes(0), axes(0), axes(IMAGES)]);
        let expected = if name == "byol" { 2.0 } else { -0.5 };
        assert!((found.loss - expected).abs() < 1e-5, "{name}: {}", found.loss);
        assert_eq!(found.gradients.len(), 3);
    }
}

#[test]
fn a_predictor_of_another_length_is_refused() {
    for name in ["byol", "simsiam"] {
        for widths in ["", "16-8"] {
            let constants = [("predictor", ConstantValue::Text(widths.into()))];
            match create(name, &constants).map(|objective| objective.name()) {
                Err(ObjectiveError::Unfit(Unfit::Key { key, allowed })) => {
                    assert_eq!(key, "objective.predictor");
                    assert!(allowed.contains("16"), "{allowed}");
                }
                other => panic!("{name} {widths}: {other:?}"),
            }
        }
    }
}

#[test]
fn byols_average_slows_down_to_a_stop() {
    let objective = create("byol", &[predictor()]).expect("one that fits");
    let momentum = |step| {
        let context = StepContext::on_one_rank(step, 100);
        objective.target_momentum(&context)
    };
    for (step, expected) in [(0, 0.99), (50, 0.995), (100, 1.0)] {
        assert!((momentum(step) - expected).abs() < 1e-12, "{step}: {}", momentum(step));
    }
}
