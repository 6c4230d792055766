//! Codes against PyTorch, the order of the queue, frozen prototypes, refusals.

use barlow_testing::{Fixture, fill};
use burn::tensor::{Device, Tensor, TensorData};

use super::{ENTRY, Swav, perplexity};
use crate::constants::{ConstantValue, Constants};
use crate::objective::{Objective, Reading, StepContext, Verdict, ViewOutputs};
use crate::registry::Scope;

fn matrix(values: Vec<f32>, dim: usize) -> Tensor<2> {
    let shape = [values.len() / dim, dim];
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

fn values(tensor: &Tensor<2>) -> Vec<f32> {
    tensor.clone().into_data().iter::<f32>().collect()
}

fn swav(given: &[(&str, ConstantValue)], dim: usize) -> Swav {
    let mut constants = Constants::default();
    for constant in ENTRY.constants {
        constants.set(constant.name, constant.default.clone());
    }
    for (name, value) in given {
        constants.set(name, value.clone());
    }
    let device = Device::flex();
    let scope = Scope { dim, batch_size: 4, images: 40, classes: 0, seed: 3, device: &device };
    Swav::new(&constants, &scope)
}

#[test]
fn codes_are_pytorchs() {
    for case in ["small", "odd", "many_prototypes", "constants", "hundred_iterations", "queue"] {
        let fixture = Fixture::open(&format!("objectives/swav-{case}"));
        let rows = |name: &str| {
            let (shape, values) = fixture.array(name);
            matrix(values.into_iter().map(|value| value as f32).collect(), shape[1])
        };
        let given = fixture.parameter("constants").as_object().expect("constants");
        let given: Vec<(&str, ConstantValue)> = given
            .iter()
            .map(|(name, value)| {
                let value = match value.as_i64() {
                    Some(value) => ConstantValue::Integer(value),
                    None => ConstantValue::Number(value.as_f64().expect("a number")),
                };
                (name.as_str(), value)
            })
            .collect();
        let mut swav = swav(&given, rows("view_0.online").dims()[1]);
        swav.set_parameters([("prototypes".to_owned(), rows("parameter.prototypes"))].into());
        if fixture.names().iter().any(|name| name == "state.filled") {
            let names = ["queue_0", "queue_1", "filled"];
            swav.restore(
                names.map(|name| (name.to_owned(), rows(&format!("state.{name}")))).into(),
            );
        }
        for view in 0..2 {
            let codes = swav.codes(view, &rows(&format!("view_{view}.online")), 400);
            fixture.assert_close(&format!("codes_{view}"), codes);
        }
    }
}

/// A step with the contents that belong to `name`; returns the directions of both views.
fn step(swav: &mut Swav, name: &str, rows: usize, dim: usize, step: u64) -> [Vec<f32>; 2] {
    let view = |view: usize| matrix(fill(&format!("{name}/{view}"), rows * dim, -1.0, 1.0), dim);
    let views = [view(0), view(1)];
    let outputs =
        views.clone().map(|rows| ViewOutputs { online: Some(rows), ..ViewOutputs::default() });
    let ids: Vec<u64> = (0..rows as u64).collect();
    let labels = vec![None; rows];
    let context =
        StepContext { seed: 3, ids: &ids, labels: &labels, ..StepContext::on_one_rank(step, 9) };
    swav.after_step(&outputs, &context).unwrap();
    views.map(|rows| values(&crate::normalise::unit(rows)))
}

#[test]
fn the_queue_keeps_the_last_rows_the_oldest_first_and_serves_once_full() {
    let dim = 3;
    let mut swav = swav(
        &[("queue", ConstantValue::Integer(10)), ("prototypes", ConstantValue::Integer(5))],
        dim,
    );
    let mut expected = [vec![0.0; 10 * dim], vec![0.0; 10 * dim]];
    for number in 0..5 {
        let is_full = swav.queues.as_ref().unwrap().full(0).is_some();
        assert_eq!(is_full, number >= 3, "before step {number}");
        let rows = step(&mut swav, &format!("queue/{number}"), 4, dim, number);
        for (view, (expected, rows)) in expected.iter_mut().zip(rows).enumerate() {
            expected.extend(rows);
            expected.drain(..4 * dim);
            assert_eq!(&values(&swav.state()[&format!("queue_{view}")]), expected);
        }
    }
    assert_eq!(values(&swav.state()["filled"]), [10.0]);
}

#[test]
fn a_batch_longer_than_the_queue_leaves_its_last_rows() {
    let mut swav = swav(&[("queue", ConstantValue::Integer(3))], 2);
    let [rows, _] = step(&mut swav, "long", 8, 2, 0);
    assert_eq!(values(&swav.state()["queue_0"]), rows[10..]);
}

#[test]
fn prototypes_are_brought_to_length_one_after_a_step_that_moved_them() {
    let given =
        [("prototypes", ConstantValue::Integer(4)), ("frozen_steps", ConstantValue::Integer(2))];
    let mut swav = swav(&given, 3);
    let moved = matrix(fill("moved", 12, -2.0, 2.0), 3);
    swav.set_parameters([("prototypes".to_owned(), moved.clone())].into());
    step(&mut swav, "frozen", 4, 3, 1);
    assert_eq!(values(&swav.prototypes), values(&moved));
    step(&mut swav, "free", 4, 3, 2);
    for row in values(&swav.prototypes).chunks_exact(3) {
        let length: f32 = row.iter().map(|value| value * value).sum();
        assert!((length - 1.0).abs() < 1e-6, "{length}");
    }
}

#[test]
fn codes_that_choose_nothing_are_a_collapse() {
    let swav = swav(&[("prototypes", ConstantValue::Integer(4))], 3);
    assert!((perplexity(&[vec![0.25; 8], vec![0.25; 8]], 4) - 4.0).abs() < 1e-12);
    assert!((perplexity(&[vec![0.0, 1.0, 0.0, 0.0]], 4) - 1.0).abs() < 1e-12);
    let reading = |share: f64| Reading {
        batch_size: 4,
        dim: 3,
        measures: [("code_perplexity_share".to_owned(), share)].into(),
    };
    let finding = swav.diagnose(&reading(0.999)).unwrap();
    assert_eq!(finding.verdict, Verdict::Collapsed);
    assert!(finding.reason.contains("objective.epsilon"), "{}", finding.reason);
    assert_eq!(swav.diagnose(&reading(0.4)), None);
}

#[test]
fn equal_embeddings_cost_the_logarithm_of_the_prototypes() {
    let dim = 512;
    let swav = swav(&[], dim);
    let rows = matrix(vec![1.0; 6 * dim], dim);
    let view = ViewOutputs { online: Some(rows.clone()), ..ViewOutputs::default() };
    // The code of each is 1/K everywhere.
    assert!(swav.codes(0, &rows, 0).iter().all(|code| (code * 3000.0 - 1.0).abs() < 1e-9));
    let ids: Vec<u64> = (0..6).collect();
    let context =
        StepContext { seed: 3, ids: &ids, labels: &[None; 6], ..StepContext::on_one_rank(0, 9) };
    let evaluation = swav.evaluate(&[view.clone(), view], &context).unwrap();
    // ln 3000 is 8.006, and a little more where the prediction is not even: by half the variance of
    // u·c / T, 100 / 512.
    assert!((8.05..8.16).contains(&evaluation.loss), "{}", evaluation.loss);
    assert!(evaluation.parameter_gradients.is_empty(), "frozen at first");
    assert!(swav.has_collapsed(&evaluation));
}
