//! One run's directory: who may write in it, and the files that other programs read.
//!
//! [`RunDirectory::open`] decides whether a run may begin in a directory, takes its lock and, if
//! asked to overwrite, removes what an earlier run wrote and nothing else. The files then have a
//! type each: [`Metrics`], [`Status`], [`TrainLog`] and [`BadImages`]. Checkpoints are written by
//! [`crate::checkpoint`] into [`RunDirectory::checkpoints_dir`].
//!
//! The lock is the system's own on `.lock`, so it goes with the process however that ends; the
//! file itself stays, and a directory that holds nothing else counts as empty.

mod bad_images;
mod contents;
mod json_lines;
mod lock;
mod metrics;
mod status;
mod train_log;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::storage::{Disk, write_atomically};
use contents::Contents;

pub use bad_images::BadImages;
pub use lock::{Holder, Lock};
pub use metrics::Metrics;
pub use status::{Ending, Status};
pub use train_log::TrainLog;

pub(crate) const CONFIG: &str = "config.toml";
pub(crate) const METRICS: &str = "metrics.jsonl";
pub(crate) const STATUS: &str = "status.json";
pub(crate) const TRAIN_LOG: &str = "train.log";
pub(crate) const BAD_IMAGES: &str = "bad_images.jsonl";
pub(crate) const CHECKPOINTS: &str = "checkpoints";
pub(crate) const ENCODER: &str = "encoder.safetensors";
pub(crate) const REPORT: &str = "report.html";
pub(crate) const LOCK: &str = ".lock";

/// What the user wants done with a directory that holds a run already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// Nothing: refuse it.
    New,
    /// Continue the run (`--resume`).
    Resume,
    /// Remove the run and begin anew (`--overwrite`).
    Overwrite,
}

/// Whether there is a run to continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// No configuration is there: the run begins at step 0.
    Fresh,
    /// An earlier process wrote its configuration; it may or may not have left a checkpoint.
    Continue,
}

/// Why a run directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunDirectoryError {
    /// There is something in the directory, and the user did not say what to do with it.
    #[error(
        "`{path}` is not empty; continue the run in it with `--resume`, replace it with \
         `--overwrite`, or choose another directory with `--out`"
    )]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// The directory holds files, but no run.
    #[error("`{path}` holds no run to resume: it has no `config.toml`, but {}", listed(foreign))]
    NotARun {
        /// The directory.
        path: PathBuf,
        /// What is in it.
        foreign: Vec<String>,
    },
    /// The directory holds files of others, so it is not emptied.
    #[error(
        "`{path}` is not overwritten: {} {} not written by a run; move it away or choose another \
         directory with `--out`",
        listed(foreign),
        if foreign.len() == 1 { "was" } else { "were" }
    )]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// Paths in it that no run writes.
        foreign: Vec<String>,
    },
    /// Another process is writing in the directory.
    #[error("`{path}` is in use by {holder}")]
    Locked {
        /// The directory.
        path: PathBuf,
        /// Who holds the lock.
        holder: Holder,
    },
    /// A line of a `.jsonl` file, not the last, is no JSON object of the expected form.
    #[error("line {line} of `{path}` is not valid")]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// Every number that a run's name could end in is taken.
    #[error("`{parent}` has no free name `{prefix}-NNN` left")]
    NoFreeName {
        /// Directory of all runs.
        parent: PathBuf,
        /// First part of the name.
        prefix: String,
    },
    /// The system refused a file or directory.
    #[error("`{path}` cannot be read or written")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Names as a message lists them: the first five, and how many more.
fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(5).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(5) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Adds the path to an error of the system.
fn at(path: &Path) -> impl FnOnce(io::Error) -> RunDirectoryError {
    let path = path.to_owned();
    move |source| RunDirectoryError::Io { path, source }
}

/// A run's directory, locked for this process as long as this value lives.
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    state: RunState,
    _lock: Lock,
}

impl RunDirectory {
    /// Creates the directory if it is missing, locks it and prepares it as `mode` says.
    ///
    /// # Errors
    /// If it is not empty and `mode` is [`OpenMode::New`], holds no run to resume, holds files
    /// that no run writes and is to be overwritten, is locked by another process, or cannot be
    /// read or written. A directory that is refused stays as it was.
    pub fn open(path: &Path, mode: OpenMode) -> Result<Self, RunDirectoryError> {
        fs::create_dir_all(path).map_err(at(path))?;
        // Before the lock, so that nothing is created in a directory of somebody else; and after
        // it, because another run may have come and gone in between.
        check(path, mode)?;
        let lock = Lock::take(path)?;
        let contents = check(path, mode)?;
        contents.remove_temporaries().map_err(at(path))?;
        if mode == OpenMode::Overwrite {
            contents.remove_run().map_err(at(path))?;
        }
        let is_run = mode == OpenMode::Resume && contents.has_config();
        let state = if is_run { RunState::Continue } else { RunState::Fresh };
        Ok(Self { path: path.to_owned(), state, _lock: lock })
    }

