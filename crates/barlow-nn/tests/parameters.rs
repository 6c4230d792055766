//! Parameters: first weights, names, loading, and what a training pass owes.

use std::collections::BTreeMap;

use barlow_nn::collective::SingleRank;
use barlow_nn::layers::{BatchNorm, Finish};
use barlow_nn::tensor_file::{Array, Tensors};
use barlow_nn::{
    Encoder, EncoderConfig, EncoderName, Initializer, Network, Pass, Precision, ProjectorConfig,
    Stem, commit, named,
};
use barlow_testing::fill;
use burn::tensor::{Device, Tensor, TensorData};

fn encoder_config(name: EncoderName, zero_init_residual: bool) -> EncoderConfig {
    EncoderConfig { name, width: 4, stem: Stem::Small, channels: 3, zero_init_residual }
}

fn projector_config(widths: &str, batch_norm: bool) -> ProjectorConfig {
    ProjectorConfig { batch_norm, ..ProjectorConfig::new(widths.parse().expect("widths")) }
}

fn network(widths: &str, initializer: &Initializer) -> Network {
    let encoder = encoder_config(EncoderName::ResNet18, true);
    Network::new(&encoder, &projector_config(widths, true), initializer)
}

fn values(array: &Array) -> Vec<f64> {
    array.to_f32().expect("weights are f32").into_iter().map(f64::from).collect()
}

#[test]
fn first_weights_do_not_depend_on_device_or_on_other_parts() {
    let device = Device::flex();
    let expected = named::arrays(&network("24-24-16", &Initializer::new(7, &device)), "");

    let autodiff = network("24-24-16", &Initializer::new(7, &device.clone().autodiff()));
    assert_eq!(named::arrays(&autodiff, ""), expected);

    // The encoder alone, and before any projector.
    let encoder = Encoder::new(
        &encoder_config(EncoderName::ResNet18, true),
        &Initializer::new(7, &device).part("encoder"),
    );
    let found = named::arrays(&encoder, "encoder.");
    assert!(found.iter().all(|(name, array)| expected[name] == *array));

    let wider = named::arrays(&network("32-32-8", &Initializer::new(7, &device)), "");
    for (name, array) in wider.iter().filter(|(name, _)| name.starts_with("encoder.")) {
        assert_eq!(expected[name], *array, "{name}");
    }
}

#[test]
fn first_weights_differ_between_seeds_and_between_names() {
    let device = Device::flex();
    let [one, two] =
        [7, 8].map(|seed| named::arrays(&network("24-24", &Initializer::new(seed, &device)), ""));
    for (name, array) in &one {
        // Norms start from constants.
        assert_eq!(array.shape.len() == 1, *array == two[name], "{name}");
    }
    // Equal shapes under different names.
    let same = |a: &str, b: &str| one[a] == one[b];
    assert!(!same("encoder.layer1.0.conv1.weight", "encoder.layer1.0.conv2.weight"));
    assert!(!same("encoder.layer1.0.conv1.weight", "encoder.layer1.1.conv1.weight"));
}

#[test]
fn convolutions_start_normal_with_the_deviation_of_fan_out() {
    let shape = [64, 32, 3, 3];
    let weight = Initializer::new(1, &Device::flex()).kaiming_normal("weight", shape);
    let weight: Vec<f64> = weight.val().into_data().iter::<f64>().collect();
    let n = weight.len() as f64; // 18432
    let deviation = (2.0_f64 / (64.0 * 9.0)).sqrt();
    let moment = |power: i32| weight.iter().map(|w| (w / deviation).powi(power)).sum::<f64>() / n;
    // Five standard errors of each moment of a normal distribution.
    for (power, expected, variance) in
        [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0_f64)]
    {
        let allowed = 5.0 * (variance / n).sqrt();
        let found = moment(power);
        assert!((found - expected).abs() < allowed, "moment {power} is {found}, not {expected}");
    }
}

#[test]
fn linear_layers_start_uniform_within_the_bound_of_fan_in() {
    let weight = Initializer::new(1, &Device::flex()).kaiming_uniform("weight", [150, 300]);
    let bound = 1.0 / 300.0_f64.sqrt();
    let weight: Vec<f64> =
        weight.val().into_data().iter::<f64>().map(|weight| weight / bound).collect();
    let n = weight.len() as f64; // 45000
    let largest = weight.iter().fold(0.0_f64, |largest, w| largest.max(w.abs()));
    assert!((0.999..=1.0 + 1e-7).contains(&largest), "{largest} of the bound");
    let mean = weight.iter().sum::<f64>() / n;
    let variance = weight.iter().map(|w| w * w).sum::<f64>() / n;
    // Five standard errors: Var(w) = 1/3, Var(w²) = 4/45.
    assert!(mean.abs() < 5.0 * (1.0 / 3.0 / n).sqrt(), "mean {mean}");
    assert!((variance - 1.0 / 3.0).abs() < 5.0 * (4.0 / 45.0 / n).sqrt(), "variance {variance}");
}

