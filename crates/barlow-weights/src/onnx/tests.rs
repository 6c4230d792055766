//! What is written is decoded again, looked at, and computed in f64 against PyTorch's numbers.

mod decode;
mod evaluate;

use std::collections::BTreeSet;

use barlow_testing::{Fixture, fill, fill_parameter};
use serde_json::json;

use super::*;
use crate::encoder::{EncoderConfig, EncoderName, Stem};
use crate::tensor_file::Array;
use decode::Decoded;
use evaluate::{Tensor, evaluate};

fn facts(encoder: EncoderConfig, image_size: usize) -> EncoderFacts {
    let channels = encoder.channels;
    EncoderFacts {
        encoder,
        image_size,
        resize: image_size * 8 / 7,
        mean: vec![0.485, 0.456, 0.406, 0.5][..channels].to_vec(),
        std: vec![0.229, 0.224, 0.225, 0.25][..channels].to_vec(),
        files: json!(null),
        objective: "barlow-twins".to_owned(),
        epoch: 3,
        version: "1.2.3".to_owned(),
    }
}

/// The encoder of a fixture, as `reference/encoder.py` built it.
fn of_fixture(fixture: &Fixture) -> EncoderFacts {
    let size = fixture.parameter("size").as_str().unwrap();
    let number = |value: &serde_json::Value| value.as_u64().unwrap() as usize;
    let is_small = fixture.parameter("small_stem") == true;
    let encoder = EncoderConfig {
        name: EncoderName::ALL.into_iter().find(|name| name.as_str() == size).unwrap(),
        width: number(fixture.parameter("width")),
        stem: if is_small { Stem::Small } else { Stem::Standard },
        channels: number(&fixture.parameter("input")[1]),
        zero_init_residual: true,
    };
    facts(encoder, number(&fixture.parameter("input")[2]))
}

fn narrow(name: EncoderName) -> EncoderConfig {
    EncoderConfig { name, width: 2, ..EncoderConfig::default() }
}

fn filled(shapes: &BTreeMap<String, Vec<usize>>) -> Tensors {
    let array = |name, shape: &[usize]| Array::from_f32(shape, &fill_parameter(name, shape));
    shapes.iter().map(|(name, shape)| (name.clone(), array(name, shape).unwrap())).collect()
}

fn filled_encoder(facts: &EncoderFacts) -> Tensors {
    filled(&expected(&facts.encoder))
}

/// A projector 5-4-3 by its names, with batch norms or without.
fn filled_projector(input: usize, has_norms: bool) -> Tensors {
    let linear = |index: usize, shape: [usize; 2]| (format!("{index}.weight"), shape.to_vec());
    let step = if has_norms { 3 } else { 2 };
    let mut shapes: BTreeMap<String, Vec<usize>> =
        [linear(0, [5, input]), linear(step, [4, 5]), linear(2 * step, [3, 4])].into();
    if has_norms {
        for (index, width) in [(1, 5), (4, 4)] {
            for leaf in ["weight", "bias", "running_mean", "running_var"] {
                shapes.insert(format!("{index}.{leaf}"), vec![width]);
            }
        }
    }
    filled(&shapes)
}

fn written(
    facts: &EncoderFacts,
    tensors: &Tensors,
    projector: Option<&Tensors>,
    options: ExportOptions,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(facts, tensors, projector, &options, &mut bytes).unwrap();
    bytes
}

fn refusal(facts: &EncoderFacts, tensors: &Tensors, projector: Option<&Tensors>) -> OnnxError {
    let mut bytes = Vec::new();
    let options = ExportOptions { normalises: true, ..ExportOptions::default() };
    let error = write(facts, tensors, projector, &options, &mut bytes).unwrap_err();
    assert!(bytes.is_empty(), "nothing is written");
    error
}

fn fixture_input(fixture: &Fixture) -> Tensor {
    let shape: Vec<usize> = serde_json::from_value(fixture.parameter("input").clone()).unwrap();
    Tensor::new(&shape, fill("input", shape.iter().product(), -2.0, 2.0))
}

#[test]
fn models_compute_the_representations_of_pytorch() {
    let mut deviations = Vec::new();
    for (case, folds_batch_norm) in [
        ("resnet18", false),
        ("resnet18_small_stem", false),
        ("resnet18_small_stem", true),
        ("resnet50_small_stem", false),
        ("resnet50_small_stem", true),
    ] {
        let fixture = Fixture::open(&format!("encoder/{case}_eval"));
        let facts = of_fixture(&fixture);
        let tensors = filled_encoder(&facts);
        let options = ExportOptions { folds_batch_norm, ..ExportOptions::default() };
        let model = Decoded::read(&written(&facts, &tensors, None, options));
        let found = evaluate(&model, fixture_input(&fixture)).remove(REPRESENTATION).unwrap();
        assert_eq!(found.shape, [4, facts.encoder.representation_dim()]);
        deviations.extend(fixture.deviation("representation", found.values));
    }
    assert!(deviations.is_empty(), "{}", deviations.join("\n"));
}

