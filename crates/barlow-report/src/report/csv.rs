//! The tables for programs (RFC 4180, with a line feed as the end of a line).

use super::Report;
use crate::run::RunState;

impl Report {
    /// A line an arm. Accuracies and differences are percent.
    pub fn to_csv(&self) -> String {
        let mut text = line(&[
            "arm",
            "label",
            "group",
            "x",
            "knn_mean",
            "knn_deviation",
            "seeds",
            "knn_before_mean",
            "baseline",
            "difference",
            "difference_deviation",
            "paper",
            "paper_difference",
            "health",
            "parameters",
            "images_per_second",
            "seconds",
            "protocol",
        ]);
        for row in &self.arms {
            let knn = row.knn.map(|knn| knn.times(100.0));
            text.push_str(&line(&[
                row.arm.clone(),
                row.label.clone(),
                row.groups.join(", "),
                number(row.x),
                number(knn.map(|knn| knn.mean)),
                number(knn.and_then(|knn| knn.deviation)),
                row.finished.to_string(),
                number(row.knn_before.map(|knn| 100.0 * knn.mean)),
                row.baseline.clone().unwrap_or_default(),
                number(row.difference.map(|points| points.mean)),
                number(row.difference.and_then(|points| points.deviation)),
                number(row.paper),
                number(row.paper_difference),
                row.health.to_string(),
                row.parameters.map_or_else(String::new, |weights| weights.to_string()),
                number(row.images_per_second.map(|rate| rate.mean)),
                number(row.seconds.map(|seconds| seconds.mean)),
                row.protocol.clone(),
            ]));
        }
        text
    }

    /// A line a run. Accuracies are percent.
    pub fn runs_to_csv(&self) -> String {
        let mut text = line(&[
            "arm",
            "seed",
            "state",
            "knn",
            "knn_before",
            "verdict",
            "since_step",
            "steps",
            "loss",
            "images_per_second",
            "seconds",
            "reason",
        ]);
        for row in &self.arms {
            for run in &row.runs {
                text.push_str(&line(&[
                    row.arm.clone(),
                    run.seed.to_string(),
                    state(run.state).to_owned(),
                    number(run.knn.map(|knn| 100.0 * knn)),
                    number(run.knn_before.map(|knn| 100.0 * knn)),
                    run.verdict.clone().unwrap_or_default(),
                    run.since_step.map_or_else(String::new, |step| step.to_string()),
                    run.steps.to_string(),
                    number(run.loss),
                    number(run.images_per_second),
                    number(run.seconds),
                    run.reason.clone().unwrap_or_default(),
                ]));
            }
        }
        text
    }
}

fn state(state: RunState) -> &'static str {
    match state {
        RunState::Missing => "missing",
        RunState::Begun => "begun",
        RunState::Finished => "finished",
        RunState::Diverged => "diverged",
        RunState::Failed => "failed",
    }
}

/// To a billionth, which is more than anything here is known to.
fn number(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| ((value * 1e9).round() / 1e9).to_string())
}

fn line(cells: &[impl AsRef<str>]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| quoted(cell.as_ref())).collect();
    cells.join(",") + "\n"
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}
