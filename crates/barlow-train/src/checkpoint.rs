//! Checkpoints that survive a crash at any moment, a full disk and decayed bytes.
//!
//! A generation is a directory `step-NNNNNNNN` with `state.bin` (a safetensors file: the tensors
//! by name, the facts as one metadata text) and `MANIFEST.json` (its length and checksums). The
//! manifest comes last, so a generation without one was never finished. Everything is written to
//! a temporary file, synced, renamed and synced again; `latest` names the newest generation for
//! people and for noticing that its manifest is gone. An older generation is removed only after
//! the one kept beside the new one has been read back and verified.
//!
//! [`load_newest`] gives the newest generation whose every byte matches its checksums, else the
//! one before it together with the reason; it never starts anew where there was a checkpoint.
//! The caller holds the run directory's lock.

mod blocks;
mod manifest;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use barlow_nn::tensor_file::{self, TensorFileError, Tensors};
use serde_json::Value;

use crate::event::with_causes;
use crate::storage::{Storage, is_temporary, parent, write_atomically};
use blocks::{BLOCK_BYTES, BlockReader, BlockWriter};
use manifest::Manifest;

pub use manifest::FORMAT_VERSION;

pub(crate) const STATE: &str = "state.bin";
pub(crate) const MANIFEST: &str = "MANIFEST.json";
pub(crate) const LATEST: &str = "latest";
const PREFIX: &str = "step-";
const METADATA_KEY: &str = "facts";

/// Everything needed to continue a run bit for bit.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Number of updates done.
    pub step: u64,
    /// Weights, running statistics, optimiser and objective state.
    pub tensors: Tensors,
    /// What is no tensor: epoch, seed, hash of the configuration, counters. Whole numbers and text
    /// come back exactly; a fraction may lose its last bit and belongs into a tensor.
    pub facts: Value,
}

/// What [`load_newest`] found.
#[derive(Debug)]
pub struct Loaded {
    /// The newest state that is whole.
    pub snapshot: Snapshot,
    /// Newer generations that had to be passed over, newest first; for the user to read.
    pub rejected: Vec<Rejected>,
}

/// A generation that cannot be used.
#[derive(Debug)]
pub struct Rejected {
    /// Its directory.
    pub path: PathBuf,
    /// Why.
    pub reason: Damage,
}

impl fmt::Display for Rejected {
    /// The path, then the reason with everything that caused it.
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "`{}`: {}", self.path.display(), with_causes(&self.reason))
    }
}

/// What is wrong with a generation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// There is no manifest, though `latest` says that the generation was finished.
    #[error("`MANIFEST.json` is missing")]
    NoManifest,
    /// A file could not be read.
    #[error("`{file}` cannot be read")]
    Unreadable {
        /// Its name.
        file: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The manifest's own checksum does not match its text.
    #[error("`MANIFEST.json` does not match its own checksum")]
    ManifestChecksum,
    /// The manifest's text is not of the expected form.
    #[error("`MANIFEST.json` is not valid")]
    ManifestFormat {
        /// What the parser said.
        source: serde_json::Error,
    },
    /// Written by a newer program.
    #[error("format version {found}; this program reads up to {supported}")]
    NewerFormat {
        /// Version in the manifest.
        found: u64,
        /// [`FORMAT_VERSION`].
        supported: u64,
    },
    /// The manifest belongs to another step.
    #[error("expected step {expected}, found {found} in `MANIFEST.json`")]
    Step {
        /// Step in the directory's name.
        expected: u64,
        /// Step in the manifest.
        found: u64,
    },
    /// The manifest's block list does not cover the state.
    #[error("expected {expected} block checksums in `MANIFEST.json`, found {found}")]
    BlockCount {
        /// Blocks that the state's length needs.
        expected: u64,
        /// Checksums in the manifest.
        found: u64,
    },
    /// The state file has another length than the manifest says.
    #[error("expected {expected} bytes in `state.bin`, found {found}")]
    StateLength {
        /// Bytes in the manifest.
        expected: u64,
        /// Bytes in the file.
        found: u64,
    },
    /// The state file breaks its checksums or its format.
    #[error("`state.bin` is damaged")]
    State {
        /// What was met first.
        source: TensorFileError,
    },
    /// The facts in the state file are no JSON, or are missing.
    #[error("the facts in `state.bin` are not valid")]
    Facts {
        /// What the parser said.
        source: serde_json::Error,
    },
}

