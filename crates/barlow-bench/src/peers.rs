//! `peers`: ours and the rival's by turns, one repetition each, and the ratio of the medians.
//!
//! By turns, because a machine's speed drifts, and because the rival's threads spin while others work.
//! Each mode of the rival is a process of its own and is paired with ours anew.

mod process;

use std::path::{Path, PathBuf};

use anyhow::ensure;
use serde::Serialize;

use crate::arguments::{Options, PeersArguments};
use crate::output;
use crate::table::Table;
use crate::timing::{Timing, seconds_of};
use crate::work::{Claim, Precision, Repeat, Work};
use crate::{objective, step, views};
use process::{Peer, Report};

/// One work against one mode of the rival.
#[derive(Debug, Serialize)]
struct Pairing {
    work: &'static str,
    peer: Report,
    /// Ours, in every precision that there is.
    ours: Vec<Ours>,
}

/// Ours beside one mode of the rival.
#[derive(Debug, Serialize)]
struct Ours {
    mode: Precision,
    seconds_median: f64,
    /// The rival's median over ours.
    ratio: f64,
    seconds: Timing,
}

/// Measures all selected works against all modes of the rival.
pub(crate) fn run(arguments: &PeersArguments, options: &Options) -> anyhow::Result<()> {
    let works = [&step::WORKS[..], &objective::WORKS[..], &views::WORKS[..]].concat();
    let scripts = scripts_folder();
    let python = arguments.python.clone().unwrap_or_else(|| scripts.join(".venv/bin/python"));
    ensure!(
        python.is_file(),
        "{} is not there: run benches/peers/setup.sh, or give --python",
        python.display()
    );
    let mut pairings = Vec::new();
    let mut table = Table::new([
        "work", "rival", "seconds", "images/s", "peak MB", "ours", "seconds", "ratio", "at least",
        "aim",
    ]);
    for work in arguments.selection.of(&works) {
        let mut ours = Vec::new();
        for claim in arguments.selection.claims(work) {
            ours.extend(work.prepare(claim.precision)?.map(|repeat| (claim.precision, repeat)));
        }
        let mut of_work = Vec::new();
        for mode in modes(&python, &scripts, work, arguments, options)? {
            output::message(&format!("{} against {mode}", work.name));
            of_work.push(pair(&python, &scripts, work, &mode, &mut ours, options)?);
        }
        for pairing in &of_work {
            list(&mut table, work, pairing, &of_work);
        }
        pairings.extend(of_work);
    }
    output::results(options.json, options.threads(), &pairings, &table)
}

/// Where the rival's scripts are: in the sources that this program was built from.
fn scripts_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/peers")
}

/// The modes that are asked for, or all that the script has.
fn modes(
    python: &Path,
    scripts: &Path,
    work: &Work,
    arguments: &PeersArguments,
    options: &Options,
) -> anyhow::Result<Vec<String>> {
    let all = process::modes(process::command(python, scripts, work.peer, options.threads()))?;
    let is_wanted = |mode: &String| arguments.modes.is_empty() || arguments.modes.contains(mode);
    Ok(all.into_iter().filter(is_wanted).collect())
}

/// Warms both sides up, then lets them repeat by turns.
fn pair(
    python: &Path,
    scripts: &Path,
    work: &Work,
    mode: &str,
    ours: &mut [(Precision, Repeat)],
    options: &Options,
) -> anyhow::Result<Pairing> {
    let mut command = process::command(python, scripts, work.peer, options.threads());
    command.args(["--paced", "--mode", mode]);
    let mut peer = Peer::start(command)?;
    let calls: Vec<u32> =
        ours.iter_mut().map(|(_, repeat)| options.plan().warm_up(repeat)).collect();
    let mut timings = vec![Timing::default(); ours.len()];
    for _ in 0..options.repetitions {
        peer.repeat()?;
        for (((_, repeat), calls), timing) in ours.iter_mut().zip(&calls).zip(&mut timings) {
            timing.push(seconds_of(*calls, repeat));
        }
    }
    let peer = peer.finish()?;
    ensure!(peer.work == work.name, "asked for `{}`, the script did `{}`", work.name, peer.work);
    let ours = ours.iter().zip(timings).map(|((mode, _), seconds)| Ours {
        mode: *mode,
        seconds_median: seconds.median(),
        ratio: peer.seconds_median / seconds.median(),
        seconds,
    });
    Ok(Pairing { work: work.name, ours: ours.collect(), peer })
}

/// Adds the rows of one pairing: one for each precision of ours, with the claim where it is decided.
fn list(table: &mut Table<10>, work: &Work, pairing: &Pairing, all: &[Pairing]) {
    let peer = &pairing.peer;
    let rival = [
        work.name.to_owned(),
        peer.mode.clone(),
        format!("{:.4}", peer.seconds_median),
        format!("{:.1}", peer.pairs_per_second),
        format!("{:.0}", peer.peak_rss_bytes as f64 / 1e6),
    ];
    let mut row = |ours: [String; 5]| {
        let mut cells = rival.clone().into_iter().chain(ours);
        table.row(std::array::from_fn(|_| cells.next().unwrap_or_default()));
    };
    if pairing.ours.is_empty() {
        row(["-"; 5].map(str::to_owned));
    }
    for ours in &pairing.ours {
        let claim = work.claims.iter().find(|claim| claim.precision == ours.mode);
        let claim = claim.filter(|claim| is_best(peer, claim, all));
        let factor = |value: f64| format!("{value:.2}x");
        row([
            ours.mode.name().to_owned(),
            format!("{:.4}", ours.seconds_median),
            factor(ours.ratio),
            claim.map_or_else(String::new, |claim| factor(claim.at_least)),
            claim.map_or_else(String::new, |claim| factor(claim.aim)),
        ]);
    }
}

/// Whether this mode is the rival's fastest of those that the claim is about.
fn is_best(peer: &Report, claim: &Claim, all: &[Pairing]) -> bool {
    let counts = |report: &&Report| report.mode.starts_with(claim.against);
    let others = all.iter().map(|pairing| &pairing.peer).filter(counts);
    counts(&peer)
        && others.map(|report| report.seconds_median).all(|seconds| peer.seconds_median <= seconds)
}
