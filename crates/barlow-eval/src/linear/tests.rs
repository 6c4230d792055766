//! The probe against scikit-learn, and what does not depend on scikit-learn.

use barlow_testing::{Fixture, fill};

use super::*;
use crate::features::tests::random;
use crate::metrics::top_k_accuracy;

/// Classes that overlap: a point of each class and noise, of very different scales by dimension.
///
/// `reference/evaluation.py` makes the same.
pub(crate) fn overlapping(name: &str, n: usize, dim: usize, classes: usize) -> Features {
    let points = fill("evaluation/points", classes * dim, -1.0, 1.0);
    let noise = fill(&format!("evaluation/{name}/noise"), n * dim, -2.0, 2.0);
    let values = (0..n * dim).map(|at| {
        let (row, column) = (at / dim, at % dim);
        (points[row % classes * dim + column] + noise[at]) * (1 + column) as f32 + 3.0
    });
    Features {
        values: values.collect(),
        dim,
        ids: (0..n as u64).collect(),
        labels: (0..n).map(|row| Some(row % classes)).collect(),
    }
}

fn lbfgs(decay: f64) -> LinearConfig {
    let optimizer = LinearOptimizer::Lbfgs(Lbfgs { most_steps: 1000, tolerance: 1e-6 });
    let settings = vec![LinearSetting { optimizer, decay }];
    LinearConfig { settings, ..LinearConfig::default() }
}

#[test]
fn the_probe_is_scikit_learns() {
    let fixture = Fixture::open("evaluation/linear");
    let (train, test) = (overlapping("train", 600, 32, 8), overlapping("test", 400, 32, 8));
    for name in ["strong", "weak"] {
        let decay = fixture.number(&format!("decay_{name}"));
        let outcome = train_linear(&train, &lbfgs(decay)).unwrap();
        let loss = fixture.scalar(&format!("{name}/loss"));
        assert!(
            (outcome.training_loss / loss - 1.0).abs() < 1e-5,
            "{} {loss}",
            outcome.training_loss
        );
        let weights = outcome.classifier.weights.iter().map(|&w| f64::from(w));
        fixture.assert_close(&format!("{name}/weights"), weights);
        let scores = outcome.classifier.scores(&test).unwrap();
        for k in [1, 5] {
            let expected = fixture.scalar(&format!("{name}/top_{k}"));
            let found = top_k_accuracy(&scores, 8, &test.labels, k).unwrap();
            // One image of 400 may stand on a border.
            assert!((found - expected).abs() < 0.003, "{name} top-{k}: {found} {expected}");
        }
    }
}

#[test]
fn gradient_descent_comes_near_the_minimum_of_its_decay() {
    let (train, test) = (overlapping("train", 600, 32, 8), overlapping("test", 400, 32, 8));
    let sgd = Sgd { epochs: 60, batch_size: 64, learning_rate: 0.05, ..Sgd::default() };
    let setting = LinearSetting { optimizer: LinearOptimizer::Sgd(sgd), decay: 0.01 };
    let config = LinearConfig { settings: vec![setting], ..LinearConfig::default() };
    let [found, minimum] = [config, lbfgs(0.01)].map(|c| train_linear(&train, &c).unwrap());
    let excess = found.training_loss / minimum.training_loss - 1.0;
    assert!((0.0..0.01).contains(&excess), "{excess}");
    let accuracy = |outcome: &LinearOutcome| {
        top_k_accuracy(&outcome.classifier.scores(&test).unwrap(), 8, &test.labels, 1).unwrap()
    };
    assert!((accuracy(&found) - accuracy(&minimum)).abs() < 0.02);
}

#[test]
fn a_setting_is_chosen_without_the_test_set_and_used_on_all_images() {
    // 160 images in 32 dimensions: with little decay they are learnt by heart.
    let train = overlapping("train", 160, 32, 8);
    let config = LinearConfig { held_out_fraction: 0.25, ..LinearConfig::default() };
    let outcome = train_linear(&train, &config).unwrap();
    assert_eq!((outcome.held_out_images, outcome.held_out_accuracies.len()), (40, 6));
    let best = outcome.held_out_accuracies.iter().copied().fold(0.0, f64::max);
    let first = outcome.held_out_accuracies.iter().position(|a| *a >= best).unwrap();
    assert_eq!(outcome.setting, config.settings[first]);
    let alone = LinearConfig { settings: vec![outcome.setting], ..config };
    let again = train_linear(&train, &alone).unwrap();
    assert_eq!((again.classifier, again.held_out_images), (outcome.classifier, 0));
}

