//! What a study would do: arms, order, what is done, and what the rest may cost.

use serde_json::json;

use super::ledger::Ledger;
use super::plan::Plan;
use super::results;
use crate::commands::output;

/// An arm of the plan.
struct Line<'a> {
    name: &'a str,
    label: &'a str,
    /// Seeds done, and seeds in all.
    done: usize,
    of: usize,
    /// Image pairs in a run.
    pairs: u64,
    /// Seconds of its runs that are done, the mean.
    seconds: Option<f64>,
}

/// Prints the plan on stdout; `pairs` are those of a run of each arm.
///
/// # Errors
/// If the ledger cannot be read, or stdout cannot be written.
pub(super) fn print(plan: &Plan, pairs: &[u64], as_json: bool) -> anyhow::Result<()> {
    let ledger = Ledger::read(&plan.out)?;
    let runs = plan.runs();
    let mut lines = Vec::new();
    for ((arm, _), &pairs) in plan.arms().zip(pairs) {
        let of_arm = runs.iter().filter(|run| plan.arm(run).name == arm.name);
        let mut line =
            Line { name: &arm.name, label: &arm.label, done: 0, of: 0, pairs, seconds: None };
        let mut times = Vec::new();
        for run in of_arm {
            line.of += 1;
            if results::record(plan, &arm.name, run.seed).has_result() {
                line.done += 1;
                times.extend(ledger.seconds(&arm.name, run.seed));
            }
        }
        line.seconds = (!times.is_empty()).then(|| times.iter().sum::<f64>() / times.len() as f64);
        if line.of > 0 {
            lines.push(line);
        }
    }
    let rate = seconds_per_pair(&lines);
    let of_line = |line: &Line| {
        let alike = rate.map(|rate| rate * line.pairs as f64);
        line.seconds.or(alike).or(plan.seconds_a_run)
    };
    let left = |line: &Line| (line.of - line.done) as f64;
    let total: Option<f64> = lines
        .iter()
        .filter(|line| line.done < line.of)
        .map(|line| Some(left(line) * of_line(line)?))
        .sum();
    let runs_left: usize = lines.iter().map(|line| line.of - line.done).sum();
    if as_json {
        let arms: Vec<_> = lines
            .iter()
            .map(|line| {
                json!({
                    "arm": line.name,
                    "label": line.label,
                    "seeds": line.of,
                    "done": line.done,
                    "pairs": line.pairs,
                    "seconds_a_run": of_line(line),
                })
            })
            .collect();
        let order: Vec<_> = runs.iter().map(|run| json!([plan.arm(run).name, run.seed])).collect();
        return output::json(&json!({
            "study": plan.name,
            "out": plan.out,
            "arms": arms,
            "order": order,
            "runs_left": runs_left,
            "seconds_left": total,
        }));
    }
    let width = lines.iter().map(|line| line.name.len()).max().unwrap_or(0);
    let mut text = vec![plan.study.title.clone(), plan.study.claim.clone(), String::new()];
    for line in &lines {
        let pairs = line.pairs;
        let cost = of_line(line).map_or_else(String::new, |s| format!(", about {s:.0} s a run"));
        text.push(format!(
            "{:width$}  {} of {} runs done, {pairs} pairs a run{cost}  {}",
            line.name, line.done, line.of, line.label
        ));
    }
    let seeds: Vec<String> = plan.study.seeds.iter().map(u64::to_string).collect();
    text.push(String::new());
    text.push(format!("order: all arms with seed {}", seeds.join(", then all with seed ")));
    text.push(format!("folder: {}", plan.out.display()));
    text.push(match total {
        _ if runs_left == 0 => "nothing is left to do".to_owned(),
        Some(seconds) => {
            let by = if rate.is_some() { "" } else { ", as the study states" };
            format!("{runs_left} runs left, about {}{by}", duration(seconds))
        }
        None => format!("{runs_left} runs left; their cost is unknown before the first is done"),
    });
    output::text(&text.join("\n"))
}

/// Seconds for a pair over all arms with finished runs.
fn seconds_per_pair(lines: &[Line]) -> Option<f64> {
    let known = lines.iter().filter_map(|line| Some((line.seconds?, line.pairs as f64)));
    let (seconds, pairs) = known.fold((0.0, 0.0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
    (pairs > 0.0).then(|| seconds / pairs)
}

fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} seconds"),
        s if s < 7200.0 => format!("{:.0} minutes", s / 60.0),
        s => format!("{:.1} hours", s / 3600.0),
    }
}
