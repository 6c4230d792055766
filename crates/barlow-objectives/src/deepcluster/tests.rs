//! k-means against the definition in PyTorch, and what a step cannot show.

use barlow_nn::collective::SingleRank;
use barlow_testing::{Fixture, fill};
use burn::tensor::{Device, Tensor, TensorData};

use super::ENTRY;
use super::k_means::k_means;
use crate::ObjectiveError;
use crate::constants::ConstantValue;
use crate::objective::{EpochContext, Objective, StepContext, ViewOutputs};
use crate::registry::{ObjectiveConfig, Registry, Scope, Unfit};

const DIM: usize = 6;
const IMAGES: usize = 40;

fn matrix(values: Vec<f32>, dim: usize) -> Tensor<2> {
    let shape = [values.len() / dim, dim];
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

fn values(tensor: &Tensor<2>) -> Vec<f32> {
    tensor.clone().into_data().iter::<f32>().collect()
}

#[test]
fn centroids_and_labels_are_those_of_the_definition() {
    for case in ["k_means", "k_means_wide", "k_means_empty_cluster"] {
        let fixture = Fixture::open(&format!("objectives/deepcluster-{case}"));
        let rows = |name: &str| -> Vec<f32> {
            fixture.array(name).1.into_iter().map(|value| value as f32).collect()
        };
        let first = matrix(rows("first"), fixture.array("first").0[1]);
        let rounds = fixture.number("iterations") as usize;
        let (centroids, labels) = k_means(&rows("points"), first, rounds, &Device::flex());
        fixture.assert_close("centroids", values(&centroids).into_iter().map(f64::from));
        fixture.assert_close("labels", labels.into_iter().map(|label| label as f64));
    }
}

fn objective(prototypes: i64) -> Result<Box<dyn Objective>, ObjectiveError> {
    let mut config = ObjectiveConfig { name: ENTRY.name.to_owned(), ..ObjectiveConfig::default() };
    config.constants.set("heads", ConstantValue::Integer(3));
    config.constants.set("prototypes", ConstantValue::Integer(prototypes));
    let device = Device::flex();
    let scope =
        Scope { dim: DIM, batch_size: 4, images: IMAGES, classes: 0, seed: 3, device: &device };
    Registry::default().create(&config, &scope)
}

fn begin(objective: &mut dyn Objective, epoch: u64, seed: u64) {
    let context = EpochContext { epoch, epochs: 9, seed, collective: &SingleRank };
    let mut rows = fill("deepcluster/features", IMAGES * DIM, -1.0, 1.0);
    rows[..DIM].fill(0.0);
    let rows = matrix(rows, DIM);
    objective.before_epoch(&context, &mut || Ok(rows.clone())).unwrap();
}

#[test]
fn a_seed_stands_for_one_clustering() {
    let labels = |epoch, seed| {
        let mut objective = objective(5).unwrap();
        begin(&mut *objective, 0, seed);
        begin(&mut *objective, epoch, seed);
        values(&objective.state()["labels"])
    };
    assert_eq!(labels(1, 3), labels(1, 3));
    assert_ne!(labels(1, 3), labels(1, 4));
    assert_ne!(labels(1, 3), labels(2, 3));
}

#[test]
fn an_image_that_cannot_be_read_has_no_label_until_it_is_seen() {
    let mut objective = objective(5).unwrap();
    begin(&mut *objective, 0, 3);
    let labels = values(&objective.state()["labels"]);
    let is_labelled = |labels: &[f32]| labels.iter().map(|&l| l >= 0.0).collect::<Vec<_>>();
    assert_eq!(is_labelled(&labels[..6]), [false, false, false, true, true, true]);

    step(&mut *objective, &[0, 9]);
    begin(&mut *objective, 1, 3);
    assert!(values(&objective.state()["labels"]).iter().all(|&label| label >= 0.0));
}

/// A step with an embedding along the first axis in view 0 and the second in view 1 for all images.
fn step(objective: &mut dyn Objective, ids: &[u64]) {
    let view = |axis: usize| {
        let row = (0..DIM).map(|at| if at == axis { 3.0 } else { 0.0 });
        let rows = matrix(ids.iter().flat_map(|_| row.clone()).collect(), DIM);
        ViewOutputs { online: Some(rows), ..ViewOutputs::default() }
    };
    let labels = vec![None; ids.len()];
    let context = StepContext { seed: 3, ids, labels: &labels, ..StepContext::on_one_rank(0, 9) };
    objective.after_step(&[view(0), view(1)], &context).unwrap();
}

#[test]
fn a_step_replaces_the_rows_of_its_images_in_the_memory_of_each_view() {
    let mut objective = objective(5).unwrap();
    begin(&mut *objective, 0, 3);
    let before = objective.state();
    step(&mut *objective, &[9, 2]);
    let after = objective.state();
    for view in 0..2 {
        let name = format!("memory.{view}");
        let [before, after] = [&before, &after].map(|state| values(&state[&name]));
        for (image, (old, new)) in before.chunks_exact(DIM).zip(after.chunks_exact(DIM)).enumerate()
        {
            let mut axis = [0.0; DIM];
            axis[view] = 1.0;
            assert_eq!(new, if [2, 9].contains(&image) { &axis } else { old }, "{image}");
        }
    }
}

#[test]
fn what_is_restored_goes_on_as_it_was() {
    let mut first = objective(5).unwrap();
    begin(&mut *first, 0, 3);
    step(&mut *first, &[9, 2]);
    let mut second = objective(5).unwrap();
    second.restore(first.state());
    begin(&mut *first, 1, 3);
    begin(&mut *second, 1, 3);
    let [first, second] = [first, second].map(|objective| {
        objective.state().into_iter().map(|(name, rows)| (name, values(&rows))).collect::<Vec<_>>()
    });
    assert_eq!(first, second);
}

#[test]
fn more_prototypes_than_images_are_refused() {
    match objective(IMAGES as i64 + 1) {
        Err(ObjectiveError::Unfit(Unfit::Images(reason))) => {
            assert!(reason.contains("`objective.prototypes` is 41"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}
