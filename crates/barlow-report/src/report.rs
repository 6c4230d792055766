//! A study's results: a row an arm, a line a run.

mod csv;
mod health;
mod markdown;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::run::{RunRecord, RunState};
use crate::statistics::Spread;
use crate::study::{Arm, Study};
pub use health::Health;

/// What only the program that runs an arm knows of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ArmFacts {
    /// How accuracy is measured, in words.
    pub protocol: String,
    /// Weights of encoder and projector; none before the images told how many channels there are.
    pub parameters: Option<u64>,
}

/// The results of a study as far as they are there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The study's name.
    pub study: String,
    /// A line.
    pub title: String,
    /// What is under test.
    pub claim: String,
    /// Where the arms are not what the paper had.
    pub differs: Option<String>,
    /// Where claim and numbers are from.
    pub source: Option<String>,
    /// How the paper measured its numbers.
    pub paper_protocol: Option<String>,
    /// Seeds of each arm.
    pub seeds: Vec<u64>,
    /// What [`Row::x`] is.
    pub x_label: Option<String>,
    /// An arm each, in the study's order.
    pub arms: Vec<Row>,
}

/// The results of an arm. Accuracies are 0..1, what stands beside the paper is percent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The arm's name.
    pub arm: String,
    /// What to call it.
    pub label: String,
    /// The line of a plot that it belongs to.
    pub groups: Vec<String>,
    /// Where it stands on the horizontal axis.
    pub x: Option<f64>,
    /// k-NN accuracy after training, over the seeds that finished.
    pub knn: Option<Spread>,
    /// k-NN accuracy of the untrained encoder.
    pub knn_before: Option<Spread>,
    /// The arm that it is measured against.
    pub baseline: Option<String>,
    /// Accuracy less the baseline's of the same seed, points, over the seeds that both finished.
    pub difference: Option<Spread>,
    /// What the paper reports, percent.
    pub paper: Option<f64>,
    /// The paper's difference to its baseline, points.
    pub paper_difference: Option<f64>,
    /// What became of it, over all seeds.
    pub health: Health,
    /// Runs that finished, with an accuracy or, where nothing has labels, without.
    pub finished: usize,
    /// Seconds of a run.
    pub seconds: Option<Spread>,
    /// Source images a second, the median of each run's steps.
    pub images_per_second: Option<Spread>,
    /// Weights of encoder and projector; none before the images told how many channels there are.
    pub parameters: Option<u64>,
    /// How accuracy was measured.
    pub protocol: String,
    /// A seed each.
    pub runs: Vec<RunRow>,
}

/// The results of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunRow {
    /// Its seed.
    pub seed: u64,
    /// How far it is.
    pub state: RunState,
    /// Why it failed.
    pub reason: Option<String>,
    /// Steps done.
    pub steps: u64,
    /// k-NN accuracy of the untrained encoder, 0..1.
    pub knn_before: Option<f64>,
    /// k-NN accuracy after training, 0..1; none before it is finished.
    pub knn: Option<f64>,
    /// The last verdict on its health.
    pub verdict: Option<String>,
    /// What that verdict rests on.
    pub verdict_reason: Option<String>,
    /// Since which step, unless `healthy`.
    pub since_step: Option<u64>,
    /// The last loss.
    pub loss: Option<f64>,
    /// Source images a second, the median of its steps.
    pub images_per_second: Option<f64>,
    /// Seconds it took, all sessions together.
    pub seconds: Option<f64>,
}

impl RunRow {
    /// A run's line; `seconds` is what its sessions took.
    pub fn new(seed: u64, record: RunRecord, seconds: Option<f64>) -> Self {
        let is_finished = record.state == RunState::Finished;
        let RunRecord { state, reason, steps, knn_before, knn, verdict, .. } = record;
        let has_reason = matches!(state, RunState::Failed | RunState::Diverged);
        Self {
            seed,
            state,
            reason: reason.filter(|_| has_reason),
            steps,
            knn_before,
            knn: knn.filter(|_| is_finished),
            verdict,
            verdict_reason: record.verdict_reason,
            since_step: record.since_step,
            loss: record.loss,
            images_per_second: record.images_per_second,
            seconds,
        }
    }
}

impl Report {
    /// The results of a study.
    ///
    /// `facts` and `runs` are those of each arm by its name; an arm without runs is a row without
    /// numbers.
    pub fn new(
        name: &str,
        study: &Study,
        facts: &BTreeMap<String, ArmFacts>,
        runs: &BTreeMap<String, Vec<RunRow>>,
    ) -> Self {
        let of = |arm: &str| runs.get(arm).map_or(&[][..], Vec::as_slice);
        let row = |arm: &Arm| {
            let own = of(&arm.name);
            let baseline = arm.baseline.as_deref().and_then(|name| study.arm(name));
            let difference = baseline.and_then(|other| difference(own, of(&other.name)));
            let paper_difference = arm
                .paper_difference
                .or_else(|| baseline.and_then(|other| Some(arm.paper? - other.paper?)));
            let ArmFacts { protocol, parameters } =
                facts.get(&arm.name).cloned().unwrap_or_default();
            Row {
                arm: arm.name.clone(),
                label: arm.label.clone(),
                groups: arm.groups.clone(),
                x: arm.x,
                knn: spread(own, |run| run.knn),
                knn_before: spread(own, |run| run.knn_before),
                baseline: arm.baseline.clone(),
                difference,
                paper: arm.paper,
                paper_difference,
                health: Health::of(own),
                finished: own.iter().filter(|run| is_finished(run)).count(),
                seconds: spread(own, |run| run.seconds.filter(|_| is_finished(run))),
                images_per_second: spread(own, |run| run.images_per_second),
                parameters,
                protocol,
                runs: own.to_vec(),
            }
        };
        Self {
            study: name.to_owned(),
            title: study.title.clone(),
            claim: study.claim.clone(),
            differs: study.differs.clone(),
            source: study.source.clone(),
            paper_protocol: study.paper_protocol.clone(),
            seeds: study.seeds.clone(),
            x_label: study.x_label.clone(),
            arms: study.arms.iter().map(row).collect(),
        }
    }

    /// Each protocol once, in the order of the arms.
    pub fn protocols(&self) -> Vec<&str> {
        let mut protocols: Vec<&str> = Vec::new();
        for row in &self.arms {
            if !row.protocol.is_empty() && !protocols.contains(&row.protocol.as_str()) {
                protocols.push(&row.protocol);
            }
        }
        protocols
    }

    /// Whether the paper has anything to compare with.
    pub fn has_paper(&self) -> bool {
        self.arms.iter().any(|row| row.paper.is_some() || row.paper_difference.is_some())
    }
}

fn spread(runs: &[RunRow], value: impl Fn(&RunRow) -> Option<f64>) -> Option<Spread> {
    Spread::of(&runs.iter().filter_map(value).collect::<Vec<_>>())
}

fn is_finished(run: &RunRow) -> bool {
    run.state == RunState::Finished
}

/// Seed by seed, as runs of one seed share their images and first weights.
fn difference(runs: &[RunRow], others: &[RunRow]) -> Option<Spread> {
    let of_seed = |run: &RunRow| {
        let other = others.iter().find(|other| other.seed == run.seed)?;
        Some(100.0 * (run.knn? - other.knn?))
    };
    spread(runs, of_seed)
}

#[cfg(test)]
mod tests;