#[test]
fn scale_offset_and_constant_dimensions_of_features_change_nothing() {
    let plain = overlapping("train", 400, 16, 8);
    let test = overlapping("test", 200, 16, 8);
    let changed = |features: &Features| Features {
        dim: 17,
        values: features
            .values
            .chunks_exact(16)
            .flat_map(|row| row.iter().map(|v| 64.0 * v - 32.0).chain([0.1]))
            .collect(),
        ..features.clone()
    };
    let accuracy = |train: &Features, test: &Features| {
        let classifier = train_linear(train, &lbfgs(0.001)).unwrap().classifier;
        top_k_accuracy(&classifier.scores(test).unwrap(), 8, &test.labels, 1).unwrap()
    };
    let difference = accuracy(&plain, &test) - accuracy(&changed(&plain), &changed(&test));
    assert!(difference.abs() < 0.006, "{difference}");
}

#[test]
fn unlabelled_images_are_not_learnt_from_and_impossible_sets_are_refused() {
    let mut train = random(1, 60, 5, 3);
    let config = lbfgs(0.1);
    let expected = train_linear(&train.filter(|i| i % 3 != 0), &config);
    train.labels.iter_mut().step_by(3).for_each(|label| *label = None);
    assert_eq!(train_linear(&train, &config), expected);
    let with = |label: Option<usize>| Features { labels: vec![label; 60], ..train.clone() };
    assert_eq!(train_linear(&with(None), &config), Err(EvalError::NoLabels));
    assert_eq!(train_linear(&with(Some(2)), &config), Err(EvalError::OneClass { class: 2 }));
    train.labels[1] = Some(usize::MAX);
    assert!(matches!(train_linear(&train, &config), Err(EvalError::ClassNumber { .. })));
    train.labels[1] = None;
    train.values[7] = f32::NAN;
    assert_eq!(train_linear(&train, &config), Err(EvalError::NotFinite { row: 1, id: 1 }));
    let mut classifier = expected.unwrap().classifier;
    let mismatch = EvalError::Dimension { expected: 5, found: 6 };
    assert_eq!(classifier.scores(&random(2, 4, 6, 3)), Err(mismatch));
    classifier.bias.pop();
    let short = EvalError::Table { found: 2, rows: 3, columns: 1 };
    assert_eq!(classifier.scores(&random(2, 4, 5, 3)), Err(short));
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let train = overlapping("train", 600, 32, 8);
    for optimizer in
        [LinearOptimizer::Lbfgs(Lbfgs::default()), LinearOptimizer::Sgd(Sgd::default())]
    {
        let settings = [0.1, 0.001].map(|decay| LinearSetting { optimizer, decay }).to_vec();
        let config = LinearConfig { settings, ..LinearConfig::default() };
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| train_linear(&train, &config)).unwrap()
        };
        let one = run(1);
        assert!([2, 3].into_iter().all(|threads| run(threads) == one));
    }
}

#[test]
fn settings_out_of_range_are_refused() {
    let train = random(1, 20, 3, 2);
    let sgd = |change: fn(&mut Sgd)| {
        let mut sgd = Sgd::default();
        change(&mut sgd);
        LinearSetting { optimizer: LinearOptimizer::Sgd(sgd), decay: 0.0 }
    };
    let newton = LinearOptimizer::Lbfgs(Lbfgs { most_steps: 0, tolerance: 0.0 });
    for settings in [
        vec![],
        vec![LinearSetting { decay: -1.0, ..sgd(|_| {}) }],
        vec![LinearSetting { decay: f64::NAN, ..sgd(|_| {}) }],
        vec![LinearSetting { optimizer: newton, decay: 0.0 }],
        vec![sgd(|sgd| sgd.learning_rate = 0.0)],
        vec![sgd(|sgd| sgd.momentum = 1.0)],
        vec![sgd(|sgd| sgd.epochs = 0)],
        vec![sgd(|sgd| sgd.batch_size = 0)],
    ] {
        let config = LinearConfig { settings, ..LinearConfig::default() };
        let refused = train_linear(&train, &config);
        assert!(matches!(refused, Err(EvalError::Setting { .. })), "{config:?}");
    }
}
