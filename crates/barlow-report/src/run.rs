//! What a run directory says of its run: `status.json` and `metrics.jsonl`, nothing else.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use crate::statistics::median;

const METRICS: &str = "metrics.jsonl";
const STATUS: &str = "status.json";
const HEALTHY: &str = "healthy";

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// There is none.
    #[default]
    Missing,
    /// Begun: interrupted, killed, or still going.
    Begun,
    /// All epochs are done.
    Finished,
    /// Its numbers stopped being finite. That is a result: the run would do so again.
    Diverged,
    /// Something went wrong that has nothing to do with what is compared.
    Failed,
}

/// Why a run directory cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The system refused a file.
    #[error("`{path}` cannot be read")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line, not the last, that is no JSON.
    #[error("line {line} of `{path}` is not valid")]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What the parser said.
        source: serde_json::Error,
    },
}

/// What a run measured.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunRecord {
    /// How far it is.
    pub state: RunState,
    /// Why it failed, in the words of its status.
    pub reason: Option<String>,
    /// Steps done.
    pub steps: u64,
    /// k-NN accuracy of the untrained encoder, 0..1.
    pub knn_before: Option<f64>,
    /// k-NN accuracy measured last, 0..1; none if it was measured once only.
    pub knn: Option<f64>,
    /// The last verdict on its health.
    pub verdict: Option<String>,
    /// What that verdict rests on, in words.
    pub verdict_reason: Option<String>,
    /// Since which step, where that verdict is not `healthy`: as the record says, else the step after
    /// which it was given first of those that were never withdrawn, one after each epoch.
    pub since_step: Option<u64>,
    /// The last loss that was finite.
    pub loss: Option<f64>,
    /// Source images a second, the median of its steps.
    pub images_per_second: Option<f64>,
}

impl RunRecord {
    /// Reads a run directory; one that is not there is [`RunState::Missing`].
    ///
    /// # Errors
    /// If a file is there and cannot be read, or a line of the metrics, not the last, is no JSON.
    pub fn read(run: &Path) -> Result<Self, RunError> {
        let status = text(&run.join(STATUS))?;
        let status: Value = status.and_then(|s| serde_json::from_str(&s).ok()).unwrap_or_default();
        let records = records(&run.join(METRICS))?;
        let steps: Vec<&Value> = records.iter().filter(|r| r["kind"] == "step").collect();
        let epochs: Vec<&Value> = records.iter().filter(|r| r["kind"] == "epoch").collect();
        let knn: Vec<f64> = epochs.iter().filter_map(|epoch| epoch["knn"].as_f64()).collect();
        let (verdict, since_step) = verdict(&epochs);
        let rates = steps.iter().filter_map(|step| step["images_per_second"].as_f64());
        let done = steps.last().and_then(|step| step["step"].as_u64()).map_or(0, |step| step + 1);
        Ok(Self {
            state: state(&status, run.exists()),
            reason: status["reason"].as_str().map(str::to_owned),
            // Not every step need be recorded; the last record of an epoch knows better.
            steps: epochs.last().and_then(|epoch| epoch["step"].as_u64()).unwrap_or(0).max(done),
            knn_before: knn.first().copied(),
            knn: if knn.len() > 1 { knn.last().copied() } else { None },
            verdict,
            verdict_reason: epochs
                .last()
                .and_then(|epoch| epoch["health"]["reason"].as_str())
                .map(str::to_owned),
            since_step,
            loss: steps.iter().rev().find_map(|step| step["loss"].as_f64()),
            images_per_second: median(rates.collect()),
        })
    }

    /// Whether nothing is left to do: the run has a result.
    pub fn has_result(&self) -> bool {
        matches!(self.state, RunState::Finished | RunState::Diverged)
    }
}

fn state(status: &Value, is_there: bool) -> RunState {
    match status["state"].as_str() {
        Some("done") => RunState::Finished,
        Some("failed") if status["cause"] == "diverged" => RunState::Diverged,
        Some("failed") => RunState::Failed,
        Some(_) => RunState::Begun,
        None if is_there => RunState::Begun,
        None => RunState::Missing,
    }
}

/// The last verdict and since when.
fn verdict(epochs: &[&Value]) -> (Option<String>, Option<u64>) {
    let of = |epoch: &Value| epoch["health"]["verdict"].as_str().map(str::to_owned);
    let last = epochs.last().and_then(|epoch| of(epoch));
    if last.as_deref().is_none_or(|verdict| verdict == HEALTHY) {
        return (last, None);
    }
    let stated = epochs.last().and_then(|epoch| epoch["health"]["since_step"].as_u64());
    let same = epochs.iter().rev().take_while(|epoch| of(epoch) == last);
    let since = same.last().and_then(|epoch| epoch["step"].as_u64());
    (last, stated.or(since))
}

