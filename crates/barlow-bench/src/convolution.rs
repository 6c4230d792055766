//! `convolution`: each convolution of the networks, forward and both gradients, as a share of what the
//! machine's arithmetic units can do.

use anyhow::Context;
use barlow_kernels::Isa;
use serde::Serialize;

use crate::arguments::Options;
use crate::layer::{Layer, Network};
use crate::output;
use crate::peaks;
use crate::table::Table;
use crate::timing::Timing;
use crate::work::Repeat;

/// Makes the inputs of a layer for so many images, verifies the answer, and gives what computes it
/// once; in bf16 for the instruction sets with products of bf16, else in f32.
type PreparePass = fn(&Layer, usize, Isa) -> anyhow::Result<Repeat>;

/// The three passes of a convolution; those without a kernel are left out.
const PASSES: [(&str, Option<PreparePass>); 3] =
    [("forward", None), ("data", None), ("weight", None)];

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

/// Times all layers of all networks with every instruction set of the machine.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let networks = [
        Network::resnet18(64, 32, 3, 32),
        Network::resnet18(16, 28, 1, 256),
        Network::resnet50(224, 16),
    ];
    let mut results = Vec::new();
    let mut table =
        Table::new(["layer", "occurs", "pass", "isa", "ms", "GFLOP/s", "of peak", "spread"]);
    for isa in Isa::available() {
        if PASSES.iter().all(|(_, prepare)| prepare.is_none()) {
            output::message("no convolution exists yet");
            break;
        }
        let peak = peaks::products(isa, options.threads(), options.plan()).best;
        for network in &networks {
            for (layer, occurs) in &network.layers {
                for (pass, prepare) in PASSES {
                    let Some(prepare) = prepare else { continue };
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
