//! `peaks`: what the machine can do at most, by loops that do nothing else.

use std::hint::black_box;
use std::thread;

use barlow_kernels::{Isa, peak};
use serde::Serialize;

use crate::arguments::{Options, PeaksArguments};
use crate::output;
use crate::table::Table;
use crate::timing::{Plan, Timing};

/// Rounds in one call of a loop, of some nanoseconds each: well above the tens of microseconds that
/// starting threads takes.
const ROUNDS: u64 = 5_000_000;

/// A rate that was measured.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Peak {
    /// What was done.
    pub what: String,
    /// Threads that did it at the same time.
    pub threads: usize,
    /// `GFLOP/s` or `GB/s`.
    pub unit: &'static str,
    /// By the median repetition.
    pub median: f64,
    /// By the fastest repetition.
    pub best: f64,
    /// Slowest minus fastest repetition over the median.
    pub spread: f64,
}

impl Peak {
    /// `amount` of billions in each repetition.
    fn new(what: String, threads: usize, unit: &'static str, amount: f64, timing: &Timing) -> Self {
        Self {
            what,
            threads,
            unit,
            median: amount / timing.median(),
            best: amount / timing.fastest(),
            spread: timing.spread(),
        }
    }
}

/// Measures every loop, with one thread and with all.
pub(crate) fn run(arguments: &PeaksArguments, options: &Options) -> anyhow::Result<()> {
    let plan = options.plan();
    let mut counts = vec![1, options.threads()];
    counts.dedup();
    let mut peaks = Vec::new();
    for &threads in &counts {
        peaks.extend(Isa::available().map(|isa| products(isa, threads, plan)));
    }
    let values = vec![1.0_f32; arguments.read_mib as usize * (1 << 20) / size_of::<f32>()];
    peaks.extend(counts.iter().map(|&threads| reading(&values, threads, plan)));

    let mut table = Table::new(["peak", "threads", "median", "best", "unit", "spread"]);
    for peak in &peaks {
        table.row([
            peak.what.clone(),
            peak.threads.to_string(),
            format!("{:.1}", peak.median),
            format!("{:.1}", peak.best),
            peak.unit.to_owned(),
            format!("{:.0} %", 100.0 * peak.spread),
        ]);
    }
    output::results(options.json, options.threads(), &peaks, &table)
}

/// The rate of products with an instruction set: of bf16 for those that have them, else of f32.
pub(crate) fn products(isa: Isa, threads: usize, plan: Plan) -> Peak {
    let timing = plan.time(|| on_threads(threads, |_| peak::multiply(isa, ROUNDS)));
    let what = match isa {
        Isa::Avx512Bf16 | Isa::Amx => format!("bf16 {isa}"),
        _ => format!("f32 {isa}"),
    };
    let amount = (threads as u64 * ROUNDS * peak::flops_per_round(isa)) as f64 / 1e9;
    Peak::new(what, threads, "GFLOP/s", amount, &timing)
}

/// The rate of reading memory once, an equal part for each thread.
fn reading(values: &[f32], threads: usize, plan: Plan) -> Peak {
    let part = values.len() / threads;
    let timing = plan.time(|| {
        on_threads(threads, |thread| {
            black_box(peak::read(Isa::best(), &values[thread * part..][..part]));
        });
    });
    let bytes = (threads * part * size_of::<f32>()) as f64;
    Peak::new("memory read".to_owned(), threads, "GB/s", bytes / 1e9, &timing)
}

/// Calls `work` on so many threads at once, with their numbers.
fn on_threads(threads: usize, work: impl Fn(usize) + Sync) {
    thread::scope(|scope| {
        for thread in 1..threads {
            let work = &work;
            scope.spawn(move || work(thread));
        }
        work(0);
    });
}
