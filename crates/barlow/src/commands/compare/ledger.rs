//! What a study knows of its runs that their directories do not say: how long they took, and which
//! ended because their representations were not finite.

use std::collections::BTreeMap;
use std::fs;
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
#[serde(deny_unknown_fields)]
struct Entry {
    /// All sessions together; that of one that was killed is lost.
    seconds: f64,
    /// Whether the last one ended because representations were not finite.
    is_not_finite: bool,
}

impl Ledger {
    /// The ledger of a study's folder; empty where there is none, or none that can be read.
    pub(super) fn read(folder: &Path) -> Self {
        let path = folder.join(FILE);
        let text = fs::read_to_string(&path).unwrap_or_default();
        Self { path, entries: serde_json::from_str(&text).unwrap_or_default() }
    }

    /// The ledger of a study's folder, which is made if it is not there.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub(super) fn open(folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)
            .with_context(|| format!("`{}` cannot be made", folder.display()))?;
        Ok(Self::read(folder))
    }

    /// Notes a session of a run.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn add(
        &mut self,
        arm: &str,
        seed: u64,
        seconds: f64,
        is_not_finite: bool,
    ) -> anyhow::Result<()> {
        let entry = self.entries.entry(arm.to_owned()).or_default().entry(seed).or_default();
        // Milliseconds are as much as is known.
        entry.seconds += (seconds * 1000.0).round() / 1000.0;
        entry.is_not_finite = is_not_finite;
        let text = serde_json::to_string_pretty(&self.entries)?;
        write_atomically(&Disk, &self.path, |file| writeln!(file, "{text}"))
            .with_context(|| format!("`{}` cannot be written", self.path.display()))
    }

    /// What a run took.
    pub(super) fn seconds(&self, arm: &str, seed: u64) -> Option<f64> {
        Some(self.entries.get(arm)?.get(&seed)?.seconds)
    }

    /// Whether a run ended because its representations were not finite.
    pub(super) fn is_not_finite(&self, arm: &str, seed: u64) -> bool {
        let entry = self.entries.get(arm).and_then(|seeds| seeds.get(&seed));
        entry.is_some_and(|entry| entry.is_not_finite)
    }
}
