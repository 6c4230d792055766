//! SVMs against scikit-learn, and what does not depend on scikit-learn.

use barlow_testing::{Fixture, fill};

use super::*;
use crate::average_precision::average_precisions;
use crate::linear::tests::overlapping;

const CLASSES: usize = 4;

/// Labels of several classes for [`overlapping`] images, as `reference/evaluation.py` makes them.
fn several(name: &str, n: usize) -> Vec<i8> {
    let noise = fill(&format!("evaluation/{name}/labels"), n * CLASSES, 0.0, 1.0);
    let label = |(at, noise): (usize, &f32)| {
        let (own, class) = (at / CLASSES % 8, at % CLASSES);
        let label = if own == class || own == class + 1 { 1 } else { -1 };
        match noise {
            ..0.1 => -label,
            noise if *noise > 0.95 => 0,
            _ => label,
        }
    };
    noise.iter().enumerate().map(label).collect()
}

#[test]
fn svms_costs_and_precisions_are_scikit_learns() {
    let fixture = Fixture::open("evaluation/svm");
    let (train, test) = (overlapping("train", 600, 32, 8), overlapping("test", 400, 32, 8));
    let (labels, truth) = (several("train", 600), several("test", 400));
    let costs = fixture.array("costs").1;
    let config = SvmConfig {
        costs: costs.clone(),
        tolerance: 1e-8,
        most_passes: 100_000,
        ..SvmConfig::default()
    };
    let outcome = train_svm(&train, &labels, CLASSES, &config).unwrap();
    let scores = outcome.classifier.scores(&test.normalised()).unwrap();
    let found =
        average_precisions(&scores, &truth, CLASSES, PrecisionRule::EveryThreshold).unwrap();
    for class in 0..CLASSES {
        let folds = fixture.array(&format!("{class}/folds")).1;
        let pairs = outcome.fold_precisions[class].iter().zip(&folds);
        // f32 rows may swap two images of nearly the same score.
        assert!(
            pairs.clone().all(|(f, e)| (f - e).abs() < 1e-3),
            "{:?}",
            pairs.collect::<Vec<_>>()
        );
        let row = &outcome.classifier.weights[class * 32..(class + 1) * 32];
        let weights = row.iter().chain([&outcome.classifier.bias[class]]);
        fixture.assert_close(&format!("{class}/weights"), weights.map(|&w| f64::from(w)));
        let precision = fixture.scalar(&format!("{class}/precision"));
        assert!((found.classes[class].unwrap() - precision).abs() < 1e-3, "{class}");
    }
    assert!((found.mean.unwrap() - fixture.scalar("mean")).abs() < 1e-3);
}

#[test]
fn the_protocols_tolerance_costs_little_precision() {
    let (train, test) = (overlapping("train", 600, 32, 8), overlapping("test", 400, 32, 8));
    let (labels, truth) = (several("train", 600), several("test", 400));
    let costs = vec![0.01, 0.1, 1.0, 10.0];
    let outcome =
        train_svm(&train, &labels, CLASSES, &SvmConfig { costs, ..SvmConfig::default() }).unwrap();
    let scores = outcome.classifier.scores(&test.normalised()).unwrap();
    let rule = PrecisionRule::EveryThreshold;
    let mean = average_precisions(&scores, &truth, CLASSES, rule).unwrap().mean.unwrap();
    let expected = Fixture::open("evaluation/svm").scalar("mean");
    assert!((mean - expected).abs() < 0.002, "{mean} {expected}");
}

#[test]
fn folds_are_those_of_stratified_k_fold() {
    // StratifiedKFold(3) of scikit-learn 1.9.1, the fold of each image.
    let signs = [-1, 1, -1, -1, 1, -1, -1, 1, -1, 1, -1];
    assert_eq!(folds(&signs, 3), [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2]);
    assert_eq!(folds(&[], 3), [0; 0]);
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let (train, labels) = (overlapping("train", 200, 8, 8), several("train", 200));
    let config = SvmConfig { costs: vec![0.1, 1.0], ..SvmConfig::default() };
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| train_svm(&train, &labels, CLASSES, &config)).unwrap()
    };
    let one = run(1);
    assert!([2, 3].into_iter().all(|threads| run(threads) == one));
}

#[test]
fn classes_with_too_few_images_and_bad_settings_are_refused() {
    let train = overlapping("train", 40, 8, 8);
    let labels: Vec<i8> =
        (0..80).map(|at| if at == 0 || at % 2 == 1 && at < 40 { 1 } else { -1 }).collect();
    let refused = train_svm(&train, &labels, 2, &SvmConfig::default());
    let few = EvalError::FewImages { class: 0, positive: 1, negative: 39, least: 3 };
    assert_eq!(refused, Err(few));
    let single = SvmConfig { costs: vec![1.0], ..SvmConfig::default() };
    assert_eq!(train_svm(&train, &labels, 2, &single).unwrap().costs, [1.0, 1.0]);
    assert!(matches!(train_svm(&train, &labels, 3, &single), Err(EvalError::Table { .. })));
    assert!(matches!(train_svm(&train, &labels, 0, &single), Err(EvalError::Setting { .. })));
    for config in [
        SvmConfig { costs: vec![], ..SvmConfig::default() },
        SvmConfig { costs: vec![0.0], ..SvmConfig::default() },
        SvmConfig { folds: 1, ..SvmConfig::default() },
        SvmConfig { positive_weight: f64::NAN, ..SvmConfig::default() },
        SvmConfig { most_passes: 0, ..SvmConfig::default() },
        SvmConfig { tolerance: 0.0, ..SvmConfig::default() },
    ] {
        let refused = train_svm(&train, &labels, 2, &config);
        assert!(matches!(refused, Err(EvalError::Setting { .. })), "{config:?}");
    }
}
