use std::collections::BTreeMap;

use barlow_testing::{data_folder, fill_parameter};

use super::*;
use crate::contents::TensorInfo;
use crate::encoder::{EncoderName, Stem};
use crate::expected;
use crate::tensor_file::Dtype;

fn open(name: &str) -> ForeignFile {
    let path = data_folder().join("weights").join(name);
    ForeignFile::open(&path).unwrap_or_else(|e| panic!("{name}: {e:?}"))
}

/// The plan of a fixture and the loaded tensors, held to what `fill.py` put into them.
fn imported(name: &str, rounded: impl Fn(f32) -> f32) -> (Plan, Imported) {
    let mut file = open(name);
    let plan = Plan::of(file.contents(), None).unwrap_or_else(|e| panic!("{name}: {e}"));
    let imported = plan.load(&mut file).unwrap();
    let shapes = expected(&plan.encoder);
    assert!(imported.encoder.keys().eq(shapes.keys()), "{name}");
    for (part, tensors) in
        [("", Some(&imported.encoder)), ("projector.", imported.projector.as_ref())]
    {
        for (tensor, array) in tensors.into_iter().flatten() {
            let expected = fill_parameter(&format!("{part}{tensor}"), &array.shape);
            let expected: Vec<f32> = expected.into_iter().map(&rounded).collect();
            assert_eq!(array.to_f32().unwrap(), expected, "{tensor} in {name}");
        }
    }
    for (tensor, array) in &imported.encoder {
        assert_eq!(array.shape, shapes[tensor], "{tensor} in {name}");
    }
    (plan, imported)
}

fn exactly(value: f32) -> f32 {
    value
}

fn left(plan: &Plan) -> BTreeMap<LeftBecause, usize> {
    let mut counts = BTreeMap::new();
    plan.left.values().for_each(|&reason| *counts.entry(reason).or_default() += 1);
    counts
}

fn config(name: EncoderName, width: usize, stem: Stem) -> EncoderConfig {
    EncoderConfig { name, width, stem, ..EncoderConfig::default() }
}

#[test]
fn torchvisions_names_are_taken_without_classifier_and_counts() {
    let (plan, imported) = imported("torchvision.pth", exactly);
    assert_eq!((plan.form, plan.prefix.as_str()), (Form::Torchvision, ""));
    assert_eq!(plan.encoder, config(EncoderName::ResNet18, 1, Stem::Standard));
    assert_eq!(imported.encoder.len(), 100);
    assert_eq!(imported.projector, None);
    let expected = [(LeftBecause::BatchCounter, 20), (LeftBecause::Classifier, 2)];
    assert_eq!(left(&plan), expected.into());
}

#[test]
fn bottlenecks_and_halves_are_taken() {
    let (plan, _) = imported("bottleneck.pth", exactly);
    assert_eq!(plan.encoder, config(EncoderName::ResNet50, 1, Stem::Small));
    let (plan, _) = imported("halves.safetensors", |value| half::f16::from_f32(value).to_f32());
    assert_eq!(plan.encoder, config(EncoderName::ResNet18, 1, Stem::Small));
}

#[test]
fn the_official_checkpoint_gives_encoder_projector_and_epoch() {
    let (plan, imported) = imported("official.pth", exactly);
    assert_eq!(plan.form, Form::OfficialCheckpoint);
    assert_eq!(plan.prefix, "model.module.backbone.");
    assert_eq!(plan.encoder, config(EncoderName::ResNet18, 2, Stem::Standard));
    assert_eq!(plan.epoch, Some(1000));
    let projector = plan.projector.as_ref().unwrap();
    assert_eq!((&projector.widths[..], projector.batch_norm), (&[12, 12, 6][..], true));
    let names: Vec<_> = imported.projector.as_ref().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names.len(), 11);
    assert_eq!(names[..3], ["0.weight", "1.bias", "1.running_mean"]);
    // `model.module.bn`, its counter, those of `backbone.bn1` and of the projector's norms, two of LARS.
    let expected =
        [(LeftBecause::BatchCounter, 4), (LeftBecause::LossNormaliser, 2), (LeftBecause::Other, 2)];
    assert_eq!(left(&plan), expected.into());
}

#[test]
fn numbered_children_of_lightly_become_torchvisions_names() {
    let (plan, _) = imported("lightly.ckpt", |value| half::bf16::from_f32(value).to_f32());
    assert_eq!((plan.form, plan.prefix.as_str()), (Form::Lightly, "state_dict.backbone."));
    assert_eq!(plan.encoder, config(EncoderName::ResNet18, 2, Stem::Small));
    assert_eq!(plan.encoder_names["layer4.1.bn2.bias"], "state_dict.backbone.7.1.bn2.bias");
    // Lightly's last linear layer has a bias.
    assert_eq!(plan.projector, None);
    assert_eq!(
        plan.left["state_dict.projection_head.layers.3.bias"],
        LeftBecause::ProjectorWithBias
    );
    assert_eq!(plan.epoch, Some(3));
}

