//! What lies in a run directory, told apart by whether a run writes such a thing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{BAD_IMAGES, CHECKPOINTS, CONFIG, ENCODER, LOCK, METRICS, REPORT, STATUS, TRAIN_LOG};
use crate::checkpoint;
use crate::storage::is_temporary;

const FILES: [&str; 7] = [CONFIG, METRICS, STATUS, TRAIN_LOG, BAD_IMAGES, ENCODER, REPORT];

/// A listing of a run directory, two levels into its checkpoints.
#[derive(Debug, Default)]
pub(super) struct Contents {
    files: Vec<PathBuf>,
    temporaries: Vec<PathBuf>,
    directories: Vec<PathBuf>,
    foreign: Vec<String>,
    has_config: bool,
}

impl Contents {
    pub(super) fn list(path: &Path) -> io::Result<Self> {
        let mut contents = Self::default();
        contents.visit(path, Path::new(""))?;
        contents.foreign.sort();
        Ok(contents)
    }

    /// True if there is nothing but the lock.
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
            && self.temporaries.is_empty()
            && self.directories.is_empty()
            && self.foreign.is_empty()
    }

    pub(super) fn has_config(&self) -> bool {
        self.has_config
    }

    /// Paths, relative to the directory, that no run writes.
    pub(super) fn foreign(&self) -> &[String] {
        &self.foreign
    }

    /// Removes what a killed process left half written.
    pub(super) fn remove_temporaries(&self) -> io::Result<()> {
        self.temporaries.iter().try_for_each(fs::remove_file)
    }

    /// Removes every file that a run writes, the configuration last, and the directories that are
    /// empty then; call [`Contents::remove_temporaries`] first.
    pub(super) fn remove_run(&self) -> io::Result<()> {
        let (config, others): (Vec<_>, Vec<_>) =
            self.files.iter().partition(|path| path.ends_with(CONFIG));
        others.into_iter().try_for_each(fs::remove_file)?;
        self.directories.iter().try_for_each(fs::remove_dir)?;
        config.into_iter().try_for_each(fs::remove_file)
    }

    /// Sorts the entries of `root/below`; directories come after what is in them.
    fn visit(&mut self, root: &Path, below: &Path) -> io::Result<()> {
        for entry in fs::read_dir(root.join(below))? {
            let entry = entry?;
            let relative = below.join(entry.file_name());
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type()?;
            let at_top = below.as_os_str().is_empty();
            if at_top && name == LOCK {
                continue;
            }
            if kind.is_dir() && is_directory_of_a_run(&relative) {
                self.visit(root, &relative)?;
                self.directories.push(entry.path());
            } else if kind.is_file() && is_temporary(&name) && is_file_of_a_run(&relative, true) {
                self.temporaries.push(entry.path());
            } else if kind.is_file() && is_file_of_a_run(&relative, false) {
                self.has_config |= at_top && name == CONFIG;
                self.files.push(entry.path());
            } else {
                self.foreign.push(relative.to_string_lossy().into_owned());
            }
        }
        Ok(())
    }
}

fn parts(relative: &Path) -> Vec<String> {
    relative.iter().map(|part| part.to_string_lossy().into_owned()).collect()
}

fn is_directory_of_a_run(relative: &Path) -> bool {
    match parts(relative).iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [name] => name == CHECKPOINTS,
        [CHECKPOINTS, name] => checkpoint::step_of(name).is_some(),
        _ => false,
    }
}

fn is_file_of_a_run(relative: &Path, temporary: bool) -> bool {
    let mut parts = parts(relative);
    if temporary && let Some(name) = parts.last_mut() {
        // `NAME.PID.tmp`
        *name = name.rsplitn(3, '.').last().unwrap_or_default().to_owned();
    }
    match parts.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [name] => FILES.contains(&name),
        [CHECKPOINTS, name] => name == checkpoint::LATEST,
        [CHECKPOINTS, generation, name] => {
            checkpoint::step_of(generation).is_some()
                && [checkpoint::STATE, checkpoint::MANIFEST].contains(&name)
        }
        _ => false,
    }
}
