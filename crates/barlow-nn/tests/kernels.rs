//! The layers' two bodies held to each other: our own kernels and the engine's ordinary operations.

use std::collections::BTreeMap;

use barlow_kernels::Isa;
use barlow_nn::collective::SingleRank;
use barlow_nn::layers::{BatchNorm, ConvolutionConfig, Finish};
use barlow_nn::{
    Encoder, EncoderConfig, EncoderName, Initializer, Pass, Precision, ProjectorConfig, Stem, named,
};
use barlow_testing::fill;
use burn::tensor::{Device, Tensor, TensorData};

fn encoder(name: EncoderName, stem: Stem, channels: usize) -> Encoder {
    let config = EncoderConfig { name, width: 8, stem, channels, zero_init_residual: false };
    Encoder::new(&config, &Initializer::new(3, &Device::flex().autodiff()))
}

/// Not every name will do: where a value before a ReLU is 0 but for rounding, both bodies are right
/// and their gradients differ by the whole of one pixel's.
fn view(shape: [usize; 4]) -> Tensor<4> {
    let values = fill("a view", shape.iter().product(), -2.0, 2.0);
    Tensor::from_data(TensorData::new(values, shape), &Device::flex().autodiff())
}

/// The representation, what the pass owes, and the gradients of Σ representation · fixed numbers.
fn results(encoder: &Encoder, view: Tensor<4>, pass: Pass) -> BTreeMap<String, Vec<f64>> {
    let values = |tensor: Tensor<1>| tensor.into_data().iter::<f64>().collect::<Vec<f64>>();
    let representation = encoder.forward(view, &pass).expect("one rank");
    let [n, f] = representation.dims();
    let weights = TensorData::new(fill("gradient", n * f, -1.0, 1.0), [n, f]);
    let weights = Tensor::from_data(weights, &representation.device());
    let gradients = (representation.clone() * weights).sum().backward();
    let mut results: BTreeMap<_, _> = named::gradients(encoder, &gradients)
        .into_iter()
        .map(|(name, gradient)| (name, values(gradient)))
        .collect();
    results.insert("representation".to_owned(), values(representation.flatten(0, 1)));
    let owed = pass.into_statistics().into_values();
    let owed = owed.flat_map(|seen| [values(seen.mean), values(seen.variance)]);
    results.insert("statistics".to_owned(), owed.flatten().collect());
    results
}

/// `‖a - b‖ / ‖b‖`.
fn deviation(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let square = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
    (square(&mut a.iter().zip(b).map(|(a, b)| a - b)) / square(&mut b.iter().copied())).sqrt()
}

const CASES: [(EncoderName, Stem, [usize; 4]); 4] = [
    (EncoderName::ResNet18, Stem::Small, [5, 1, 13, 9]),
    (EncoderName::ResNet18, Stem::Standard, [3, 3, 70, 65]),
    (EncoderName::ResNet50, Stem::Small, [4, 3, 16, 16]),
    (EncoderName::ResNet50, Stem::Standard, [5, 5, 40, 33]),
];

#[test]
fn kernels_in_f32_agree_with_the_engine_on_every_instruction_set() {
    for (name, stem, shape) in CASES {
        let encoder = encoder(name, stem, shape[1]);
        for is_training in [true, false] {
            let pass = || {
                if is_training {
                    Pass::training(&SingleRank, Precision::F32)
                } else {
                    Pass::evaluation(Precision::F32)
                }
            };
            let expected = results(&encoder, view(shape), pass().without_kernels());
            for isa in Isa::available() {
                let found = results(&encoder, view(shape), pass().with_kernels(isa));
                assert_eq!(found.len(), expected.len());
                for (key, expected) in expected.iter().filter(|(_, values)| !values.is_empty()) {
                    // Both round at every layer; with few pixels a batch norm makes ten times of it.
                    let off = deviation(&found[key], expected);
                    assert!(off < 2e-3, "{name:?} {stem:?} {shape:?} {isa}: {key} is off by {off}");
                }
            }
        }
    }
}

