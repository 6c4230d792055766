use burn::tensor::Device;

use super::*;
use crate::constants::ConstantValue;
use crate::objective::Verdict;
use crate::registry::{ObjectiveConfig, ObjectiveError, Registry};

fn text(value: &'static str) -> ConstantValue {
    ConstantValue::Text(value.into())
}

fn create(
    constants: &[(&str, ConstantValue)],
    dim: usize,
) -> Result<Box<dyn Objective>, ObjectiveError> {
    let device = Device::flex();
    let scope = Scope { dim, batch_size: 8, images: 8, classes: 0, seed: 0, device: &device };
    let mut config = ObjectiveConfig::default();
    for (name, value) in constants {
        config.constants.set(name, value.clone());
    }
    Registry::default().create(&config, &scope)
}

#[test]
fn constants_that_contradict_each_other_or_do_nothing_are_refused() {
    let (yes, number) = (ConstantValue::Boolean(true), ConstantValue::Number);
    let entropies = ("loss", text("cross-entropy"));
    for (constants, dim, key) in [
        (vec![("temperature", number(0.2))], 8, "temperature"),
        (vec![entropies.clone(), ("redundancy", text("auto"))], 8, "redundancy"),
        (vec![entropies.clone()], 1, "loss"),
        (vec![("predictor", text("16-9"))], 8, "predictor"),
        (vec![("target_momentum", number(0.9))], 8, "target_momentum"),
        (
            vec![("averaged_target", yes.clone()), ("stop_gradient", yes.clone())],
            8,
            "stop_gradient",
        ),
    ] {
        let Err(ObjectiveError::Unfit(Unfit::Key { key: found, .. })) = create(&constants, dim)
        else {
            panic!("{constants:?} is not refused");
        };
        assert_eq!(found, format!("objective.{key}"));
    }
    let fits = [entropies, ("temperature", number(0.2)), ("predictor", text("16-8"))];
    assert!(create(&fits, 8).is_ok());
}

#[test]
fn only_the_plain_form_takes_more_than_two_views() {
    assert!(create(&[], 8).unwrap().needs().check_views(6).is_ok());
    let needs = create(&[("normalization", text("features"))], 8).unwrap().needs();
    assert!(needs.check_views(2).is_ok());
    let refusal = needs.check_views(3).unwrap_err().to_string();
    assert!(refusal.contains("`views.small_views` must be 0"), "{refusal}");
}

#[test]
fn an_averaged_network_keeps_the_stated_share() {
    let context = StepContext::on_one_rank(5, 10);
    let yes = ("averaged_target", ConstantValue::Boolean(true));
    let half = ("target_momentum", ConstantValue::Number(0.5));
    let momentum = |constants: &[_]| create(constants, 8).unwrap().target_momentum(&context);
    assert!((momentum(&[yes.clone(), half]) - 0.5).abs() < 1e-12);
    assert!((momentum(&[yes]) - 0.99).abs() < 1e-12);
}

fn reading(measures: [(&str, f64); 2]) -> Reading {
    let measures = measures.map(|(name, value)| (name.to_owned(), value)).into();
    Reading { batch_size: 8, dim: 8192, measures }
}

#[test]
fn views_without_anything_in_common_are_collapsed_while_images_differ() {
    let only_redundancy = create(&[("invariance_weight", ConstantValue::Number(0.0))], 8).unwrap();
    let lost = reading([("mean_diagonal", 0.05), ("rms_off_diagonal", 0.05)]);
    let finding = only_redundancy.diagnose(&lost).expect("a finding");
    assert_eq!(finding.verdict, Verdict::Collapsed);
    for words in ["correlate by only 0.05 on average", "raise `objective.invariance_weight`"] {
        assert!(finding.reason.contains(words), "{words}: {}", finding.reason);
    }
    let evaluation = |agreement| Evaluation {
        measures: vec![("mean_diagonal", agreement), ("variation", 0.9)],
        ..Evaluation::default()
    };
    assert!(only_redundancy.has_collapsed(&evaluation(0.05)));
    assert!(!only_redundancy.has_collapsed(&evaluation(0.5)));
    // Where an invariance term asks for agreement, an untrained network has time to find it.
    let ordinary = create(&[("invariance_weight", ConstantValue::Number(0.5))], 8).unwrap();
    assert!(!ordinary.has_collapsed(&evaluation(0.0)));
}

#[test]
fn a_small_batch_is_judged_by_the_ratio_of_the_weights_and_only_where_chance_has_a_price() {
    let healthy = reading([("mean_diagonal", 0.8), ("rms_off_diagonal", 0.1)]);
    let verdict = |constants: &[_]| create(constants, 8).unwrap().diagnose(&healthy);
    let halved = verdict(&[("invariance_weight", ConstantValue::Number(0.5))]).expect("a finding");
    assert_eq!(halved.verdict, Verdict::BatchTooSmall);
    // λ / w = 0.0102: 0.0102 · 8192 images, 8 / 0.0102 dimensions.
    for number in ["can (4096)", "at least 84 images", "at most 784"] {
        assert!(halved.reason.contains(number), "{number}: {}", halved.reason);
    }
    for constants in [
        &[("normalization", text("none"))][..],
        &[("loss", text("cross-entropy"))],
        &[("invariance_weight", ConstantValue::Number(0.0))],
    ] {
        assert_eq!(verdict(constants), None, "{constants:?}");
    }
}
