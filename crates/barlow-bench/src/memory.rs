//! `memory`: peak resident memory, each work in a process of its own, so that no other work counts.

use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::arguments::{MemoryArguments, Options};
use crate::machine::{forget_peak, peak_resident_bytes};
use crate::output;
use crate::table::Table;
use crate::work::{Precision, Work};
use crate::{objective, step};

/// What one process used.
#[derive(Debug, Serialize, Deserialize)]
struct Used {
    work: String,
    mode: String,
    peak_rss_bytes: u64,
}

/// Measures every selected work, or the one that is to be measured here.
pub(crate) fn run(arguments: &MemoryArguments, options: &Options) -> anyhow::Result<()> {
    let works = [&step::WORKS[..], &objective::WORKS[..]].concat();
    if let Some(name) = &arguments.here {
        let precision = arguments.selection.precision.unwrap_or(Precision::Auto);
        let work = works.iter().find(|work| work.name == name.as_str());
        return here(
            work.with_context(|| format!("no work is called `{name}`"))?,
            precision,
            options,
        );
    }
    let mut results = Vec::new();
    let mut table = Table::new(["work", "mode", "peak MB"]);
    for work in arguments.selection.of(&works) {
        if work.prepare.is_none() {
            output::message(&format!("`{}`: ours does not exist yet", work.name));
            continue;
        }
        for claim in arguments.selection.claims(work) {
            let used = elsewhere(work, claim.precision, options)?;
            let megabytes = used.peak_rss_bytes as f64 / 1e6;
            table.row([used.work.clone(), used.mode.clone(), format!("{megabytes:.0}")]);
            results.push(used);
        }
    }
    output::results(options.json, options.threads(), &results, &table)
}

/// Starts this program once more for one work.
fn elsewhere(work: &Work, precision: Precision, options: &Options) -> anyhow::Result<Used> {
    let program = std::env::current_exe().context("finding this program")?;
    let threads = options.threads().to_string();
    let output = Command::new(program)
        .args(["memory", "--here", work.name, "--precision", precision.name()])
        .args(["--threads", &threads])
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("measuring `{}`", work.name))?;
    ensure!(output.status.success(), "measuring `{}`: {}", work.name, output.status);
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("reading the line of `{}`", work.name))
}

/// Does the work as often as timing does, then prints the process's peak.
fn here(work: &Work, precision: Precision, options: &Options) -> anyhow::Result<()> {
    let Some(mut repeat) = work.prepare(precision)? else {
        bail!("`{}`: ours does not exist yet", work.name);
    };
    // Making sure that the answer is right took memory of its own.
    barlow_kernels::release_dropped();
    forget_peak();
    // Two warm-ups, as the rival's scripts make.
    for _ in 0..2 + options.repetitions {
        repeat();
    }
    let peak_rss_bytes = peak_resident_bytes().context("the system does not say")?;
    let (work, mode) = (work.name.to_owned(), precision.name().to_owned());
    output::line(&Used { work, mode, peak_rss_bytes })
}
