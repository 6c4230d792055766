use barlow_testing::fill;
use burn::tensor::{Device, TensorData};

use super::*;
use crate::constants::ConstantValue;
use crate::registry::{ObjectiveConfig, ObjectiveError, Registry, Scope};

fn create(dimensions: i64, dim: usize) -> Result<Box<dyn Objective>, ObjectiveError> {
    let device = Device::flex();
    let scope = Scope { dim, batch_size: 8, images: 8, classes: 0, seed: 0, device: &device };
    let mut config = ObjectiveConfig { name: ENTRY.name.to_owned(), ..ObjectiveConfig::default() };
    config.constants.set("dimensions", ConstantValue::Integer(dimensions));
    Registry::default().create(&config, &scope)
}

#[test]
fn more_dimensions_than_the_representation_has_are_refused() {
    assert!(create(24, 24).is_ok());
    let Err(ObjectiveError::Unfit(Unfit::Key { key, allowed })) = create(25, 24) else {
        panic!("25 of 24 dimensions");
    };
    assert_eq!(key, "objective.dimensions");
    assert!(allowed.contains("24"), "{allowed}");
}

#[test]
fn accuracy_is_the_share_of_rows_and_columns_led_by_the_diagonal() {
    // Rows 0 and 2 and columns 0 and 1 are led; a tie is not led.
    let values = vec![0.9, -0.5, 0.2, 0.7, 0.1, 0.3, 0.1, 0.0, 0.3_f32];
    let similarities = Tensor::from_data(TensorData::new(values, [3, 3]), &Device::flex());
    assert!((accuracy(&similarities) - 4.0 / 6.0).abs() < 1e-12);
    let same = Tensor::<2>::ones([4, 4], &Device::flex());
    assert!(accuracy(&same).abs() < 1e-12, "a constant representation finds nothing");
}

#[test]
fn entries_beyond_those_compared_have_no_gradient() {
    let objective = DirectClr { dimensions: 3, temperature: 0.1 };
    let views = ["a", "b"].map(|name| {
        let values = fill(name, 6 * 5, -1.0, 1.0);
        let online = Tensor::from_data(TensorData::new(values, [6, 5]), &Device::flex());
        ViewOutputs { online: Some(online), ..ViewOutputs::default() }
    });
    let context = StepContext::on_one_rank(0, 1);
    let found = objective.evaluate(&views, &context).expect("one rank");
    for gradients in found.gradients {
        let gradient: Vec<f64> =
            gradients.online.expect("a gradient").into_data().iter::<f64>().collect();
        for (place, value) in gradient.iter().enumerate() {
            assert_eq!(*value != 0.0, place % 5 < 3, "{place}: {value}");
        }
    }
}
