//! The folder of a training with labels: what it was asked for, its checkpoints, its result.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use barlow_train::checkpoint::{self, Snapshot};
use barlow_train::finetune::FinetuneState;
use barlow_train::run_directory::first_free;
use barlow_train::storage::{Disk, write_atomically};
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

/// Keys of a request that follow from data, weights and program, not from options.
const FOUND: [&str; 7] =
    ["train", "test", "train_images", "batch_size", "steps_per_epoch", "seen", "version"];

/// A run goes on as it began: names what differs.
fn refuse_changes(path: &Path, earlier: &Value, request: &Value) -> anyhow::Result<()> {
    let none = serde_json::Map::new();
    let differs = |(key, now): (&String, &Value)| {
        let then = &earlier[key];
        (then != now).then(|| (key.clone(), format!("\n  `{key}`: {then} then, {now} now")))
    };
    let changes: Vec<(String, String)> =
        request.as_object().unwrap_or(&none).iter().filter_map(differs).collect();
    let list: String = changes.iter().map(|(_, line)| line.as_str()).collect();
    let hint = "give the same to go on, or choose another folder";
    if changes.iter().any(|(key, _)| !FOUND.contains(&key.as_str())) {
        bail!(
            Usage::new(format!("`{}` was begun with other options:{list}", path.display()))
                .hint(hint)
        );
    }
    if !changes.is_empty() {
        bail!(Advised::new(
            format!("`{}` was begun with other images, weights or program:{list}", path.display()),
            hint
        ));
    }
    Ok(())
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
            let earlier = fs::read_to_string(&asked).with_context(unusable)?;
            let earlier: Value = serde_json::from_str(&earlier).unwrap_or_default();
            refuse_changes(path, &earlier, request)?;
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
        write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> Result<(), E> {
        write_atomically(&Disk, &self.path.join(name), write)
    }
}
