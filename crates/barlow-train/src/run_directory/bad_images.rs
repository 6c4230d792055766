//! `bad_images.jsonl`: which images were skipped, and why.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::json;

use super::RunDirectoryError;
use super::json_lines::JsonLines;

/// The list of skipped images; each stands in it once, however often it is met.
#[derive(Debug)]
pub struct BadImages {
    lines: JsonLines,
    ids: BTreeSet<u64>,
}

impl BadImages {
    pub(super) fn open(path: &Path) -> Result<Self, RunDirectoryError> {
        let (lines, records) = JsonLines::open(path)?;
        let ids = records.iter().filter_map(|record| record["id"].as_u64()).collect();
        Ok(Self { lines, ids })
    }

    /// Lists an image: its id in the source, its path or name there, and what is wrong with it.
    /// Returns false if it stands in the list already.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn record(&mut self, id: u64, path: &str, reason: &str) -> Result<bool, RunDirectoryError> {
        if self.ids.contains(&id) {
            return Ok(false);
        }
        self.lines.append(&json!({"id": id, "path": path, "reason": reason}))?;
        Ok(self.ids.insert(id))
    }

    /// Number of images in the list, those of earlier processes included.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// True if no image was ever skipped.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}
