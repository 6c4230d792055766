//! Encoders against PyTorch: representations, running statistics, names and shapes
//! (`reference/encoder.py`).

use std::collections::BTreeMap;

use barlow_nn::collective::SingleRank;
use barlow_nn::{
    Encoder, EncoderConfig, EncoderName, Initializer, Pass, Precision, Stem, commit, named,
};
use barlow_testing::{Fixture, data_folder, fill, fill_parameter};
use burn::tensor::{Device, Tensor, TensorData};

const CASES: [&str; 5] =
    ["resnet18", "resnet34", "resnet50", "resnet18_small_stem", "resnet50_small_stem"];

fn config(fixture: &Fixture) -> EncoderConfig {
    let size = fixture.parameter("size").as_str().expect("a name");
    EncoderConfig {
        name: EncoderName::ALL.into_iter().find(|name| name.as_str() == size).expect("a size"),
        width: fixture.parameter("width").as_u64().expect("a number") as usize,
        stem: if fixture.parameter("small_stem") == true { Stem::Small } else { Stem::Standard },
        channels: fixture.parameter("input")[1].as_u64().expect("a number") as usize,
        zero_init_residual: true,
    }
}

/// The encoder of a case with the contents that the fixtures were computed with.
fn encoder(fixture: &Fixture) -> Encoder {
    let encoder = Encoder::new(&config(fixture), &Initializer::new(0, &Device::flex()));
    named::replace(encoder, |name, old| {
        let values = fill_parameter(name, &old.shape);
        let length = [values.len()];
        Some(Tensor::from_data(TensorData::new(values, length), &old.values.device()))
    })
}

fn input(fixture: &Fixture) -> Tensor<4> {
    let shape = fixture.parameter("input").as_array().expect("a shape");
    let shape: Vec<usize> =
        shape.iter().map(|extent| extent.as_u64().expect("a number") as usize).collect();
    let values = fill("input", shape.iter().product(), -2.0, 2.0);
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

#[test]
fn representations_in_evaluation_match_pytorch() {
    let mut deviations = Vec::new();
    for case in CASES {
        let fixture = Fixture::open(&format!("encoder/{case}_eval"));
        let pass = Pass::evaluation(Precision::F32);
        let found = encoder(&fixture).forward(input(&fixture), &pass).unwrap();
        assert_eq!(found.dims(), [4, config(&fixture).representation_dim()], "{case}");
        deviations.extend(fixture.deviation("representation", found.into_data().iter::<f64>()));
        assert!(pass.into_statistics().is_empty(), "{case}: evaluation owes no statistics");
    }
    assert!(deviations.is_empty(), "{}", deviations.join("\n"));
}

/// `‖found - expected‖ / ‖expected‖`.
fn relative_error(found: &[f64], expected: &[f64]) -> f64 {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    norm(&mut found.iter().zip(expected).map(|(f, e)| f - e)) / norm(&mut expected.iter().copied())
}

#[test]
fn representations_are_those_of_torchvision_in_either_precision() {
    for case in CASES {
        let fixture = Fixture::open(&format!("encoder/{case}_eval"));
        let (_, expected) = fixture.array("representation");
        for (precision, allowed) in [(Precision::F32, 1e-4), (Precision::Bf16, 2e-2)] {
            let pass = Pass::evaluation(precision);
            let found = encoder(&fixture).forward(input(&fixture), &pass).unwrap();
            let found: Vec<f64> = found.into_data().iter::<f64>().collect();
            let error = relative_error(&found, &expected);
            assert!(error < allowed, "{case} in {precision:?}: {error:.1e}");
        }
    }
}

#[test]
fn representations_and_running_statistics_in_training_match_pytorch() {
    let mut deviations = Vec::new();
    for case in CASES {
        let fixture = Fixture::open(&format!("encoder/{case}_train"));
        let encoder = encoder(&fixture);
        let pass = Pass::training(&SingleRank, Precision::F32);
        let found = encoder.forward(input(&fixture), &pass).unwrap();
        deviations.extend(fixture.deviation("representation", found.into_data().iter::<f64>()));

        let fixture = Fixture::open(&format!("encoder/{case}_running_statistics"));
        let mut tensors = named::tensors(&commit(encoder, &pass.into_statistics()));
        for name in fixture.names() {
            let found = tensors.remove(&name).expect("the norm has running statistics");
            deviations.extend(fixture.deviation(&name, found.values.into_data().iter::<f64>()));
        }
    }
    assert!(deviations.is_empty(), "{}", deviations.join("\n"));
}

#[test]
fn tensors_of_all_sizes_have_the_names_and_shapes_of_torchvision() {
    for name in EncoderName::ALL {
        let size = name.as_str();
        let path = data_folder().join(format!("encoder/{size}_names.json"));
        let text = std::fs::read_to_string(path).unwrap();
        let file: serde_json::Value = serde_json::from_str(&text).unwrap();
        let expected: Vec<(String, Vec<usize>)> =
            serde_json::from_value(file["tensors"].clone()).unwrap();

        // The largest two at a sixteenth of the width, to save their hundred million weights.
        let share = if expected.len() > 300 { 16 } else { 1 };
        let scaled = |extent| if extent >= 64 { extent / share } else { extent };
        let expected: BTreeMap<String, Vec<usize>> = expected
            .into_iter()
            .map(|(name, shape)| (name, shape.into_iter().map(scaled).collect()))
            .collect();
        let config = EncoderConfig { name, width: 64 / share, ..EncoderConfig::default() };
        let encoder = Encoder::new(&config, &Initializer::new(0, &Device::flex()));
        let found: BTreeMap<_, _> = named::tensors(&encoder)
            .into_iter()
            .map(|(name, tensor)| (name, tensor.shape))
            .collect();
        assert_eq!(found, expected, "{size}");
    }
}

#[test]
fn representation_dims_are_those_of_the_last_stage_and_scale_with_the_width() {
    let dim = |name, width| {
        EncoderConfig { name, width, ..EncoderConfig::default() }.representation_dim()
    };
    // torchvision's `fc.in_features`.
    assert_eq!(EncoderName::ALL.map(|name| dim(name, 64)), [512, 512, 2048, 2048, 2048]);
    assert_eq!(dim(EncoderName::ResNet18, 16), 128);
    assert_eq!(dim(EncoderName::ResNet50, 16), 512);
}

#[test]
fn odd_sizes_and_any_number_of_channels_are_encoded() {
    for (channels, [height, width], stem) in
        [(1, [29, 31], Stem::Small), (5, [33, 70], Stem::Standard), (2, [1, 1], Stem::Small)]
    {
        let config = EncoderConfig {
            name: EncoderName::ResNet18,
            width: 4,
            stem,
            channels,
            zero_init_residual: false,
        };
        let device = Device::flex();
        let encoder = Encoder::new(&config, &Initializer::new(3, &device));
        let view = fill("view", 2 * channels * height * width, -2.0, 2.0);
        let view = Tensor::from_data(TensorData::new(view, [2, channels, height, width]), &device);
        for pass in [Pass::training(&SingleRank, Precision::F32), Pass::evaluation(Precision::F32)]
        {
            let found = encoder.forward(view.clone(), &pass).unwrap();
            assert_eq!(found.dims(), [2, 32]);
            assert!(found.into_data().iter::<f32>().all(f32::is_finite), "{height}x{width}");
        }
    }
}