#[test]
fn a_model_that_normalises_gives_for_raw_values_what_the_other_gives_for_normalised_ones() {
    let facts = facts(narrow(EncoderName::ResNet18), 8);
    let tensors = filled_encoder(&facts);
    let representation = |normalises, values: Vec<f32>| {
        let options = ExportOptions { normalises, ..ExportOptions::default() };
        let model = Decoded::read(&written(&facts, &tensors, None, options));
        evaluate(&model, Tensor::new(&[2, 3, 8, 8], values)).remove(REPRESENTATION).unwrap().values
    };
    let raw = fill("image", 2 * 3 * 64, 0.0, 1.0);
    let of_channel = |i: usize| i / 64 % 3;
    let normalised = raw.iter().enumerate().map(|(i, &value)| {
        let channel = of_channel(i);
        (value - facts.mean[channel]) / facts.std[channel]
    });
    let expected = representation(false, normalised.collect());
    let largest = expected.iter().copied().fold(0.0, f64::max);
    for (found, expected) in representation(true, raw).iter().zip(&expected) {
        // The normalised values were rounded to f32.
        assert!((found - expected).abs() < 1e-5 * largest, "{found}, expected {expected}");
    }
}

#[test]
fn embeddings_are_those_of_the_projectors_definition() {
    let facts = facts(narrow(EncoderName::ResNet18), 8);
    let tensors = filled_encoder(&facts);
    for has_norms in [true, false] {
        let projector = filled_projector(16, has_norms);
        let bytes = written(&facts, &tensors, Some(&projector), ExportOptions::default());
        let model = Decoded::read(&bytes);
        let values = evaluate(&model, Tensor::new(&[2, 3, 8, 8], fill("x", 384, -2.0, 2.0)));

        let numbers = |name: String| -> Vec<f64> {
            projector[&name].to_f32().unwrap().into_iter().map(f64::from).collect()
        };
        let linear = |x: &[f64], index: usize| -> Vec<f64> {
            let weight = numbers(format!("{index}.weight"));
            let rows = weight.chunks(x.len());
            rows.map(|row| row.iter().zip(x).map(|(w, x)| w * x).sum()).collect()
        };
        let norm = |x: Vec<f64>, index: usize| -> Vec<f64> {
            let [w, b, m, v] = ["weight", "bias", "running_mean", "running_var"]
                .map(|leaf| numbers(format!("{index}.{leaf}")));
            (0..x.len()).map(|i| (x[i] - m[i]) / (v[i] + 1e-5).sqrt() * w[i] + b[i]).collect()
        };
        let relu = |x: Vec<f64>| -> Vec<f64> { x.into_iter().map(|x| x.max(0.0)).collect() };
        let found = &values[EMBEDDING];
        assert_eq!(found.shape, [2, 3]);
        for (representation, found) in
            values[REPRESENTATION].values.chunks(16).zip(found.values.chunks(3))
        {
            let expected = if has_norms {
                let x = relu(norm(linear(representation, 0), 1));
                linear(&relu(norm(linear(&x, 3), 4)), 6)
            } else {
                linear(&relu(linear(&relu(linear(representation, 0)), 2)), 4)
            };
            for (found, expected) in found.iter().zip(expected) {
                // Epsilon is an f32 in the file.
                assert!((found - expected).abs() < 1e-9 * (1.0 + expected.abs()), "{has_norms}");
            }
        }
    }
}

#[test]
fn operators_are_as_many_as_torchvision_has_modules() {
    // Convolutions, ReLU calls, sums, and convolutions at stride 2, of the standard stem.
    for (name, counts) in EncoderName::ALL.into_iter().zip([
        [20, 17, 8, 7],
        [36, 33, 16, 7],
        [53, 49, 16, 7],
        [104, 100, 33, 7],
        [155, 151, 50, 7],
    ]) {
        for stem in [Stem::Standard, Stem::Small] {
            let facts = facts(EncoderConfig { stem, ..narrow(name) }, 32);
            let bytes = written(&facts, &filled_encoder(&facts), None, ExportOptions::default());
            let model = Decoded::read(&bytes);
            let count = |operator: &str| {
                model.nodes.iter().filter(|node| node.operator == operator).count()
            };
            let is_small = usize::from(stem == Stem::Small);
            let strided = |node: &&decode::Node| {
                node.operator == "Conv" && node.integers["strides"] == [2, 2]
            };
            let strided = model.nodes.iter().filter(strided).count() + is_small;
            assert_eq!([count("Conv"), count("Relu"), count("Add"), strided], counts, "{name:?}");
            assert_eq!(count("BatchNormalization"), counts[0]);
            assert_eq!(count("MaxPool"), 1 - is_small);
            assert_eq!((count("GlobalAveragePool"), count("Flatten")), (1, 1));
        }
    }
}