    /// Whether there is a run to continue.
    pub fn state(&self) -> RunState {
        self.state
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the trained encoder belongs.
    pub fn encoder_path(&self) -> PathBuf {
        self.path.join(ENCODER)
    }

    /// Where the report belongs.
    pub fn report_path(&self) -> PathBuf {
        self.path.join(REPORT)
    }

    /// Where checkpoints belong; it exists once one was saved.
    pub fn checkpoints_dir(&self) -> PathBuf {
        self.path.join(CHECKPOINTS)
    }

    /// Replaces `config.toml`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_config(&self, text: &str) -> Result<(), RunDirectoryError> {
        let path = self.path.join(CONFIG);
        write_atomically(&Disk, &path, |writer| writer.write_all(text.as_bytes()))
            .map_err(at(&path))
    }

    /// The text of `config.toml`.
    ///
    /// # Errors
    /// If it cannot be read, for one because it is missing.
    pub fn read_config(&self) -> Result<String, RunDirectoryError> {
        let path = self.path.join(CONFIG);
        fs::read_to_string(&path).map_err(at(&path))
    }

    /// Opens `metrics.jsonl` for appending.
    ///
    /// # Errors
    /// If it cannot be read or written, or a line in its midst is not JSON.
    pub fn metrics(&self) -> Result<Metrics, RunDirectoryError> {
        Metrics::open(&self.path.join(METRICS))
    }

    /// Opens `bad_images.jsonl` for appending.
    ///
    /// # Errors
    /// If it cannot be read or written, or a line in its midst is no record of a bad image.
    pub fn bad_images(&self) -> Result<BadImages, RunDirectoryError> {
        BadImages::open(&self.path.join(BAD_IMAGES))
    }

    /// Opens `train.log` for appending.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn train_log(&self) -> Result<TrainLog, RunDirectoryError> {
        TrainLog::open(&self.path.join(TRAIN_LOG))
    }

    /// Writes `status.json` as running at `step` and keeps its heartbeat going.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn start_status(&self, step: u64) -> Result<Status, RunDirectoryError> {
        Status::start(&self.path.join(STATUS), step)
    }

    /// Whether `status.json` says that all epochs are done.
    pub fn is_done(&self) -> bool {
        let status = fs::read(self.path.join(STATUS)).ok();
        let status = status.and_then(|text| serde_json::from_slice::<Value>(&text).ok());
        status.is_some_and(|status| status["state"] == "done")
    }
}

/// Looks through the directory and refuses it if `mode` does not allow what is there.
fn check(path: &Path, mode: OpenMode) -> Result<Contents, RunDirectoryError> {
    let contents = Contents::list(path).map_err(at(path))?;
    let foreign = || contents.foreign().to_vec();
    let path = path.to_owned();
    match mode {
        OpenMode::New if !contents.is_empty() => Err(RunDirectoryError::NotEmpty { path }),
        OpenMode::Resume if !contents.has_config() && !contents.foreign().is_empty() => {
            Err(RunDirectoryError::NotARun { path, foreign: foreign() })
        }
        OpenMode::Overwrite if !contents.foreign().is_empty() => {
            Err(RunDirectoryError::Foreign { path, foreign: foreign() })
        }
        _ => Ok(contents),
    }
}

/// Creates and returns the first `PREFIX-NNN` (from 001) under `parent` that is not there yet;
/// of two processes that ask at once, each gets its own.
///
/// # Errors
/// If a directory cannot be created, or 999,999 names are taken.
pub fn first_free(parent: &Path, prefix: &str) -> Result<PathBuf, RunDirectoryError> {
    fs::create_dir_all(parent).map_err(at(parent))?;
    for number in 1..1_000_000 {
        let path = parent.join(format!("{prefix}-{number:03}"));
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(RunDirectoryError::Io { path, source }),
        }
    }
    let (parent, prefix) = (parent.to_owned(), prefix.to_owned());
    Err(RunDirectoryError::NoFreeName { parent, prefix })
}

#[cfg(test)]
mod tests;
