//! `step`: whole training steps without the optimizer.
//!
//! Before one is timed, the gradients of its network by our own kernels are held to those by the
//! engine's ordinary operations, on a few images.

use std::hint::black_box;

use anyhow::ensure;
use barlow_nn::collective::SingleRank;
use barlow_nn::{
    Encoder, EncoderConfig, EncoderName, Initializer, Network, Pass, ProjectorConfig, Stem, named,
};
use barlow_objectives::{BarlowTwins, Layer, Needs, StepContext};
use barlow_random::Key;
use barlow_train::networks::Networks;
use barlow_train::step::Step;
use burn::tensor::{Device, Tensor, TensorData};

use crate::arguments::{Options, Selection};
use crate::work::{Claim, Precision, Repeat, Work, time_ours};

/// Against PyTorch's best mode of all, and f32 against its best f32.
const RESNET18: &[Claim] = &[
    Claim { precision: Precision::Auto, against: "", at_least: 1.0, aim: 1.2 },
    Claim { precision: Precision::F32, against: "f32", at_least: 0.9, aim: 1.05 },
];

/// Both views forward, loss, backward of a ResNet-18 with a small stem and projector 512-512-512; and
/// one view of a ResNet-50, forward and backward.
pub(crate) const WORKS: [Work; 4] = [
    Work {
        name: "step-resnet18-w64-32px-c3-n32",
        images: 32,
        peer: &["step.py", "--width=64", "--side=32", "--channels=3", "--batch=32"],
        claims: RESNET18,
        prepare: Some(|precision| pairs(precision, 64, [32, 3, 32, 32])),
    },
    Work {
        name: "step-resnet18-w64-32px-c3-n256",
        images: 256,
        peer: &["step.py", "--width=64", "--side=32", "--channels=3", "--batch=256"],
        claims: RESNET18,
        prepare: Some(|precision| pairs(precision, 64, [256, 3, 32, 32])),
    },
    Work {
        name: "step-resnet18-w16-28px-c1-n256",
        images: 256,
        peer: &["step.py", "--width=16", "--side=28", "--channels=1", "--batch=256"],
        claims: &[Claim { precision: Precision::Auto, against: "", at_least: 1.2, aim: 1.7 }],
        prepare: Some(|precision| pairs(precision, 16, [256, 1, 28, 28])),
    },
    Work {
        name: "pass-resnet50-224px-n16",
        images: 16,
        peer: &["step.py", "--model=resnet50", "--side=224", "--batch=16"],
        claims: &[Claim { precision: Precision::Auto, against: "", at_least: 0.9, aim: 1.15 }],
        prepare: Some(one_view),
    },
];

/// Times ours.
pub(crate) fn run(selection: &Selection, options: &Options) -> anyhow::Result<()> {
    time_ours(&WORKS, selection, options)
}

fn precision_of(precision: Precision, device: &Device) -> barlow_nn::Precision {
    barlow_nn::Precision::of(precision.name(), device)
}

fn resnet18(width: usize, channels: usize) -> EncoderConfig {
    let (name, stem) = (EncoderName::ResNet18, Stem::Small);
    EncoderConfig { name, width, stem, channels, zero_init_residual: false }
}

fn resnet50() -> EncoderConfig {
    EncoderConfig { zero_init_residual: false, ..EncoderConfig::default() }
}

fn projector() -> ProjectorConfig {
    ProjectorConfig::new("512-512-512".parse().expect("widths"))
}

pub(crate) fn normal<const D: usize>(seed: u64, shape: [usize; D], device: &Device) -> Tensor<D> {
    let mut stream = Key { seed, ..Key::default() }.stream();
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| stream.normal() as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Both views, Barlow Twins, backward.
fn pairs(precision: Precision, width: usize, shape: [usize; 4]) -> anyhow::Result<Repeat> {
    let device = Device::flex().autodiff();
    let own = precision_of(precision, &device);
    let encoder = resnet18(width, shape[1]);
    verify(&encoder, own, [32, shape[1], shape[2], shape[3]])?;
    let networks = Networks::new(
        &encoder,
        &projector(),
        (Layer::Embedding, &Needs::default()),
        0,
        &device,
        own,
    );
    let views = [1, 2].map(|seed| normal(seed, shape, &device));
    let objective = BarlowTwins::new(0.0051);
    let ids: Vec<u64> = (0..shape[0] as u64).collect();
    Ok(Box::new(move || {
        let collective = &SingleRank;
        let context =
            StepContext { step: 0, total_steps: 1, seed: 0, ids: &ids, labels: &[], collective };
        let step = Step::compute(&networks, &objective, views.to_vec(), &context);
        black_box(step.expect("one rank").evaluation.loss);
    }))
}

/// One view of a ResNet-50, forward and backward.
fn one_view(precision: Precision) -> anyhow::Result<Repeat> {
    let device = Device::flex().autodiff();
    let own = precision_of(precision, &device);
    verify(&resnet50(), own, [4, 3, 64, 64])?;
    let network = Network::new(&resnet50(), &projector(), &Initializer::new(0, &device));
    let view = normal(1, [16, 3, 224, 224], &device);
    let gradient = normal(3, [16, 2048], &device);
    Ok(Box::new(move || {
        let pass = Pass::training(&SingleRank, own);
        let output = network.encoder.forward(view.clone(), &pass).expect("one rank");
        let gradients = (output * gradient.clone()).sum().backward();
        black_box(named::gradients(&network, &gradients));
    }))
}

/// Holds what our own kernels make to what the engine's operations make: gradients in f32, and in
/// the precision asked for the representation. (The gradients of noise in bf16 say little: those of
/// a ResNet-50 by PyTorch's autocast have a cosine of 0.2 with its own in f32.)
fn verify(
    encoder: &EncoderConfig,
    precision: barlow_nn::Precision,
    shape: [usize; 4],
) -> anyhow::Result<()> {
    let device = Device::flex().autodiff();
    let encoder = Encoder::new(encoder, &Initializer::new(0, &device));
    let view = normal(1, shape, &device);
    let results = |pass: &Pass| {
        let output = encoder.forward(view.clone(), pass).expect("one rank");
        let gradient = normal(3, output.dims(), &device);
        let gradients = named::gradients(&encoder, &(output.clone() * gradient).sum().backward());
        let gradients = gradients.into_values().flat_map(numbers).collect::<Vec<f64>>();
        (numbers(output.flatten(0, 1)), gradients)
    };
    let f32 = || Pass::training(&SingleRank, barlow_nn::Precision::F32);
    let (expected, gradients) = results(&f32().without_kernels());
    let own = results(&f32()).1;
    let found = cosine(&own, &gradients);
    ensure!(found > 0.999, "gradients point elsewhere: cosine {found}, expected 0.999");
    let found = cosine(&results(&Pass::training(&SingleRank, precision)).0, &expected);
    ensure!(found > 0.9, "representations point elsewhere: cosine {found}, expected 0.9");
    Ok(())
}

fn numbers(tensor: Tensor<1>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}