/// Why a checkpoint could not be written or found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The state could not be written; earlier generations are as they were.
    #[error("writing the checkpoint `{path}` failed")]
    Write {
        /// The generation or file.
        path: PathBuf,
        /// What failed.
        source: TensorFileError,
    },
    /// A step of the protocol around the state failed.
    #[error("keeping checkpoints in `{path}` failed")]
    Storage {
        /// The file or directory concerned.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There are checkpoints, and none can be used.
    #[error("no checkpoint in `{directory}` can be used: {}", list(rejected))]
    NoneUsable {
        /// The directory of all generations.
        directory: PathBuf,
        /// Each generation and its reason, newest first.
        rejected: Vec<Rejected>,
    },
    /// The newest checkpoint was written by a newer program.
    #[error(
        "checkpoint `{path}` has format version {found}, this program reads up to {supported}; \
         continue the run with the program that wrote it"
    )]
    NewerFormat {
        /// The generation.
        path: PathBuf,
        /// Version in its manifest.
        found: u64,
        /// [`FORMAT_VERSION`].
        supported: u64,
    },
}

fn list(rejected: &[Rejected]) -> String {
    let reasons: Vec<String> = rejected.iter().map(ToString::to_string).collect();
    reasons.join("; ")
}

/// Saves a generation, verifies the one before it and removes all others; returns its directory.
///
/// A step has one state: where this step's generation exists and is whole, it is left as it is.
///
/// # Errors
/// If any call fails. The generations that were there stay usable, and the call can be repeated.
pub fn save(
    storage: &dyn Storage,
    directory: &Path,
    snapshot: &Snapshot,
) -> Result<PathBuf, CheckpointError> {
    save_in_blocks(storage, directory, snapshot, BLOCK_BYTES)
}

fn save_in_blocks(
    storage: &dyn Storage,
    directory: &Path,
    snapshot: &Snapshot,
    block_bytes: usize,
) -> Result<PathBuf, CheckpointError> {
    let generation = directory.join(name_of(snapshot.step));
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| CheckpointError::Storage { path, source }
    };
    storage.create_directory(directory).map_err(at(directory))?;
    storage.sync_directory(parent(directory)).map_err(at(directory))?;
    storage.create_directory(&generation).map_err(at(&generation))?;
    storage.sync_directory(directory).map_err(at(directory))?;
    let finished = is_finished(storage, &generation).map_err(at(&generation))?;
    if !finished || verify(storage, &generation, snapshot.step).is_err() {
        // A manifest of a damaged generation may stay until it is replaced: it fits the old bytes
        // of the state or none.
        let blocks = write_atomically(storage, &generation.join(STATE), |writer| {
            let mut blocks = BlockWriter::new(writer, block_bytes);
            let facts = sorted_text(&snapshot.facts);
            tensor_file::write(&snapshot.tensors, Some((METADATA_KEY, &facts)), &mut blocks)?;
            Ok::<_, TensorFileError>(blocks.finish()?)
        })
        .map_err(|source| CheckpointError::Write { path: generation.clone(), source })?;
        let manifest = Manifest::new(snapshot.step, blocks).to_text();
        write_atomically(storage, &generation.join(MANIFEST), |writer| {
            writer.write_all(manifest.as_bytes())
        })
        .map_err(at(&generation))?;
    }
    write_atomically(storage, &directory.join(LATEST), |writer| {
        writeln!(writer, "{}", name_of(snapshot.step))
    })
    .map_err(at(&directory.join(LATEST)))?;
    remove_others(storage, directory, snapshot.step).map_err(at(directory))?;
    Ok(generation)
}

/// The newest generation that verifies; `None` if no generation was ever finished here.
///
/// # Errors
/// If there are generations and none can be used, if the newest was written by a newer program,
/// or if the directory cannot be listed.
pub fn load_newest(
    storage: &dyn Storage,
    directory: &Path,
) -> Result<Option<Loaded>, CheckpointError> {
    let at = |source| CheckpointError::Storage { path: directory.to_owned(), source };
    let names = match storage.list(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        names => names.map_err(at)?,
    };
    let announced = announced_step(storage, directory, &names);
    let mut rejected = Vec::new();
    for step in steps(&names) {
        let path = directory.join(name_of(step));
        if !is_finished(storage, &path).map_err(at)? {
            if announced.is_some_and(|announced| step <= announced) {
                rejected.push(Rejected { path, reason: Damage::NoManifest });
            }
            continue;
        }
        match read(storage, &path, step) {
            Ok(snapshot) => return Ok(Some(Loaded { snapshot, rejected })),
            Err(Damage::NewerFormat { found, supported }) => {
                return Err(CheckpointError::NewerFormat { path, found, supported });
            }
            Err(reason) => rejected.push(Rejected { path, reason }),
        }
    }
    if rejected.is_empty() && announced.is_none() {
        return Ok(None);
    }
    Err(CheckpointError::NoneUsable { directory: directory.to_owned(), rejected })
}

