//! What a study knows of its runs that their directories do not say: how long they took.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context;
use barlow_train::storage::{Disk, write_atomically};
use serde::{Deserialize, Serialize};

const FILE: &str = "ledger.json";

/// The sessions of a study's runs.
#[derive(Debug)]
pub(super) struct Ledger {
    path: PathBuf,
    entries: BTreeMap<String, BTreeMap<u64, Entry>>,
}

/// The sessions of a run.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Entry {
    /// All sessions together.
    seconds: f64,
    /// Whether a session has begun and not ended.
    #[serde(default)]
    is_open: bool,
    /// Whether a session was killed, so that nobody knows what it took.
    #[serde(default)]
    is_partial: bool,
}

impl Ledger {
    /// The ledger of a study's folder; empty where there is none.
    ///
    /// # Errors
    /// If it is there and cannot be read.
    pub(super) fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(FILE);
        let entries = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| {
                format!("`{}` is damaged; without it only times are lost", path.display())
            })?,
            Err(error) if error.kind() == ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => {
                return Err(error).with_context(|| format!("`{}` cannot be read", path.display()));
            }
        };
        Ok(Self { path, entries })
    }

    /// Notes that a session of a run begins.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn begin(&mut self, arm: &str, seed: u64) -> anyhow::Result<()> {
        let entry = self.entry(arm, seed);
        entry.is_partial |= entry.is_open;
        entry.is_open = true;
        self.write()
    }

    /// Notes that it ended.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn end(&mut self, arm: &str, seed: u64, seconds: f64) -> anyhow::Result<()> {
        let entry = self.entry(arm, seed);
        entry.is_open = false;
        // Milliseconds are as much as is known.
        entry.seconds += (seconds * 1000.0).round() / 1000.0;
        self.write()
    }

    fn entry(&mut self, arm: &str, seed: u64) -> &mut Entry {
        self.entries.entry(arm.to_owned()).or_default().entry(seed).or_default()
    }

    fn write(&self) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(&self.entries)?;
        write_atomically(&Disk, &self.path, |file| writeln!(file, "{text}"))
            .with_context(|| format!("`{}` cannot be written", self.path.display()))
    }

    /// What a run took, if all its sessions are known.
    pub(super) fn seconds(&self, arm: &str, seed: u64) -> Option<f64> {
        let entry = self.entries.get(arm)?.get(&seed)?;
        (!entry.is_partial && !entry.is_open).then_some(entry.seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_session_took_is_not_made_up() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::read(folder.path()).unwrap();
        ledger.begin("whole", 0).unwrap();
        ledger.end("whole", 0, 1.5).unwrap();
        ledger.begin("whole", 0).unwrap();
        ledger.end("whole", 0, 2.25).unwrap();
        ledger.begin("killed", 0).unwrap();
        let mut ledger = Ledger::read(folder.path()).unwrap();
        assert_eq!(ledger.seconds("whole", 0), Some(3.75));
        ledger.begin("killed", 0).unwrap();
        ledger.end("killed", 0, 1.0).unwrap();
        assert_eq!(Ledger::read(folder.path()).unwrap().seconds("killed", 0), None);
    }

    #[test]
    fn a_damaged_ledger_is_an_error_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "{\"a\": 3}").unwrap();
        let error = Ledger::read(folder.path()).unwrap_err();
        assert!(error.to_string().contains("is damaged"), "{error}");
    }
}