#[test]
fn only_the_last_norm_of_each_residual_branch_starts_at_zero() {
    for (name, last) in
        [(EncoderName::ResNet34, "bn2.weight"), (EncoderName::ResNet50, "bn3.weight")]
    {
        for zero_init in [true, false] {
            let encoder = Encoder::new(
                &encoder_config(name, zero_init),
                &Initializer::new(0, &Device::flex()),
            );
            let mut zeros = 0;
            for (name, array) in named::arrays(&encoder, "") {
                if array.shape.len() != 1 {
                    continue;
                }
                let is_last = zero_init && name.starts_with("layer") && name.ends_with(last);
                let starts_at_zero =
                    is_last || name.ends_with("bias") || name.ends_with("running_mean");
                zeros += usize::from(is_last);
                let expected = if starts_at_zero { 0.0 } else { 1.0 };
                assert_eq!(values(&array), vec![expected; array.shape[0]], "{name}");
            }
            assert_eq!(zeros, if zero_init { 16 } else { 0 }); // 3 + 4 + 6 + 3 blocks
        }
    }
}

#[test]
fn projector_layers_are_numbered_as_a_pytorch_sequential_with_its_relus() {
    let names = |widths: &str, batch_norm| {
        let config = projector_config(widths, batch_norm);
        let projector = config.init(10, &Initializer::new(0, &Device::flex()));
        named::tensors(&projector)
            .into_iter()
            .map(|(name, tensor)| format!("{name} {:?}", tensor.shape))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names("12-13-14", false),
        ["0.weight [12, 10]", "2.weight [13, 12]", "4.weight [14, 13]"]
    );
    assert_eq!(
        names("12-13-14", true),
        [
            "0.weight [12, 10]",
            "1.bias [12]",
            "1.running_mean [12]",
            "1.running_var [12]",
            "1.weight [12]",
            "3.weight [13, 12]",
            "4.bias [13]",
            "4.running_mean [13]",
            "4.running_var [13]",
            "4.weight [13]",
            "6.weight [14, 13]",
        ]
    );
    assert_eq!(names("12", true), ["0.weight [12, 10]"]);
}

#[test]
fn only_running_statistics_are_not_trained() {
    let network = network("24-24", &Initializer::new(0, &Device::flex().autodiff()));
    for (name, tensor) in named::tensors(&network) {
        assert_eq!(tensor.is_trained, !name.contains("running_"), "{name}");
    }
}

#[test]
fn loading_names_every_tensor_that_does_not_fit_and_loads_nothing() {
    let device = Device::flex();
    let module = network("24-24", &Initializer::new(0, &device));
    let before = named::arrays(&module, "");
    let mut arrays = named::arrays(&network("24-24", &Initializer::new(1, &device)), "online.");
    for missing in ["encoder.bn1.bias", "projector.0.weight"] {
        arrays.remove(&format!("online.{missing}"));
    }
    let extra = Array::from_f32(&[1], &[0.0]).unwrap();
    arrays.insert("online.fc.weight".to_owned(), extra.clone());
    arrays.insert("other.fc.bias".to_owned(), extra);
    let transposed = Array::from_f32(&[3, 4, 3, 3], &[0.0; 108]).unwrap();
    arrays.insert("online.encoder.conv1.weight".to_owned(), transposed);
    let counted = Array::from_u64(&[4], &[0; 4]).unwrap();
    arrays.insert("online.encoder.bn1.weight".to_owned(), counted);

    let error = named::load(module.clone(), &arrays, "online.").unwrap_err();
    assert_eq!(error.missing, ["encoder.bn1.bias", "projector.0.weight"]);
    assert_eq!(error.unused, ["fc.weight"]);
    assert_eq!(
        error.misshaped,
        [
            "encoder.bn1.weight: U64 [4], expected [4]",
            "encoder.conv1.weight: F32 [3, 4, 3, 3], expected [4, 3, 3, 3]",
        ]
    );
    assert_eq!(
        error.to_string(),
        "the weights do not fit: 2 missing (`encoder.bn1.bias` to `projector.0.weight`), \
         1 not used (`fc.weight`), 2 of another shape (`encoder.bn1.weight: U64 [4], expected [4]` \
         to `encoder.conv1.weight: F32 [3, 4, 3, 3], expected [4, 3, 3, 3]`)"
    );
    assert_eq!(named::arrays(&module, ""), before);
}

