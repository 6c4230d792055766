//! The table for people.

use std::fmt::Write as _;

use super::{Report, Row, RunRow};
use crate::run::RunState;
use crate::statistics::Spread;

impl Report {
    /// The report as a document in Markdown; `plot` is the file of its plot.
    pub fn to_markdown(&self, plot: &str) -> String {
        let mut lines = vec![format!("# {}", escaped(&self.title)), String::new()];
        lines.extend([escaped(&self.claim), String::new()]);
        lines.extend([format!("![{}]({plot})", escaped(&self.title)), String::new()]);
        lines.extend(self.table());
        lines.extend([String::new(), self.legend(), String::new()]);
        let several = self.protocols().len() > 1;
        for protocol in self.protocols() {
            let arms = self.arms.iter().filter(|row| row.protocol == protocol);
            let arms: Vec<String> = arms.map(|row| format!("`{}`", row.arm)).collect();
            let of = if several { format!(" of {}", arms.join(", ")) } else { String::new() };
            lines.push(format!("Protocol{of}: {}.", on_one_line(protocol)));
        }
        let differs = if self.has_paper() { "Differs from the paper" } else { "Mind" };
        for (what, text) in [(differs, &self.differs), ("Source", &self.source)] {
            if let Some(text) = text {
                lines.extend([String::new(), format!("{what}: {}.", escaped(text))]);
            }
        }
        let failures = self.failures();
        if !failures.is_empty() {
            lines.extend([String::new(), "Failed runs:".to_owned(), String::new()]);
            lines.extend(failures);
        }
        lines.push(String::new());
        lines.join("\n")
    }

    fn table(&self) -> Vec<String> {
        let has_paper = self.has_paper();
        let has_difference = self.arms.iter().any(|row| row.baseline.is_some());
        let mut head = vec!["arm", "k-NN, %", "seeds", "untrained, %"];
        if has_difference {
            head.push("to baseline");
        }
        if has_paper {
            head.extend(["paper, %", "paper, to baseline"]);
        }
        head.extend(["health", "weights, M", "images/s", "s a run"]);
        let rule = head.iter().enumerate();
        let rule: Vec<&str> =
            rule.map(|(index, _)| if index == 0 { "---" } else { "---:" }).collect();
        let mut lines = vec![line(&head), line(&rule)];
        for row in &self.arms {
            let seeds = row.finished;
            let mut cells = vec![
                name(row),
                shown(row.knn.map(|knn| knn.times(100.0))),
                if seeds == self.seeds.len() {
                    seeds.to_string()
                } else {
                    format!("{seeds} of {}", self.seeds.len())
                },
                shown(row.knn_before.map(|knn| format!("{:.1}", 100.0 * knn.mean))),
            ];
            if has_difference {
                cells.push(difference(row, row.difference.map(signed)));
            }
            if has_paper {
                cells.push(shown(row.paper.map(|paper| format!("{paper:.1}"))));
                let points = row.paper_difference.map(|points| format!("{points:+.1}"));
                cells.push(difference(row, points));
            }
            cells.extend([
                escaped(&row.health.to_string()),
                shown(row.parameters.map(|weights| format!("{:.2}", weights as f64 / 1e6))),
                shown(row.images_per_second.map(|rate| format!("{:.0}", rate.mean))),
                shown(row.seconds.map(|seconds| format!("{:.0}", seconds.mean))),
            ]);
            lines.push(line(&cells));
        }
        lines
    }

    fn legend(&self) -> String {
        let mut text = "k-NN: accuracy of the representation after training, mean ± standard \
                        deviation over the seeds that finished; to baseline: the same of the \
                        differences seed by seed. Health: the last verdict, and \
                        since which step; a run that ends with `not finite` has no accuracy. \
                        Weights: of encoder and projector."
            .to_owned();
        if let (true, Some(protocol)) = (self.has_paper(), &self.paper_protocol) {
            write!(text, " Paper: {}.", escaped(protocol)).expect("a string takes every text");
        }
        if self.has_paper() {
            text.push_str(" Compare the paper's differences, not its levels.");
        }
        text
    }

    fn failures(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for row in &self.arms {
            let failed = |run: &&RunRow| run.state == RunState::Failed;
            for run in row.runs.iter().filter(failed) {
                let reason = run.reason.as_deref().unwrap_or("no reason was left");
                lines.push(format!("- `{}`, seed {}: {}", row.arm, run.seed, escaped(reason)));
            }
        }
        lines
    }
}

fn line(cells: &[impl AsRef<str>]) -> String {
    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
    format!("| {} |", cells.join(" | "))
}

fn name(row: &Row) -> String {
    if row.label == row.arm {
        format!("`{}`", row.arm)
    } else {
        format!("{} (`{}`)", escaped(&row.label), row.arm)
    }
}

fn shown(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn difference(row: &Row, points: Option<String>) -> String {
    match points {
        Some(_) if row.baseline.as_ref() == Some(&row.arm) => "baseline".to_owned(),
        points => points.unwrap_or_default(),
    }
}

/// `-6.5 ± 1.2`, `+0.4` of a single seed.
fn signed(points: Spread) -> String {
    let plus = if points.mean >= 0.0 { "+" } else { "" };
    format!("{plus}{points}")
}

/// A text that Markdown shows as it is, on one line.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in on_one_line(text).chars() {
        if "|<*_[]\\`".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

fn on_one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
