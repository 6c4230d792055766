//! The averaged copy follows the network by BYOL's schedule, against `reference/objectives.py`.

use barlow_nn::tensor_file::{Array, Dtype, Tensors};
use barlow_objectives::{ConstantValue, Layer};
use barlow_testing::Fixture;
use barlow_train::networks::Networks;

use crate::tiny::{context, networks, objective};

/// Values in a fixture's row; tensors repeat them.
const PERIOD: usize = 7;

fn is_trained(name: &str) -> bool {
    !name.ends_with("running_mean") && !name.ends_with("running_var")
}

/// Gives every trained tensor behind the prefix a row's values, over and over.
fn put(networks: &mut Networks, prefix: &str, row: &[f64]) {
    let mut arrays = networks.arrays();
    for (name, array) in &mut arrays {
        if name.starts_with(prefix) && is_trained(name) {
            let length = array.shape.iter().product();
            let values = row.iter().cycle().take(length).map(|&value| value as f32);
            let bytes = values.flat_map(f32::to_le_bytes).collect();
            *array = Array { dtype: Dtype::F32, shape: array.shape.clone(), bytes };
        }
    }
    networks.load(&arrays).expect("its own tensors");
}

fn of_target(arrays: &Tensors, trained: bool) -> Vec<(String, Vec<f32>)> {
    let own = arrays.iter().filter(|(name, _)| name.starts_with("target/"));
    let own = own.filter(|(name, _)| is_trained(name) == trained);
    own.map(|(name, array)| (name.clone(), array.to_f32().expect("f32"))).collect()
}

#[test]
fn ten_steps_of_the_averaged_copy_are_those_of_byols_schedule() {
    for case in ["ten_steps", "ten_steps_slow"] {
        let fixture = Fixture::open(&format!("objectives/momentum-{case}"));
        let first = fixture.parameter("constants")["target_momentum"].as_f64().expect("a number");
        let byol = objective(
            "byol",
            &[
                ("predictor", ConstantValue::Text("8-16".into())),
                ("target_momentum", ConstantValue::Number(first)),
            ],
        );
        let mut networks = networks(Layer::Embedding, &byol.needs());
        put(&mut networks, "target/", &fixture.array("start").1);
        let running = of_target(&networks.arrays(), false);
        let (_, online) = fixture.array("online");
        let (mut momenta, mut targets) = (Vec::new(), Vec::new());
        for (step, row) in online.chunks(PERIOD).enumerate() {
            put(&mut networks, "online/", row);
            let momentum = byol.target_momentum(&context(step as u64));
            networks.average(momentum);
            momenta.push(momentum);
            let found = of_target(&networks.arrays(), true);
            let longest = found.iter().max_by_key(|(_, values)| values.len()).expect("tensors");
            let row = longest.1[..PERIOD].to_vec();
            for (name, values) in &found {
                let is_row = |(at, value): (usize, &f32)| (value - row[at % PERIOD]).abs() < 1e-6;
                assert!(values.iter().enumerate().all(is_row), "{case} step {step}: {name}");
            }
            targets.extend(row.into_iter().map(f64::from));
        }
        fixture.assert_close("momenta", momenta);
        fixture.assert_close("targets", targets);
        assert_eq!(of_target(&networks.arrays(), false), running, "running statistics are its own");
    }
}