fn name_of(step: u64) -> String {
    format!("{PREFIX}{step:08}")
}

/// The step in the name of a generation, `None` for other names.
pub(crate) fn step_of(name: &str) -> Option<u64> {
    let step = name.strip_prefix(PREFIX)?.parse().ok()?;
    (name_of(step) == name).then_some(step)
}

/// Steps of all generations, newest first.
fn steps(names: &[String]) -> Vec<u64> {
    let mut steps: Vec<u64> = names.iter().filter_map(|name| step_of(name)).collect();
    steps.sort_unstable_by(|a, b| b.cmp(a));
    steps
}

/// The step in `latest`; 0 where the file is there and says nothing legible.
fn announced_step(storage: &dyn Storage, directory: &Path, names: &[String]) -> Option<u64> {
    names.iter().any(|name| name == LATEST).then(|| {
        let text = manifest::read_text(storage, &directory.join(LATEST)).unwrap_or_default();
        step_of(text.trim()).unwrap_or(0)
    })
}

fn is_finished(storage: &dyn Storage, generation: &Path) -> io::Result<bool> {
    Ok(storage.list(generation)?.iter().any(|name| name == MANIFEST))
}

/// Opens a state for reading; its bytes are checked block by block before they are handed out.
fn open(storage: &dyn Storage, generation: &Path, step: u64) -> Result<(BlockReader, u64), Damage> {
    let manifest = Manifest::read(storage, &generation.join(MANIFEST))?;
    if manifest.step != step {
        return Err(Damage::Step { expected: step, found: manifest.step });
    }
    let (file, found) = storage
        .open(&generation.join(STATE))
        .map_err(|source| Damage::Unreadable { file: STATE, source })?;
    let expected = manifest.state.bytes;
    if found != expected {
        return Err(Damage::StateLength { expected, found });
    }
    Ok((BlockReader::new(file, manifest.state), found))
}

fn read(storage: &dyn Storage, generation: &Path, step: u64) -> Result<Snapshot, Damage> {
    let (reader, length) = open(storage, generation, step)?;
    let (tensors, metadata) =
        tensor_file::read_from(reader, length).map_err(|source| Damage::State { source })?;
    let facts = metadata.get(METADATA_KEY).map_or("", String::as_str);
    let facts = serde_json::from_str(facts).map_err(|source| Damage::Facts { source })?;
    Ok(Snapshot { step, tensors, facts })
}

fn verify(storage: &dyn Storage, generation: &Path, step: u64) -> Result<(), Damage> {
    let (mut reader, _) = open(storage, generation, step)?;
    io::copy(&mut reader, &mut io::sink())
        .map_err(|source| Damage::State { source: source.into() })?;
    Ok(())
}

/// Keeps the generation of `step` and the newest whole one before it. Generations after `step`
/// were passed over when the run was resumed; the run is now replacing them.
fn remove_others(storage: &dyn Storage, directory: &Path, step: u64) -> io::Result<()> {
    let names = storage.list(directory)?;
    for name in names.iter().filter(|name| is_temporary(name)) {
        storage.remove_file(&directory.join(name))?;
    }
    let mut has_previous = false;
    for other in steps(&names) {
        let generation = directory.join(name_of(other));
        if other == step {
            remove_generation_files(storage, &generation, is_temporary)?;
        } else if other < step && !has_previous && verify(storage, &generation, other).is_ok() {
            has_previous = true;
        } else {
            remove_generation_files(storage, &generation, |name| name == MANIFEST)?;
            let ours = |name: &str| name == STATE || is_temporary(name);
            if remove_generation_files(storage, &generation, ours)? {
                storage.remove_directory(&generation)?;
            }
        }
    }
    Ok(())
}

/// Removes the chosen files of a generation; true if nothing else is in it.
fn remove_generation_files(
    storage: &dyn Storage,
    generation: &Path,
    chosen: impl Fn(&str) -> bool,
) -> io::Result<bool> {
    let (ours, others): (Vec<_>, Vec<_>) =
        storage.list(generation)?.into_iter().partition(|name| chosen(name));
    for name in ours {
        storage.remove_file(&generation.join(name))?;
    }
    Ok(others.is_empty())
}

/// The facts with every object's keys in order, whatever map type the JSON crate was built with.
fn sorted_text(facts: &Value) -> String {
    let mut facts = facts.clone();
    facts.sort_all_objects();
    facts.to_string()
}

#[cfg(test)]
mod tests;
