//! How long the runs of a study took: the one number that run directories do not have.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use barlow_train::storage::{Disk, write_atomically};

const FILE: &str = "seconds.json";

/// Seconds by arm and seed, all sessions together; those of a session that was killed are lost.
#[derive(Debug)]
pub(super) struct Ledger {
    path: PathBuf,
    seconds: BTreeMap<String, BTreeMap<u64, f64>>,
}

impl Ledger {
    /// The ledger of a study's folder; empty where there is none, or none that can be read.
    pub(super) fn read(folder: &Path) -> Self {
        let path = folder.join(FILE);
        let text = fs::read_to_string(&path).unwrap_or_default();
        Self { path, seconds: serde_json::from_str(&text).unwrap_or_default() }
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
    pub(super) fn add(&mut self, arm: &str, seed: u64, seconds: f64) -> anyhow::Result<()> {
        // Milliseconds are as much as is known.
        let seconds = (seconds * 1000.0).round() / 1000.0;
        *self.seconds.entry(arm.to_owned()).or_default().entry(seed).or_insert(0.0) += seconds;
        let text = serde_json::to_string_pretty(&self.seconds)?;
        write_atomically(&Disk, &self.path, |file| writeln!(file, "{text}"))
            .with_context(|| format!("`{}` cannot be written", self.path.display()))
    }

    /// What a run took.
    pub(super) fn seconds(&self, arm: &str, seed: u64) -> Option<f64> {
        self.seconds.get(arm)?.get(&seed).copied()
    }
}