#[test]
fn every_value_is_made_once_before_it_is_used_and_constants_are_the_tensors() {
    for name in EncoderName::ALL {
        let facts = facts(narrow(name), 32);
        let tensors = filled_encoder(&facts);
        let projector = filled_projector(facts.encoder.representation_dim(), true);
        let bytes = written(&facts, &tensors, Some(&projector), ExportOptions::default());
        let model = Decoded::read(&bytes);

        let mut known: BTreeSet<&str> = model.constants.keys().map(String::as_str).collect();
        assert!(known.insert(INPUT));
        let mut used = BTreeSet::new();
        for node in &model.nodes {
            for input in &node.inputs {
                assert!(known.contains(input.as_str()), "{name:?}: {input} is not known");
                used.insert(input.as_str());
            }
            assert_eq!(node.outputs.len(), 1);
            assert!(known.insert(&node.outputs[0]), "{name:?}: {} twice", node.outputs[0]);
        }
        let unused: Vec<&str> = known.difference(&used).copied().collect();
        assert_eq!(unused, [EMBEDDING], "{name:?}");

        let renamed = projector.iter().map(|(name, array)| (format!("projector.{name}"), array));
        let all: BTreeMap<_, _> =
            tensors.iter().map(|(name, array)| (name.clone(), array)).chain(renamed).collect();
        assert!(all.keys().eq(model.constants.keys()), "{name:?}");
        for (name, array) in all {
            let constant = &model.constants[&name];
            assert_eq!((&array.shape, &array.bytes), (&constant.shape, &constant.bytes), "{name}");
        }
    }
}

#[test]
fn inputs_and_outputs_have_the_extents_asked_for() {
    let facts = facts(narrow(EncoderName::ResNet50), 40);
    let tensors = filled_encoder(&facts);
    let projector = filled_projector(64, true);
    for (batch, has_dynamic_size, image, row) in [
        (None, false, ["batch", "3", "40", "40"], "batch"),
        (Some(7), false, ["7", "3", "40", "40"], "7"),
        (None, true, ["batch", "3", "height", "width"], "batch"),
        (Some(1), true, ["1", "3", "height", "width"], "1"),
    ] {
        let options = ExportOptions { batch, has_dynamic_size, ..ExportOptions::default() };
        let model = Decoded::read(&written(&facts, &tensors, Some(&projector), options));
        let value = |name: &str, extents: &[&str]| {
            (name.to_owned(), extents.iter().map(ToString::to_string).collect::<Vec<String>>())
        };
        assert_eq!(model.inputs, [value(INPUT, &image)]);
        let outputs = [value(REPRESENTATION, &[row, "64"]), value(EMBEDDING, &[row, "3"])];
        assert_eq!(model.outputs, outputs);
        assert_eq!((model.ir_version, model.opset), (8, 17));
    }
}

#[test]
fn metadata_say_how_images_are_prepared() {
    let facts = facts(narrow(EncoderName::ResNet34), 56);
    let tensors = filled_encoder(&facts);
    for (normalises, input) in [(false, "(values 0..1 - mean) / std"), (true, "values 0..1")] {
        let options = ExportOptions { normalises, ..ExportOptions::default() };
        let metadata = Decoded::read(&written(&facts, &tensors, None, options)).metadata;
        for (key, expected) in [
            ("encoder", "resnet34"),
            ("image_size", "56"),
            ("resize", "64"),
            ("mean", "[0.485,0.456,0.406]"),
            ("std", "[0.229,0.224,0.225]"),
            ("input", input),
        ] {
            assert_eq!(metadata[key], expected, "{key}");
        }
        let read: EncoderFacts = serde_json::from_str(&metadata[crate::FACTS_KEY]).unwrap();
        assert_eq!(read, facts);
    }
}

#[test]
fn the_same_encoder_gives_the_same_bytes() {
    let facts = facts(narrow(EncoderName::ResNet18), 32);
    let model = || written(&facts, &filled_encoder(&facts), None, ExportOptions::default());
    assert_eq!(model(), model());
}

