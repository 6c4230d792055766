//! What is done of a study, read back from its runs and written as tables and plot.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, anyhow};
use barlow_report::{ArmFacts, Report, RunRecord, RunRow, RunState, Study, plot};
use barlow_train::storage::{Disk, write_atomically};

use super::ledger::Ledger;
use super::plan::{Plan, settled_as};
use super::protocol;
use crate::commands::pretrain::Earlier;

/// The plot's file.
pub(super) const PLOT: &str = "plot.svg";

/// Why runs failed in this session, by arm and seed.
pub(super) type Failures = BTreeMap<(String, u64), String>;

/// What a run measured; one that cannot be read has failed.
pub(super) fn record(plan: &Plan, arm: &str, seed: u64) -> RunRecord {
    RunRecord::read(&plan.folder_of(arm, seed)).unwrap_or_else(|error| RunRecord {
        state: RunState::Failed,
        reason: Some(format!("{:#}; without its directory it is trained anew", anyhow!(error))),
        ..RunRecord::default()
    })
}

/// What is done so far.
///
/// # Errors
/// If a run cannot be read.
pub(super) fn report(plan: &Plan, ledger: &Ledger, failures: &Failures) -> anyhow::Result<Report> {
    let mut facts: BTreeMap<String, ArmFacts> = BTreeMap::new();
    let mut runs: BTreeMap<String, Vec<RunRow>> = BTreeMap::new();
    let study = Study { seeds: plan.seeds_there(), ..plan.study.clone() };
    for (arm, settings) in plan.arms() {
        let mut settings = settings.clone();
        for &seed in &study.seeds {
            let folder = plan.folder_of(&arm.name, seed);
            if let (0, Some(earlier)) = (settings.data.channels, Earlier::read(&folder)?) {
                settings = settled_as(&settings, &earlier.settings()?);
            }
            let mut record = record(plan, &arm.name, seed);
            if let Some(reason) = failures.get(&(arm.name.clone(), seed)) {
                record.state = RunState::Failed;
                record.reason = Some(reason.clone());
            }
            let row = RunRow::new(seed, record, ledger.seconds(&arm.name, seed));
            runs.entry(arm.name.clone()).or_default().push(row);
        }
        facts.insert(arm.name.clone(), protocol::facts(&settings));
    }
    Ok(Report::new(&plan.name, &study, &facts, &runs))
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