#[test]
fn a_norm_takes_the_sums_itself_where_the_layer_before_did_not() {
    let initializer = Initializer::new(3, &Device::flex());
    let convolution = ConvolutionConfig { input: 3, output: 8, kernel: 3, stride: 1 };
    let convolution = convolution.init(&initializer.part("convolution"));
    let norm = BatchNorm::new(8, 1.0, &initializer.part("norm"));
    let owed = |pass: Pass| {
        let x = view([4, 3, 9, 7]).inner().into();
        let (y, _) = convolution.forward(&x, &pass);
        norm.forward(&y, None, &pass, Finish::default()).expect("one rank");
        let owed = pass.into_statistics().into_values().next().expect("one norm");
        [owed.mean, owed.variance].map(|t| t.into_data().iter::<f64>().collect::<Vec<_>>())
    };
    let pass = || Pass::training(&SingleRank, Precision::F32);
    let (found, expected) = (owed(pass()), owed(pass().without_kernels()));
    for (found, expected) in found.iter().zip(&expected) {
        let off = deviation(found, expected);
        assert!(off < 1e-5, "off by {off}");
    }
}

#[test]
fn projectors_agree_with_the_engine_forward_and_back_to_the_representation() {
    let values = |tensor: Tensor<1>| tensor.into_data().iter::<f64>().collect::<Vec<f64>>();
    let device = Device::flex().autodiff();
    for (batch, input, widths, [batch_norm, bias, final_norm]) in [
        (9, 20, "33-48-7", [true, false, false]),
        (64, 32, "40", [true, false, false]),
        (5, 17, "24-16", [false; 3]),
        (9, 20, "33-48-7", [true, true, true]),
        (6, 17, "24-16", [false, true, false]),
    ] {
        let widths_config = widths.parse().expect("widths");
        let config = ProjectorConfig { widths: widths_config, batch_norm, bias, final_norm };
        let projector = config.init(input, &Initializer::new(5, &device));
        let results = |pass: Pass| {
            let rows = TensorData::new(fill("rows", batch * input, -1.0, 1.0), [batch, input]);
            let rows = Tensor::<2>::from_data(rows, &device).require_grad();
            let embedding = projector.forward(rows.clone() * 2.0, &pass).expect("one rank");
            let [n, d] = embedding.dims();
            let weights = TensorData::new(fill("gradient", n * d, -1.0, 1.0), [n, d]);
            let weighted = embedding.clone() * Tensor::from_data(weights, &device);
            let gradients = weighted.sum().backward();
            let mut results: BTreeMap<_, _> = named::gradients(&projector, &gradients)
                .into_iter()
                .map(|(name, gradient)| (name, values(gradient)))
                .collect();
            let of_rows = rows.grad(&gradients).expect("a gradient");
            results.insert("rows".to_owned(), values(of_rows.flatten(0, 1)));
            results.insert("embedding".to_owned(), values(embedding.flatten(0, 1)));
            let owed = pass.into_statistics().into_values();
            let owed = owed.flat_map(|seen| [values(seen.mean), values(seen.variance)]);
            results.insert("statistics".to_owned(), owed.flatten().collect());
            results
        };
        let pass = |precision| Pass::training(&SingleRank, precision);
        let expected = results(pass(Precision::F32).without_kernels());
        // Rounding to 8 bits carries a share p of some 0.4 % of values to the other side of a ReLU at
        // each of two layers, which turns gradients by about √p each.
        for (precision, allowed) in [(Precision::F32, 1e-5), (Precision::Bf16, 0.2)] {
            for isa in Isa::available() {
                let found = results(pass(precision).with_kernels(isa));
                assert_eq!(found.len(), expected.len());
                for (key, expected) in expected.iter().filter(|(_, values)| !values.is_empty()) {
                    let off = deviation(&found[key], expected);
                    assert!(off < allowed, "{widths} {precision:?} {isa}: {key} is off by {off}");
                }
            }
        }
    }
}