#[test]
fn arrays_and_loading_are_inverse_to_the_bit() {
    for device in [Device::flex(), Device::flex().autodiff()] {
        // Every tensor with contents of its own, among them numbers that arithmetic would not keep.
        let mut arrays: Tensors =
            named::arrays(&network("24-24", &Initializer::new(1, &device)), "a.");
        for (name, array) in &mut arrays {
            let mut values = fill(name, array.shape.iter().product(), -1.0, 1.0);
            values[0] = f32::MIN_POSITIVE / 4.0;
            values[1] = -0.0;
            *array = Array::from_f32(&array.shape, &values).unwrap();
        }
        let module = network("24-24", &Initializer::new(2, &device));
        let trained: BTreeMap<String, bool> = trained(&module);
        let loaded = named::load(module, &arrays, "a.").unwrap();
        assert_eq!(named::arrays(&loaded, "a."), arrays);
        assert_eq!(self::trained(&loaded), trained);
    }
}

fn trained(network: &Network) -> BTreeMap<String, bool> {
    named::tensors(network).into_iter().map(|(name, tensor)| (name, tensor.is_trained)).collect()
}

#[test]
fn committing_moves_running_statistics_a_tenth_towards_the_unbiased_ones() {
    let device = Device::flex();
    let shape @ [batch, channels, height, width] = [3, 2, 4, 5];
    let x = fill("x", shape.iter().product(), -1.0, 3.0);
    let norm = BatchNorm::new(channels, 1.0, &Initializer::new(0, &device));
    let start = [("running_mean", 0.5), ("running_var", 2.0)];
    let norm = named::replace(norm, |name, old| {
        let (_, value) = start.iter().find(|(start, _)| *start == name)?;
        Some(Tensor::full([channels], *value, &old.values.device()))
    });

    let pass = Pass::training(&SingleRank, Precision::F32);
    let before = named::arrays(&norm, "");
    let view = Tensor::from_data(TensorData::new(x.clone(), shape), &device);
    norm.forward(&view.into(), None, &pass, Finish::default()).unwrap();
    assert_eq!(named::arrays(&norm, ""), before, "the pass itself changes nothing");

    let after = named::arrays(&commit(norm, &pass.into_statistics()), "");
    for channel in 0..channels {
        let seen: Vec<f64> = (0..batch * height * width)
            .map(|i| {
                let (image, position) = (i / (height * width), i % (height * width));
                f64::from(x[(image * channels + channel) * height * width + position])
            })
            .collect();
        let n = seen.len() as f64;
        let mean = seen.iter().sum::<f64>() / n;
        let unbiased = seen.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
        for (name, expected) in
            [("running_mean", 0.9 * 0.5 + 0.1 * mean), ("running_var", 0.9 * 2.0 + 0.1 * unbiased)]
        {
            let found = values(&after[name])[channel];
            assert!((found - expected).abs() < 1e-6, "{name}[{channel}]: {found}, {expected}");
        }
    }
    for name in ["weight", "bias"] {
        assert_eq!(after[name], before[name], "{name}");
    }
}

#[test]
fn a_training_pass_owes_statistics_to_every_norm_and_an_evaluation_pass_to_none() {
    let device = Device::flex();
    let network = network("24-24-16", &Initializer::new(0, &device));
    let view = fill("view", 2 * 3 * 8 * 8, -2.0, 2.0);
    let view = Tensor::from_data(TensorData::new(view, [2, 3, 8, 8]), &device);
    let norms =
        named::tensors(&network).keys().filter(|name| name.ends_with("running_mean")).count();
    assert_eq!(norms, 20 + 2); // ResNet-18 has 17 norms and 3 at shortcuts, the projector 2

    let pass = Pass::training(&SingleRank, Precision::F32);
    network.forward(view.clone(), &pass).unwrap();
    assert_eq!(pass.into_statistics().len(), norms);

    let pass = Pass::evaluation(Precision::F32);
    network.forward(view, &pass).unwrap();
    let statistics = pass.into_statistics();
    assert!(statistics.is_empty());
    let before = named::arrays(&network, "");
    assert_eq!(named::arrays(&commit(network, &statistics), ""), before);
}