#[test]
fn tensors_that_do_not_fit_are_all_named_and_nothing_is_written() {
    let facts = facts(narrow(EncoderName::ResNet18), 32);
    let mut tensors = filled_encoder(&facts);
    tensors.remove("layer3.0.downsample.0.weight");
    tensors.remove("layer1.0.bn1.bias");
    tensors.insert("fc.weight".to_owned(), Array::from_f32(&[1], &[0.0]).unwrap());
    tensors.insert("bn1.bias".to_owned(), Array::from_f32(&[3], &[0.0; 3]).unwrap());
    tensors.insert("bn1.weight".to_owned(), Array::from_values(&[2], &[0.0_f64; 2]).unwrap());
    let error = refusal(&facts, &tensors, None);
    let OnnxError::Mismatch(mismatch) = &error else { panic!("{error}") };
    assert_eq!(mismatch.part, "encoder");
    assert_eq!(mismatch.missing, ["layer1.0.bn1.bias", "layer3.0.downsample.0.weight"]);
    assert_eq!(mismatch.unused, ["fc.weight"]);
    let misshaped = ["bn1.bias: F32 [3], expected [2]", "bn1.weight: F64 [2], expected [2]"];
    assert_eq!(mismatch.misshaped, misshaped);

    let mut cut = filled_encoder(&facts);
    cut.get_mut("conv1.weight").unwrap().bytes.pop();
    let error = refusal(&facts, &cut, None);
    assert!(matches!(&error, OnnxError::Array { name, .. } if name == "conv1.weight"), "{error}");
}

#[test]
fn projectors_of_another_form_are_refused_by_name() {
    let facts = facts(narrow(EncoderName::ResNet18), 32);
    let tensors = filled_encoder(&facts);
    let one = |shape: &[usize]| Array::from_f32(shape, &vec![0.0; shape.iter().product()]).unwrap();
    let with = |changes: &[(&str, &[usize])]| {
        let mut projector = filled_projector(16, true);
        for (name, shape) in changes {
            projector.insert((*name).to_owned(), one(shape));
        }
        projector
    };
    for (projector, name) in [
        (Tensors::new(), "missing (`0.weight`)"),
        (filled_projector(17, true), "0.weight: F32 [5, 17], expected [5, 16]"),
        (with(&[("0.bias", &[4])]), "0.bias: F32 [4], expected [5]"),
        (with(&[("2.bias", &[5])]), "1 without a place (`2.bias`)"),
        (with(&[("3.weight", &[4, 6])]), "3.weight: F32 [4, 6], expected [4, 5]"),
        (with(&[("7.running_mean", &[3])]), "3 missing (`7.bias` to `7.weight`)"),
        (with(&[("6.weight", &[0, 4])]), "a width of the projector is 0"),
    ] {
        let text = refusal(&facts, &tensors, Some(&projector)).to_string();
        assert!(text.contains(name), "{text}, expected {name}");
    }
}

#[test]
fn extents_and_normalisations_that_no_model_can_have_are_refused() {
    let good = facts(narrow(EncoderName::ResNet18), 32);
    let tensors = filled_encoder(&good);
    let changed = |change: &dyn Fn(&mut EncoderFacts)| {
        let mut facts = good.clone();
        change(&mut facts);
        refusal(&facts, &tensors, None).to_string()
    };
    for (found, expected) in [
        (changed(&|facts| facts.encoder.width = 0), "the width is 0"),
        (changed(&|facts| facts.encoder.channels = 0), "the number of channels is 0"),
        (changed(&|facts| facts.image_size = 0), "the image size is 0"),
        (changed(&|facts| facts.image_size = usize::MAX), "the image size is 1"),
        (changed(&|facts| facts.encoder.width = usize::MAX / 2), "of another shape or type"),
        (changed(&|facts| facts.mean = vec![0.5]), "do not normalise 3 channel(s)"),
        (changed(&|facts| facts.std[1] = 0.0), "do not normalise"),
        (changed(&|facts| facts.std[1] = f32::NAN), "do not normalise"),
        (changed(&|facts| facts.mean[2] = f32::INFINITY), "do not normalise"),
    ] {
        assert!(found.contains(expected), "{found}, expected {expected}");
    }
    let options = ExportOptions { batch: Some(0), ..ExportOptions::default() };
    let error = write(&good, &tensors, None, &options, Vec::new()).unwrap_err();
    assert!(matches!(error, OnnxError::Extent { what: "the batch", found: 0 }), "{error}");
}

#[test]
fn a_model_above_the_limit_is_refused_before_a_byte_is_written() {
    let mut model = Message::default();
    model.text(1, "four");
    let mut bytes = Vec::new();
    let error = write_within(5, &model, &mut bytes).unwrap_err();
    assert!(matches!(error, OnnxError::TooLarge { bytes: 6, limit: 5 }), "{error}");
    assert!(bytes.is_empty());
    write_within(6, &model, &mut bytes).unwrap();
    assert_eq!(bytes.len(), 6);
}
