//! `barlow compare`: every arm of a study with every seed, one table and one plot.
//!
//! Each run is an ordinary run directory, made by the code of `barlow pretrain`; whatever the tables
//! show is read back from there, so that a study that was interrupted or killed goes on as if
//! nothing had happened.

mod dry_run;
mod ledger;
mod plan;
mod problems;
mod protocol;
mod results;

use std::fs;
use std::time::Instant;

use anyhow::Context;
use barlow_objectives::Registry;
use barlow_train::interrupt::{Interrupt, Signal};
use barlow_train::run::End;
use barlow_train::run_directory::{Lock, OpenMode};

use super::output;
use super::pretrain::{CheckedRun, Earlier};
use crate::arguments::CompareArguments;
use crate::exit::Exit;
use ledger::Ledger;
use plan::{Plan, PlannedRun};
use results::Failures;

/// Trains what is left of a study and writes its tables.
///
/// # Errors
/// If the study or its settings are wrong, a run in its folder had other settings, or tables cannot
/// be written. A run that fails is no error: it is told, the others go on, and the exit is that of
/// a failure.
pub fn compare(arguments: &CompareArguments, registry: &Registry) -> anyhow::Result<Exit> {
    let plan = Plan::new(arguments, registry)?;
    for note in plan.notes() {
        output::message(&note);
    }
    plan.refuse_other_runs()?;
    let runs = plan.runs();
    let is_done =
        |run: &PlannedRun| results::record(&plan, &plan.arm(run).name, run.seed).has_result();
    if arguments.dry_run {
        dry_run::print(&plan, &plan.pairs(registry)?, arguments.json)?;
        return Ok(Exit::Done);
    }
    if !runs.iter().all(is_done) {
        // Images that are not there, or that an objective cannot work with, are said once and not by every
        // run; a study that is done needs none.
        plan.pairs(registry)?;
    }
    let interrupt = Interrupt::install().context("signals cannot be caught")?;
    let folder = &plan.out;
    fs::create_dir_all(folder).with_context(|| format!("`{}` cannot be made", folder.display()))?;
    let _lock = Lock::take(folder)?;
    let mut ledger = Ledger::read(folder)?;
    let mut failures = Failures::new();
    results::write(&plan, &ledger, &failures)?;
    for (index, run) in runs.iter().enumerate() {
        let (arm, seed) = (&plan.arm(run).name, run.seed);
        if is_done(run) {
            continue;
        }
        if let Some(signal) = interrupt.requested() {
            return Ok(interrupted(signal));
        }
        output::message(&format!("run {} of {}: `{arm}`, seed {seed}", index + 1, runs.len()));
        let begin = Instant::now();
        ledger.begin(arm, seed)?;
        let result = train(&plan, run, registry, &interrupt);
        ledger.end(arm, seed, begin.elapsed().as_secs_f64())?;
        if let Ok(End::Interrupted(signal)) = result {
            results::write(&plan, &ledger, &failures)?;
            return Ok(interrupted(signal));
        }
        let record = results::record(&plan, arm, seed);
        let has_result = record.has_result();
        match result.err().map(|error| format!("{error:#}")).or(record.reason) {
            Some(reason) if has_result => {
                output::message(&format!("`{arm}`, seed {seed} ends here: {reason}"));
            }
            Some(reason) => {
                output::message(&format!("`{arm}`, seed {seed} failed: {reason}"));
                failures.insert((arm.clone(), seed), reason);
            }
            None => {}
        }
        results::write(&plan, &ledger, &failures)?;
    }
    let report = results::report(&plan, &ledger, &failures)?;
    if arguments.json {
        output::json(&report)?;
    } else {
        output::text(&report.to_markdown(results::PLOT))?;
    }
    output::message(&format!("tables and plot: {}", plan.out.display()));
    if failures.is_empty() {
        return Ok(Exit::Done);
    }
    output::message(&format!("{} of {} runs failed", failures.len(), runs.len()));
    Ok(Exit::Failed)
}

fn interrupted(signal: Signal) -> Exit {
    output::message("the study is interrupted; the same command goes on with it");
    signal.into()
}

/// Trains one run to its end, from wherever it stands.
fn train(
    plan: &Plan,
    run: &PlannedRun,
    registry: &Registry,
    interrupt: &Interrupt,
) -> anyhow::Result<End> {
    let folder = plan.folder(run);
    let earlier = Earlier::read(&folder)?;
    let checked = CheckedRun::new(plan.resolution(run), earlier.as_ref(), registry)?;
    let directory = checked.open(&folder, OpenMode::Resume, registry)?;
    Ok(checked.train(&directory, registry, interrupt)?.end)
}