/// The text of a file, if it is there; what is no UTF-8, as at the end of a torn line, is replaced.
fn text(path: &Path) -> Result<Option<String>, RunError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(RunError::Io { path: path.to_owned(), source }),
    }
}

/// The records of a file of JSON lines; a torn last line does not count.
fn records(path: &Path) -> Result<Vec<Value>, RunError> {
    let text = text(path)?.unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let mut records = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        match serde_json::from_str(line) {
            Ok(record) => records.push(record),
            Err(_) if index + 1 == lines.len() => {}
            Err(source) => {
                return Err(RunError::Line { path: path.to_owned(), line: index + 1, source });
            }
        }
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(status: &str, metrics: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(STATUS), status).unwrap();
        fs::write(folder.path().join(METRICS), metrics.join("\n")).unwrap();
        folder
    }

    fn epoch(step: u64, knn: &str, verdict: &str) -> String {
        let knn = if knn.is_empty() { String::new() } else { format!(r#""knn":{knn},"#) };
        format!(
            r#"{{"kind":"epoch","step":{step},{knn}"health":{{"verdict":"{verdict}","reason":"r"}}}}"#
        )
    }

    fn step(step: u64, rate: f64) -> String {
        format!(r#"{{"kind":"step","step":{step},"loss":{step}.5,"images_per_second":{rate}}}"#)
    }

    #[test]
    fn a_finished_run_gives_its_numbers() {
        let lines = [
            epoch(0, "0.2", "healthy"),
            step(0, 100.0),
            step(1, 300.0),
            epoch(2, "", "collapsed"),
            step(2, 200.0),
            epoch(3, "", "healthy"),
            step(3, 250.0),
            epoch(4, "", "collapsed"),
            step(4, 250.0),
            epoch(5, "0.7", "collapsed"),
        ];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let folder = run(r#"{"state":"done"}"#, &lines);
        let record = RunRecord::read(folder.path()).unwrap();
        assert_eq!(record.state, RunState::Finished);
        assert_eq!((record.knn_before, record.knn), (Some(0.2), Some(0.7)));
        assert_eq!(record.verdict.as_deref(), Some("collapsed"));
        assert_eq!(record.since_step, Some(4), "an epoch in between was healthy");
        assert_eq!((record.steps, record.loss), (5, Some(4.5)));
        assert_eq!(record.images_per_second, Some(250.0));
    }

    #[test]
    fn the_record_knows_best_since_when() {
        let stated = r#"{"kind":"epoch","step":9,"health":{"verdict":"collapsed","since_step":3}}"#;
        let folder = run("{}", &[&epoch(6, "", "collapsed"), stated]);
        assert_eq!(RunRecord::read(folder.path()).unwrap().since_step, Some(3));
    }

    #[test]
    fn a_run_without_finite_numbers_diverged_and_any_other_failure_is_one() {
        let diverged = r#"{"state":"failed","reason":"NaN","cause":"diverged"}"#;
        let record = RunRecord::read(run(diverged, &[&step(0, 1.0)]).path()).unwrap();
        assert_eq!((record.state, record.has_result()), (RunState::Diverged, true));
        let failed = r#"{"state":"failed","reason":"no space"}"#;
        let record = RunRecord::read(run(failed, &[&step(0, 1.0)]).path()).unwrap();
        assert_eq!((record.state, record.has_result()), (RunState::Failed, false));
        assert_eq!(record.reason.as_deref(), Some("no space"));
    }

    #[test]
    fn a_killed_run_is_begun_and_its_torn_line_is_passed_over() {
        let first = step(0, 1.0);
        let folder = run(r#"{"state":"running"}"#, &[&first, r#"{"kind":"st"#]);
        let record = RunRecord::read(folder.path()).unwrap();
        assert_eq!((record.state, record.steps), (RunState::Begun, 1));
        let missing = RunRecord::read(&folder.path().join("none")).unwrap();
        assert_eq!(missing.state, RunState::Missing);
        let folder = run("{}", &["no JSON", &first]);
        assert!(matches!(RunRecord::read(folder.path()), Err(RunError::Line { line: 1, .. })));
    }
}
