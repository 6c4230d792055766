//! Ten steps of every rule against PyTorch and the official order (`reference/optimizer.py`), with a
//! checkpoint in between.

use super::*;
use barlow_testing::{Fixture, fill};
use std::collections::BTreeMap;

fn settings(case: &str, fixture: &Fixture) -> OptimizerSettings {
    let number = |key: &str, default| fixture.parameter(key).as_f64().unwrap_or(default);
    OptimizerSettings {
        name: match case {
            "sgd" => OptimizerName::Sgd,
            "adamw" => OptimizerName::AdamW,
            _ => OptimizerName::Lars,
        },
        momentum: number("momentum", 0.9),
        weight_decay: fixture.number("weight_decay"),
        trust_coefficient: number("trust_coefficient", 0.001),
        clip_trust_ratio: case.starts_with("lars_clipped"),
        ..OptimizerSettings::default()
    }
}

fn shapes(fixture: &Fixture) -> BTreeMap<String, Vec<usize>> {
    let shapes = fixture.parameter("shapes").as_object().unwrap().iter();
    let lengths = |shape: &serde_json::Value| {
        shape.as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as usize).collect()
    };
    shapes.map(|(name, shape)| (name.clone(), lengths(shape))).collect()
}

#[test]
fn ten_steps_match_the_fixtures_across_a_restored_state() {
    let device = Device::flex();
    let tensor = |values: Vec<f32>| {
        let length = [values.len()];
        Tensor::<1>::from_data(TensorData::new(values, length), &device)
    };
    let mut deviations = Vec::new();
    for case in [
        "lars_official",
        "lars_decay",
        "lars_no_decay",
        "lars_large_trust",
        "lars_clipped",
        "lars_clipped_small_rate",
        "sgd",
        "adamw",
    ] {
        let fixture = Fixture::open(&format!("optimizer/{case}"));
        let settings = settings(case, &fixture);
        let mut optimizer = Optimizer::new(&settings);
        let (_, weights) = fixture.array("learning_rate/weights");
        let (_, biases_and_norms) = fixture.array("learning_rate/biases_and_norms");
        let shapes = shapes(&fixture);
        let mut values: BTreeMap<String, Tensor<1>> = BTreeMap::new();
        for (name, shape) in &shapes {
            let n = shape.iter().product();
            let start = match name.as_str() {
                "zero.weight" => vec![0.0; n],
                _ => fill(&format!("weight/{name}"), n, -1.0, 1.0),
            };
            values.insert(name.clone(), tensor(start));
        }
        for step in 0..10 {
            let rates = Rates { weights: weights[step], biases_and_norms: biases_and_norms[step] };
            for (name, shape) in &shapes {
                let n = shape.iter().product();
                let gradient = match name.as_str() {
                    "still.weight" => vec![0.0; n],
                    _ => fill(&format!("gradient/{name}/{step}"), n, -1.0, 1.0),
                };
                let class = ParameterClass::of(shape);
                let value = values[name].clone();
                let update = optimizer.step(name, class, rates, value, tensor(gradient));
                values.insert(name.clone(), update.value);
            }
            // Half way through, everything goes through a checkpoint's arrays.
            if step == 4 {
                let state = optimizer.state("optimizer/");
                optimizer = Optimizer::new(&settings);
                optimizer.restore(&state, "optimizer/", &device).unwrap();
            }
            if step == 0 || step == 9 {
                let state = optimizer.state("");
                for (name, value) in &values {
                    let found = value.clone().into_data().iter::<f64>().collect::<Vec<_>>();
                    let key = format!("step{}/weight/{name}", step + 1);
                    deviations.extend(fixture.deviation(&key, found));
                    for leaf in ["momentum", "first_moment", "second_moment"] {
                        if let Some(array) = state.get(&format!("{name}:{leaf}")) {
                            let found = array.to_f32().unwrap().into_iter().map(f64::from);
                            let key = format!("step{}/{leaf}/{name}", step + 1);
                            deviations.extend(fixture.deviation(&key, found));
                        }
                    }
                }
            }
        }
    }
    assert!(deviations.is_empty(), "{}", deviations.join("\n"));
}

#[test]
fn lars_by_kernel_and_by_operations_agree() {
    let device = Device::flex();
    let tensor = |name: String, n| {
        Tensor::<1>::from_data(TensorData::new(fill(&name, n, -1.0, 1.0), [n]), &device)
    };
    let values = |tensor: &Tensor<1>| tensor.clone().into_data().iter::<f64>().collect::<Vec<_>>();
    for (n, clip_trust_ratio) in [(1, false), (37, true), (5000, false), (70_001, true)] {
        for class in [ParameterClass::Weights, ParameterClass::BiasesAndNorms] {
            let lars = Lars {
                momentum: 0.9,
                weight_decay: 0.01,
                trust_coefficient: 0.02,
                clip_trust_ratio,
            };
            let start = tensor(format!("value/{n}"), n);
            let (mut kernel, mut operations) = ((start.clone(), None), (start, None));
            for step in 0..3 {
                let gradient = tensor(format!("gradient/{n}/{step}"), n);
                let (value, buffer) = kernel;
                let (value, buffer, squares) =
                    lars.by_kernel(class, 0.2, value, gradient.clone(), buffer);
                let found = squares.map(|squares| SquareSum::read(squares.into()));
                kernel = (value, Some(buffer));
                let (value, buffer) = operations;
                let (value, buffer, squares) =
                    lars.by_operations(class, 0.2, value, gradient, buffer);
                let expected = squares.map(|squares| SquareSum::read(squares.into()));
                operations = (value, Some(buffer));

                let sums = found.iter().flatten().zip(expected.iter().flatten());
                for (found, expected) in sums {
                    // A change is the difference of rounded values.
                    assert!((found - expected).abs() <= 1e-4 * expected, "{found}, {expected}");
                }
                assert_eq!(found.is_some(), expected.is_some());
                for (found, expected) in values(&kernel.0).iter().zip(values(&operations.0)) {
                    assert!((found - expected).abs() <= 1e-6, "{n}: {found}, {expected}");
                }
            }
        }
    }
}
