//! `metrics.jsonl`: what a run measured, by `kind`.

use std::path::Path;

use serde_json::Value;

use super::RunDirectoryError;
use super::json_lines::JsonLines;

/// The metrics of a run, growing by one line at a time.
///
/// Every record carries `kind` and `step`: for kind `step` the index of the update, from 0, for
/// every other kind the number of updates done when it was written.
#[derive(Debug)]
pub struct Metrics {
    lines: JsonLines,
    records: Vec<Value>,
}

impl Metrics {
    pub(super) fn open(path: &Path) -> Result<Self, RunDirectoryError> {
        let (lines, records) = JsonLines::open(path)?;
        Ok(Self { lines, records })
    }

    /// Records that were there when the file was opened and were not cut off since.
    pub fn earlier(&self) -> &[Value] {
        &self.records
    }

    /// Appends one record as a line of its own; readers see it at once.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn append(&mut self, record: &Value) -> Result<(), RunDirectoryError> {
        self.lines.append(record)
    }

    /// Drops what a resumed run will write again: with `step` updates done at the checkpoint,
    /// records of kind `step` from index `step` on, and others written after `step` updates. A
    /// record of kind `epoch` must therefore be written before the checkpoint of the same step.
    /// Call it before the first [`Metrics::append`].
    ///
    /// # Errors
    /// If the file cannot be replaced; it then stays as it was.
    pub fn cut_back_to(&mut self, step: u64) -> Result<(), RunDirectoryError> {
        self.keep(|record| {
            let done = record["step"].as_u64();
            done.is_none_or(|done| done < step || (done == step && record["kind"] != "step"))
        })
    }

    /// Drops everything: for a run that resumes without a checkpoint.
    ///
    /// # Errors
    /// If the file cannot be replaced; it then stays as it was.
    pub fn clear(&mut self) -> Result<(), RunDirectoryError> {
        self.keep(|_| false)
    }

    /// Returns when all records would survive a power failure; call it before saving a checkpoint.
    ///
    /// # Errors
    /// If the system reports one.
    pub fn sync(&self) -> Result<(), RunDirectoryError> {
        self.lines.sync()
    }

    fn keep(&mut self, wanted: impl Fn(&Value) -> bool) -> Result<(), RunDirectoryError> {
        let kept: Vec<Value> =
            self.records.iter().filter(|record| wanted(record)).cloned().collect();
        if kept.len() < self.records.len() {
            self.lines.replace(&kept)?;
            self.records = kept;
        }
        Ok(())
    }
}