#[test]
fn a_projector_with_biases_and_a_momentum_network_are_left_by_name() {
    let (plan, imported) = imported("solo_learn.ckpt", exactly);
    // With no projector that could be taken the rest still tells whose it is.
    assert_eq!((plan.form, plan.prefix.as_str()), (Form::SoloLearn, "state_dict.backbone."));
    assert_eq!(imported.projector, None);
    assert_eq!(plan.left["state_dict.projector.0.bias"], LeftBecause::ProjectorWithBias);
    assert_eq!(plan.left["state_dict.classifier.weight"], LeftBecause::Classifier);
    let momentum = "state_dict.momentum_backbone.conv1.weight";
    assert_eq!(plan.left[momentum], LeftBecause::MomentumNetwork);
}

#[test]
fn the_query_encoder_of_moco_is_taken_and_the_key_encoder_on_demand() {
    let (plan, _) = imported("moco.pth.tar", exactly);
    assert_eq!((plan.form, plan.prefix.as_str()), (Form::Moco, "state_dict.module.encoder_q."));
    let head = "state_dict.module.encoder_q.fc.0.weight";
    assert_eq!(plan.left[head], LeftBecause::Classifier);
    assert_eq!(plan.left["state_dict.module.queue"], LeftBecause::Other);

    let keys = "state_dict.module.encoder_k.";
    let plan = Plan::of(open("moco.pth.tar").contents(), Some(keys)).unwrap();
    assert_eq!(plan.prefix, keys);
}

/// A file with the tensors of an encoder, each under the name that `rename` gives.
fn contents(config: &EncoderConfig, rename: impl Fn(&str) -> String) -> Contents {
    let tensors = expected(config)
        .into_iter()
        .map(|(name, shape)| (rename(&name), TensorInfo { dtype: Dtype::F32, shape }));
    Contents { tensors: tensors.collect(), ..Contents::default() }
}

#[test]
fn every_size_and_stem_is_told_from_its_shapes_under_any_prefix() {
    let prefixes = [
        ("", Form::Torchvision),
        ("module.", Form::Torchvision),
        ("_orig_mod.", Form::Torchvision),
        ("module._orig_mod.", Form::Torchvision),
        ("state_dict.model.", Form::Torchvision),
        ("state_dict.module.encoder_q.", Form::Moco),
        ("student.encoder.", Form::Prefixed),
    ];
    for name in EncoderName::ALL {
        for (prefix, form) in prefixes {
            for (stem, channels, width) in [(Stem::Standard, 3, 64), (Stem::Small, 1, 24)] {
                let config = EncoderConfig { channels, ..config(name, width, stem) };
                let plan = Plan::of(&contents(&config, |n| format!("{prefix}{n}")), None).unwrap();
                assert_eq!(plan.encoder, config, "{prefix}");
                assert_eq!((plan.prefix.as_str(), plan.form), (prefix, form), "{prefix}");
                assert!(plan.left.is_empty());
            }
        }
    }
}

#[test]
fn lightlys_own_resnet_has_shortcuts_and_two_children_fewer() {
    let config = config(EncoderName::ResNet50, 8, Stem::Small);
    let rename = |name: &str| {
        let name = name.replace("downsample", "shortcut");
        let (part, rest) = name.split_once('.').unwrap();
        let number = match part {
            "conv1" => 0,
            "bn1" => 1,
            stage => stage.trim_start_matches("layer").parse::<usize>().unwrap() + 1,
        };
        format!("backbone.{number}.{rest}")
    };
    let plan = Plan::of(&contents(&config, rename), None).unwrap();
    assert_eq!((plan.form, plan.encoder), (Form::Lightly, config));
    let names = &plan.encoder_names;
    assert_eq!(names["layer1.0.downsample.0.weight"], "backbone.2.0.shortcut.0.weight");
}

#[test]
fn our_own_encoder_is_told_by_its_metadata() {
    let mut contents = contents(&EncoderConfig::default(), str::to_owned);
    contents.metadata.insert("barlow".to_owned(), "{}".to_owned());
    assert_eq!(Plan::of(&contents, None).unwrap().form, Form::Barlow);
}

/// What is said of a file of ResNet-50 after a change.
fn said(change: impl Fn(&mut BTreeMap<String, TensorInfo>)) -> String {
    let mut contents = contents(&EncoderConfig::default(), str::to_owned);
    change(&mut contents.tensors);
    Plan::of(&contents, None).expect_err("it was changed").to_string()
}

fn info(shape: &[usize]) -> TensorInfo {
    TensorInfo { dtype: Dtype::F32, shape: shape.to_vec() }
}

