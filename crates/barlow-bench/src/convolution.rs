//! `convolution`: each convolution of the networks, forward and both gradients, as a share of what the
//! machine's arithmetic units can do.

use std::hint::black_box;

use anyhow::Context;
use barlow_kernels::{Activation, Convolution, Element, Isa, Strip, bf16};
use barlow_random::Key;
use serde::Serialize;

use crate::arguments::{Options, Selection};
use crate::layer::{Layer, Network};
use crate::output;
use crate::peaks;
use crate::table::Table;
use crate::timing::Timing;
use crate::work::Repeat;

mod definition;

use definition::Case;

/// Makes the inputs of a layer for so many images, verifies the answer, and gives what computes it
/// once; in bf16 for the instruction sets with products of bf16, else in f32.
type PreparePass = fn(&Layer, usize, Isa) -> anyhow::Result<Repeat>;

/// The three passes of a convolution.
const PASSES: [(&str, PreparePass); 3] = [
    ("forward", |layer, batch, isa| prepare(layer, batch, isa, Pass::Forward)),
    ("data", |layer, batch, isa| prepare(layer, batch, isa, Pass::Data)),
    ("weight", |layer, batch, isa| prepare(layer, batch, isa, Pass::Weight)),
];

/// One pass of one layer.
#[derive(Debug, Serialize)]
struct Measured {
    network: String,
    layer: String,
    occurs: usize,
    pass: &'static str,
    isa: String,
    gflops_per_second: f64,
    share_of_peak: f64,
    seconds: Timing,
}

/// Times the layers of all networks with every instruction set of the machine; a selection chooses by
/// network, layer, pass and instruction set.
pub(crate) fn run(selection: &Selection, options: &Options) -> anyhow::Result<()> {
    let networks = [
        Network::resnet18(64, 32, 3, 32),
        Network::resnet18(16, 28, 1, 256),
        Network::resnet50(224, 16),
    ];
    let mut results = Vec::new();
    let mut table =
        Table::new(["layer", "occurs", "pass", "isa", "ms", "GFLOP/s", "of peak", "spread"]);
    for isa in Isa::available() {
        let peak = peaks::products(isa, options.threads(), options.plan()).best;
        for network in &networks {
            for (layer, occurs) in &network.layers {
                for (pass, prepare) in PASSES {
                    let name = format!("{} {layer} {pass} {isa}", network.name);
                    // Stems are unfolded and go another way.
                    if layer.input < 16 || !name.contains(&selection.only) {
                        continue;
                    }
                    let repeat = prepare(layer, network.batch, isa)
                        .with_context(|| format!("{}, {layer}, {pass}, {isa}", network.name))?;
                    let seconds = options.plan().time(repeat);
                    let rate = layer.flops(network.batch) / 1e9 / seconds.median();
                    table.row([
                        format!("{} {layer}", network.name),
                        occurs.to_string(),
                        pass.to_owned(),
                        isa.to_string(),
                        format!("{:.3}", 1e3 * seconds.median()),
                        format!("{rate:.0}"),
                        format!("{:.0} %", 100.0 * rate / peak),
                        format!("{:.0} %", 100.0 * seconds.spread()),
                    ]);
                    results.push(Measured {
                        network: network.name.clone(),
                        layer: layer.to_string(),
                        occurs: *occurs,
                        pass,
                        isa: isa.to_string(),
                        gflops_per_second: rate,
                        share_of_peak: rate / peak,
                        seconds,
                    });
                }
            }
        }
    }
    output::results(options.json, options.threads(), &results, &table)
}

/// Which pass.
#[derive(Debug, Clone, Copy)]
enum Pass {
    Forward,
    Data,
    Weight,
}

fn prepare(layer: &Layer, batch: usize, isa: Isa, pass: Pass) -> anyhow::Result<Repeat> {
    if isa >= Isa::Avx512Bf16 {
        prepare_in::<bf16>(layer, batch, isa, pass)
    } else {
        prepare_in::<f32>(layer, batch, isa, pass)
    }
}

fn prepare_in<T: Element>(
    layer: &Layer,
    batch: usize,
    isa: Isa,
    pass: Pass,
) -> anyhow::Result<Repeat> {
    let &Layer { input, output, kernel, stride, side } = layer;
    let convolution = Convolution { input, output, kernel, stride };
    let strip = Strip::images(batch, input, side, side);
    let output_strip = convolution.output_strip(strip);
    let values = |seed: u64, count: usize| -> Vec<f32> {
        let mut stream = Key { seed, ..Key::default() }.stream();
        (0..count).map(|_| bf16::from_f32(stream.normal() as f32).to_f32()).collect()
    };
    let x = values(1, strip.inner_pixels() * input);
    let gradient = values(2, output_strip.inner_pixels() * output);
    let weights = values(3, convolution.weights());
    let case = Case { convolution, batch, side, x: &x, gradient: &gradient, weights: &weights };
    let strip_x = Activation::<T>::from_planes(strip, &x);
    let strip_gradient = Activation::<T>::from_planes(output_strip, &gradient);
    match pass {
        Pass::Forward => {
            let packed = convolution.pack_forward::<T>(isa, &weights);
            let found = convolution.forward(isa, &strip_x, &packed).output.to_planes();
            case.check(&found, Case::output)?;
            Ok(Box::new(move || {
                black_box(convolution.forward(isa, &strip_x, &packed));
            }))
        }
        Pass::Data => {
            let packed = convolution.pack_backward::<T>(isa, &weights);
            let found = convolution.data_gradient(isa, &strip_gradient, &packed, strip, None);
            case.check(&found.to_planes(), Case::data_gradient)?;
            Ok(Box::new(move || {
                black_box(convolution.data_gradient(isa, &strip_gradient, &packed, strip, None));
            }))
        }
        Pass::Weight => {
            let found = convolution.weight_gradient(isa, &strip_x, &strip_gradient);
            case.check(&found, Case::weight_gradient)?;
            Ok(Box::new(move || {
                black_box(convolution.weight_gradient(isa, &strip_x, &strip_gradient));
            }))
        }
    }
}
