//! What is done of a study, read back from its runs and written as tables and plot.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context;
use barlow_report::{ArmFacts, Report, RunRecord, RunRow, RunState, plot};
use barlow_train::storage::{Disk, write_atomically};

use super::ledger::Ledger;
use super::plan::{Plan, settled_as};
use super::protocol;
use crate::commands::pretrain::Earlier;

/// The plot's file.
pub(super) const PLOT: &str = "plot.svg";

/// Why runs failed in this session, by arm and seed.
pub(super) type Failures = BTreeMap<(String, u64), String>;

/// What a run measured, with what only the ledger knows.
///
/// # Errors
/// If the run cannot be read.
pub(super) fn record(
    plan: &Plan,
    ledger: &Ledger,
    arm: &str,
    seed: u64,
) -> anyhow::Result<RunRecord> {
    let mut record = RunRecord::read(&plan.folder_of(arm, seed))?;
    if ledger.is_not_finite(arm, seed) && record.state == RunState::Failed {
        record.state = RunState::Diverged;
    }
    Ok(record)
}

/// What is done so far.
///
/// # Errors
/// If a run cannot be read.
pub(super) fn report(plan: &Plan, ledger: &Ledger, failures: &Failures) -> anyhow::Result<Report> {
    let mut facts: BTreeMap<String, ArmFacts> = BTreeMap::new();
    let mut runs: BTreeMap<String, Vec<RunRow>> = BTreeMap::new();
    for (arm, settings) in plan.arms() {
        let mut settings = settings.clone();
        for &seed in &plan.study.seeds {
            let folder = plan.folder_of(&arm.name, seed);
            if let (0, Some(earlier)) = (settings.data.channels, Earlier::read(&folder)?) {
                settings = settled_as(&settings, &earlier.settings()?);
            }
            let mut record = record(plan, ledger, &arm.name, seed)?;
            if let Some(reason) = failures.get(&(arm.name.clone(), seed)) {
                record.state = RunState::Failed;
                record.reason = Some(reason.clone());
            }
            let row = RunRow::new(seed, record, ledger.seconds(&arm.name, seed));
            runs.entry(arm.name.clone()).or_default().push(row);
        }
        facts.insert(arm.name.clone(), protocol::facts(&settings));
    }
    Ok(Report::new(&plan.name, &plan.study, &facts, &runs))
}

/// Writes tables and plot of what is done so far, each file in one step.
///
/// # Errors
/// If a run cannot be read, or a file cannot be written.
pub(super) fn write(plan: &Plan, ledger: &Ledger, failures: &Failures) -> anyhow::Result<()> {
    let report = report(plan, ledger, failures)?;
    let json = serde_json::to_string_pretty(&report)? + "\n";
    let files = [
        ("study.json", json),
        ("table.csv", report.to_csv()),
        ("runs.csv", report.runs_to_csv()),
        (PLOT, plot(&report)),
        ("table.md", report.to_markdown(PLOT)),
    ];
    for (name, text) in files {
        replace(&plan.out.join(name), &text)?;
    }
    Ok(())
}

/// Replaces a file unless it has this text already.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    write_atomically(&Disk, path, |file| file.write_all(text.as_bytes()))
        .with_context(|| format!("`{}` cannot be written", path.display()))
}
