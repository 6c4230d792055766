//! What became of an arm, in a few words.

use std::fmt;

use serde::Serialize;

use super::RunRow;
use crate::run::RunState;

/// What became of the runs of an arm: each finding with the runs that have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    /// Findings, the most frequent first; none where no run has a verdict yet.
    pub findings: Vec<Finding>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A verdict on health, or `not finite` or `failed`.
    pub what: String,
    /// How many runs have it.
    pub runs: usize,
    /// Of so many.
    pub of: usize,
    /// The first and the last of the steps since when they have it.
    pub since_steps: Option<(u64, u64)>,
}

impl Health {
    /// The findings of runs that are over.
    pub(super) fn of(runs: &[RunRow]) -> Self {
        let over: Vec<(String, Option<u64>)> = runs.iter().filter_map(finding).collect();
        let mut findings: Vec<Finding> = Vec::new();
        for (what, since) in &over {
            if let Some(known) = findings.iter_mut().find(|known| &known.what == what) {
                known.runs += 1;
                known.since_steps = match (known.since_steps, since) {
                    (Some((first, last)), &Some(since)) => {
                        Some((first.min(since), last.max(since)))
                    }
                    (known, _) => known,
                };
            } else {
                let since_steps = since.map(|since| (since, since));
                findings.push(Finding { what: what.clone(), runs: 1, of: over.len(), since_steps });
            }
        }
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.runs));
        Self { findings }
    }

    /// Whether some run lost what it should learn, or its numbers.
    pub fn is_ill(&self) -> bool {
        let is_ill = |f: &Finding| ["collapsed", "diverging", "not finite"].contains(&&*f.what);
        self.findings.iter().any(is_ill)
    }
}

/// What became of a run that is over, and since when.
fn finding(run: &RunRow) -> Option<(String, Option<u64>)> {
    match run.state {
        RunState::Missing | RunState::Begun => None,
        RunState::Failed => Some(("failed".to_owned(), None)),
        RunState::Diverged => Some(("not finite".to_owned(), Some(run.steps))),
        RunState::Finished => Some((run.verdict.clone()?, run.since_step)),
    }
}

impl fmt::Display for Health {
    /// `collapsed since step 40-80 in 2 of 3, healthy in 1 of 3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.findings.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{}", finding.what)?;
            match finding.since_steps {
                Some((first, last)) if first == last => write!(f, " since step {first}")?,
                Some((first, last)) => write!(f, " since step {first}-{last}")?,
                None => {}
            }
            if finding.runs < finding.of {
                write!(f, " in {} of {}", finding.runs, finding.of)?;
            }
        }
        Ok(())
    }
}