#[test]
fn relatives_of_resnet_are_refused_by_name() {
    let deep = said(|t| drop(t.insert("conv1.0.weight".to_owned(), info(&[32, 3, 3, 3]))));
    let expected = "it holds a ResNet with a stem of three convolutions, which is not supported: \
                    `conv1.0.weight` is [32, 3, 3, 3]";
    assert_eq!(deep, expected);
    let wide =
        said(|t| drop(t.insert("layer1.0.conv2.weight".to_owned(), info(&[128, 128, 3, 3]))));
    assert!(wide.contains("a wide ResNet") && wide.contains("[128, 128, 3, 3]"), "{wide}");
    let next = said(|t| drop(t.insert("layer1.0.conv2.weight".to_owned(), info(&[128, 4, 3, 3]))));
    assert!(next.contains("a ResNeXt, whose convolutions have groups"), "{next}");
    let shortcut =
        said(|t| drop(t.insert("layer1.0.downsample.1.weight".to_owned(), info(&[256, 64, 1, 1]))));
    assert!(shortcut.contains("a ResNet-D"), "{shortcut}");
    let attention =
        said(|t| drop(t.insert("layer1.0.se.fc1.weight".to_owned(), info(&[16, 256, 1, 1]))));
    assert!(attention.contains("attention to channels"), "{attention}");
    let stem = said(|t| drop(t.insert("conv1.weight".to_owned(), info(&[64, 3, 4, 4]))));
    assert!(stem.contains("a stem that is neither 7x7 nor 3x3"), "{stem}");
    let blocks = said(|t| t.retain(|name, _| !name.starts_with("layer3.5.")));
    let expected = "it has [3, 4, 5, 3] blocks of 3 convolutions, which no ResNet of 18, 34, 50, 101 or \
                    152 layers has";
    assert_eq!(blocks, expected);
    let none = said(|t| t.retain(|name, _| name.starts_with("bn")));
    assert!(none.starts_with("none of its 4 tensors is a ResNet's first convolution"), "{none}");
}

#[test]
fn everything_missing_extra_or_of_another_shape_or_type_is_named_at_once() {
    let said = said(|tensors| {
        tensors.remove("layer2.0.bn1.weight");
        tensors.insert("layer4.2.gate".to_owned(), info(&[1]));
        tensors.insert("layer3.0.conv1.weight".to_owned(), info(&[256, 512, 3, 3]));
        tensors.get_mut("bn1.bias").unwrap().dtype = Dtype::I64;
    });
    let expected = "its tensors are not those of resnet50 of width 64: `bn1.bias` is of type I64; \
                    `layer2.0.bn1.weight` is missing; `layer3.0.conv1.weight` is [256, 512, 3, 3], \
                    expected [256, 512, 1, 1]; `layer4.2.gate` is not part of it";
    assert_eq!(said, expected);
}

#[test]
fn two_encoders_are_told_apart_only_by_a_prefix() {
    let config = config(EncoderName::ResNet18, 4, Stem::Small);
    let mut both = contents(&config, |name| format!("a.{name}"));
    both.tensors.extend(contents(&config, |name| format!("b.{name}")).tensors);
    let error = Plan::of(&both, None).unwrap_err().to_string();
    assert_eq!(error, "it holds several encoders; name the one to take: `a.`, `b.`");
    assert_eq!(Plan::of(&both, Some("b.")).unwrap().prefix, "b.");
    assert!(matches!(Plan::of(&both, Some("c.")), Err(LayoutError::NoEncoder { .. })));
}

#[test]
fn projectors_are_taken_only_in_our_form() {
    let config = config(EncoderName::ResNet18, 2, Stem::Small);
    let norm = |n: usize, width: usize| {
        ["weight", "bias", "running_mean", "running_var"]
            .map(|part| (format!("{n}.{part}"), vec![width]))
            .to_vec()
    };
    let linear =
        |n: usize, outputs: usize, inputs: usize| (format!("{n}.weight"), vec![outputs, inputs]);
    let plan = |tensors: Vec<(String, Vec<usize>)>| {
        let mut contents = contents(&config, |name| format!("backbone.{name}"));
        for (name, shape) in tensors {
            contents.tensors.insert(format!("projector.{name}"), info(&shape));
        }
        Plan::of(&contents, None).unwrap()
    };
    let taken = |tensors| plan(tensors).projector.map(|p| (p.widths, p.batch_norm));
    assert_eq!(taken(vec![linear(0, 5, 16)]), Some((vec![5], false)));
    assert_eq!(taken(vec![linear(0, 5, 16), linear(2, 4, 5)]), Some((vec![5, 4], false)));
    let normed = [vec![linear(0, 5, 16), linear(3, 4, 5)], norm(1, 5)].concat();
    assert_eq!(taken(normed.clone()), Some((vec![5, 4], true)));

    // Another input, a norm of another width, a norm after the last layer, a missing statistic.
    let refused = [
        vec![linear(0, 5, 32)],
        [vec![linear(0, 5, 16), linear(3, 4, 5)], norm(1, 4)].concat(),
        [normed.clone(), norm(4, 4)].concat(),
        normed[..normed.len() - 1].to_vec(),
    ];
    for tensors in refused {
        let plan = plan(tensors);
        assert_eq!(plan.projector, None);
        assert_eq!(plan.left["projector.0.weight"], LeftBecause::ProjectorForm);
    }
}
