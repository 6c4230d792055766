//! The queue, step by step against `reference/objectives_contrastive.py`, and what is refused.

use barlow_testing::Fixture;

use super::*;
use crate::ConstantValue;
use crate::registry::{ObjectiveConfig, ObjectiveError, Registry};

fn create(
    constants: &[(&str, i64)],
    [batch_size, dim]: [usize; 2],
    seed: u64,
) -> Result<Box<dyn Objective>, ObjectiveError> {
    let mut config = ObjectiveConfig { name: "moco".to_owned(), ..ObjectiveConfig::default() };
    for &(name, value) in constants {
        config.constants.set(name, ConstantValue::Integer(value));
    }
    let device = Device::flex();
    let scope = Scope { dim, batch_size, images: 64, classes: 0, seed, device: &device };
    Registry::default().create(&config, &scope)
}

fn values(tensor: &Tensor<2>) -> Vec<f64> {
    tensor.clone().into_data().iter::<f64>().collect()
}

fn step<R>(keys: Tensor<2>, act: impl FnOnce(&[ViewOutputs], &StepContext) -> R) -> R {
    let views =
        [ViewOutputs::default(), ViewOutputs { target: Some(keys), ..ViewOutputs::default() }];
    let context = StepContext::on_one_rank(0, 1);
    act(&views, &context)
}

#[test]
fn keys_replace_the_oldest_rows_of_the_queue() {
    let fixture = Fixture::open("objectives/queue-ten_steps");
    let device = Device::flex();
    let asked = fixture.parameter("constants")["queue"].as_i64().expect("a length");
    let constants = [("queue", asked), ("batch_norm_groups", 1)];
    let mut objective = create(&constants, [4, 3], 0).expect("room for three batches");
    let (shape, first) = fixture.array("first");
    let first: Vec<f32> = first.into_iter().map(|value| value as f32).collect();
    let first = Tensor::from_data(TensorData::new(first, shape), &device);
    objective.restore([("queue".to_owned(), first)].into());
    let (_, keys) = fixture.array("keys");
    let (mut queues, mut pointers) = (Vec::new(), Vec::new());
    for keys in keys.chunks(4 * 3) {
        let keys: Vec<f32> = keys.iter().map(|&value| value as f32).collect();
        let keys = Tensor::from_data(TensorData::new(keys, [4, 3]), &device);
        step(keys, |views, context| objective.after_step(views, context)).expect("one rank");
        queues.extend(values(&objective.state()["queue"]));
        pointers.extend(values(&objective.state()["pointer"]));
    }
    fixture.assert_close("queues", queues);
    fixture.assert_close("pointers", pointers);
}

#[test]
fn a_restored_queue_goes_on_where_it_stopped() {
    let constants = [("queue", 6), ("batch_norm_groups", 1)];
    let keys = |step: usize| {
        let keys = barlow_testing::fill(&format!("keys/{step}"), 2 * 3, -1.0, 1.0);
        Tensor::from_data(TensorData::new(keys, [2, 3]), &Device::flex())
    };
    let run = |objective: &mut dyn Objective, steps: std::ops::Range<usize>| {
        for number in steps {
            step(keys(number), |views, context| objective.after_step(views, context))
                .expect("one rank");
        }
        objective.state()
    };
    let bits = |state: &BTreeMap<String, Tensor<2>>| -> Vec<Vec<f64>> {
        state.values().map(values).collect()
    };
    let mut whole = create(&constants, [2, 3], 5).expect("room");
    let expected = bits(&run(&mut *whole, 0..8));
    let mut first = create(&constants, [2, 3], 5).expect("room");
    let state = run(&mut *first, 0..5);
    let mut second = create(&constants, [2, 3], 9).expect("room");
    second.restore(state);
    assert_eq!(bits(&run(&mut *second, 5..8)), expected);
}

#[test]
fn the_first_queue_is_drawn_by_the_seed_and_has_rows_of_length_one() {
    let queue =
        |seed| values(&create(&[("queue", 70)], [32, 8], seed).expect("room").state()["queue"]);
    let first = queue(0);
    assert_eq!(first.len(), 64 * 8);
    assert_eq!(queue(0), first);
    assert_ne!(queue(1), first);
    for row in first.chunks(8) {
        let square: f64 = row.iter().map(|value| value * value).sum();
        assert!((square - 1.0).abs() < 1e-6, "{square}");
    }
}

#[test]
fn what_cannot_work_is_refused_by_its_key() {
    for (constants, expected, words) in [
        ([("queue", 255), ("batch_norm_groups", 1)], "objective.queue", "at least 256"),
        (
            [("queue", 256), ("batch_norm_groups", 129)],
            "objective.batch_norm_groups",
            "at most 128",
        ),
    ] {
        match create(&constants, [256, 8], 0).map(|objective| objective.name()) {
            Err(ObjectiveError::Unfit(Unfit::Key { key, allowed })) => {
                assert_eq!(key, expected);
                assert!(allowed.contains(words), "{allowed}");
            }
            other => panic!("{constants:?}: {other:?}"),
        }
    }
    create(&[("queue", 256), ("batch_norm_groups", 128)], [256, 8], 0).expect("two in a group");
}
