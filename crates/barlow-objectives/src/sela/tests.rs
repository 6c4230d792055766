//! Labels against the definition in PyTorch, and what a step cannot show.

use barlow_nn::collective::SingleRank;
use barlow_testing::{Fixture, fill};
use burn::tensor::{Device, Tensor, TensorData};

use super::ENTRY;
use super::labels::{balanced, log_softmax};
use crate::ObjectiveError;
use crate::constants::ConstantValue;
use crate::objective::{EpochContext, Objective, Verdict};
use crate::registry::{ObjectiveConfig, Registry, Scope, Unfit};

fn matrix(values: Vec<f32>, shape: [usize; 2]) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

#[test]
fn labels_are_those_of_the_definition() {
    for case in ["labels", "labels_sharp"] {
        let fixture = Fixture::open(&format!("objectives/sela-{case}"));
        let (shape, logits) = fixture.array("logits");
        let (n, clusters) = (shape[0], shape[1]);
        // The scores of an identity are its weights.
        let weight = matrix(logits.iter().map(|&score| score as f32).collect(), [n, clusters]);
        let eye = Tensor::eye(n, &Device::flex());
        let all: Vec<usize> = (0..n).collect();
        let bias = Tensor::zeros([1, clusters], &Device::flex());
        let logarithms = log_softmax(&eye, &all, &weight.transpose(), &bias);
        let (plan, rounds) = balanced(logarithms, clusters, fixture.number("exponent"));
        assert_eq!(Some(rounds as u64), fixture.parameter("rounds").as_u64(), "{case}");
        fixture.assert_close("labels", plan.labels().map(|label| label as f64));
        let shares: Vec<Vec<f64>> = plan.shares().collect();
        fixture.assert_close("image_masses", shares.iter().map(|shares| shares.iter().sum()));
        let of_cluster = |k: usize| shares.iter().map(|shares| shares[k]).sum::<f64>();
        fixture.assert_close("cluster_masses", (0..clusters).map(of_cluster));
    }
}

fn objective(
    heads: i64,
    clusters: i64,
    exponent: f64,
    images: usize,
) -> Result<Box<dyn Objective>, ObjectiveError> {
    let mut config = ObjectiveConfig { name: ENTRY.name.to_owned(), ..ObjectiveConfig::default() };
    config.constants.set("heads", ConstantValue::Integer(heads));
    config.constants.set("clusters", ConstantValue::Integer(clusters));
    config.constants.set("exponent", ConstantValue::Number(exponent));
    config.constants.set("label_epochs", ConstantValue::Integer(2));
    let device = Device::flex();
    let scope = Scope { dim: 5, batch_size: 4, images, classes: 0, seed: 3, device: &device };
    Registry::default().create(&config, &scope)
}

fn labels(objective: &dyn Objective) -> Vec<f32> {
    objective.state()["labels"].clone().into_data().iter::<f32>().collect()
}

fn context(epoch: u64) -> EpochContext<'static> {
    EpochContext { epoch, epochs: 9, seed: 3, collective: &SingleRank }
}

#[test]
fn clusters_get_equally_many_images_and_unreadable_ones_no_label() {
    let (images, heads, clusters) = (96, 2, 4);
    let mut objective = objective(heads, clusters, 200.0, images).unwrap();
    let mut rows = fill("sela/rows", images * 5, -2.0, 2.0);
    rows[7 * 5..8 * 5].fill(0.0);
    let rows = matrix(rows, [images, 5]);
    objective.before_epoch(&context(0), &mut || Ok(rows.clone())).unwrap();
    let labels = labels(&*objective);
    for head in 0..heads as usize {
        let of_head: Vec<f32> = labels.iter().skip(head).step_by(heads as usize).copied().collect();
        assert!((of_head[7] + 1.0).abs() < f32::EPSILON);
        for k in 0..clusters {
            let count = of_head.iter().filter(|&&label| label as i64 == k && label >= 0.0).count();
            // 95 / 4; an image that is shared goes to one.
            assert!((22..=26).contains(&count), "head {head}, cluster {k}: {count}");
        }
    }
}

#[test]
fn labels_stay_between_the_epochs_that_make_them() {
    let mut objective = objective(1, 4, 10.0, 30).unwrap();
    let rows = |name: &str| matrix(fill(name, 150, -2.0, 2.0), [30, 5]);
    objective.before_epoch(&context(0), &mut || Ok(rows("first"))).unwrap();
    let first = labels(&*objective);
    objective.before_epoch(&context(1), &mut || panic!("no labels are due")).unwrap();
    assert_eq!(labels(&*objective), first);
    objective.before_epoch(&context(2), &mut || Ok(rows("second"))).unwrap();
    assert_ne!(labels(&*objective), first);
}

#[test]
fn more_clusters_than_images_are_refused() {
    match objective(1, 31, 10.0, 30) {
        Err(ObjectiveError::Unfit(Unfit::Images(reason))) => {
            assert!(reason.contains("`objective.clusters` is 31"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_cluster_for_most_images_is_a_collapse() {
    let objective = objective(1, 20, 10.0, 30).unwrap();
    let reading = |used: f64| crate::Reading {
        batch_size: 4,
        dim: 5,
        measures: [("used_clusters".to_owned(), used)].into(),
    };
    assert_eq!(objective.diagnose(&reading(1.2)).unwrap().verdict, Verdict::Collapsed);
    assert_eq!(objective.diagnose(&reading(15.0)), None);
}
