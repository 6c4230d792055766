//! The folder of a training with labels: what it was asked for, its checkpoints, its result.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use barlow_train::checkpoint::{self, Snapshot};
use barlow_train::finetune::FinetuneState;
use barlow_train::run_directory::first_free;
use barlow_train::storage::Disk;
use serde_json::Value;

use super::Place;
use crate::exit::{Advised, Usage};

/// What was asked for.
const REQUEST: &str = "request.json";
/// Names of the images that are trained on, a line each.
const IMAGES: &str = "images.txt";
/// The trained encoder.
pub(super) const ENCODER: &str = "encoder.safetensors";
/// The classifier behind it.
pub(super) const CLASSIFIER: &str = "classifier.safetensors";
/// The result, as `--json` prints it.
const SCORES: &str = "scores.json";
const CHECKPOINTS: &str = "checkpoints";

/// A folder that is this run's own.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// A new folder, or one of an earlier run of the same request.
    ///
    /// # Errors
    /// If it is not empty and may not be used, or holds a run of another request.
    pub(super) fn open(place: &Place, kind: &str, request: &Value) -> anyhow::Result<Self> {
        let &Place { out, resume, overwrite } = place;
        let path = match out {
            Some(path) => path.to_owned(),
            None => first_free(Path::new("runs"), kind)?,
        };
        let folder = Self { path };
        let path = folder.path.as_path();
        let unusable = || format!("`{}` cannot be used", path.display());
        fs::create_dir_all(path).with_context(unusable)?;
        let is_free = fs::read_dir(path).with_context(unusable)?.next().is_none();
        let asked = path.join(REQUEST);
        if !is_free && !resume && !overwrite {
            bail!(Advised::new(
                format!("`{}` is not empty", path.display()),
                "choose another folder, go on with `--resume`, or replace what is there with \
                 `--overwrite`"
            ));
        }
        if !is_free && !asked.exists() {
            bail!(Advised::new(
                format!("`{}` holds no training with labels", path.display()),
                "choose another folder"
            ));
        }
        let text = serde_json::to_string_pretty(request)?;
        if asked.exists() && resume {
            if fs::read_to_string(&asked).with_context(unusable)? != text {
                bail!(
                    Usage::new(format!("`{}` was begun with other options", path.display()))
                        .hint("give the same options to go on, or choose another folder")
                );
            }
        } else {
            if overwrite {
                folder.clear().with_context(unusable)?;
            }
            fs::write(&asked, text).with_context(unusable)?;
        }
        Ok(folder)
    }

    /// Removes what a training with labels leaves, and nothing else.
    fn clear(&self) -> io::Result<()> {
        for name in [REQUEST, IMAGES, ENCODER, CLASSIFIER, SCORES] {
            match fs::remove_file(self.path.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        match fs::remove_dir_all(self.path.join(CHECKPOINTS)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The newest state that was saved, or the beginning.
    pub(super) fn state(&self) -> anyhow::Result<FinetuneState> {
        let Some(loaded) = checkpoint::load_newest(&Disk, &self.path.join(CHECKPOINTS))? else {
            return Ok(FinetuneState::default());
        };
        let Snapshot { tensors, facts, .. } = loaded.snapshot;
        let mut state: FinetuneState = serde_json::from_value(facts)?;
        state.tensors = tensors;
        Ok(state)
    }

    /// Saves a state.
    pub(super) fn save(&self, state: &FinetuneState) -> io::Result<()> {
        let facts = serde_json::to_value(state)?;
        let snapshot = Snapshot { step: state.step, tensors: state.tensors.clone(), facts };
        checkpoint::save(&Disk, &self.path.join(CHECKPOINTS), &snapshot)
            .map(drop)
            .map_err(io::Error::other)
    }

    /// Writes the names of the images that are trained on.
    pub(super) fn write_images(&self, names: impl Iterator<Item = String>) -> io::Result<()> {
        self.write(IMAGES, |out| {
            for name in names {
                writeln!(out, "{name}")?;
            }
            Ok(())
        })
    }

    /// Writes the result.
    pub(super) fn write_scores(&self, scores: &Value) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(scores)?;
        Ok(self.write(SCORES, |out| writeln!(out, "{text}"))?)
    }

    /// Writes a file of the folder.
    pub(super) fn write<E: From<io::Error>>(
        &self,
        name: &str,
        write: impl FnOnce(&mut BufWriter<File>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut out = BufWriter::new(File::create(self.path.join(name))?);
        write(&mut out)?;
        Ok(out.flush()?)
    }
}
