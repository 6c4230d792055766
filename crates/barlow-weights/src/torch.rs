//! PyTorch's checkpoints, `.pth` and `.pt`, in the zip format of PyTorch 1.6 and later.
//!
//! `torch.save` writes an archive: `data.pkl`, a pickle of dictionaries, lists and numbers in which each
//! tensor is a view of a numbered storage, and the storages as entries `data/0`, `data/1`, ... The archive
//! is read strictly (`torch/zip.rs`) and the pickle as data (`pickle.rs`). [`TorchFile::open`] reads all but
//! the weights, so that names, types and shapes can be judged first; [`TorchFile::read`] then fetches one
//! tensor. [`write()`] makes such a file of named arrays.
//!
//! Refused, with a word on what to do: the formats before 1.6 and `TorchScript`, neither of which is data alone.

mod strided;
mod tree;
mod write;
mod zip;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::contents::{Contents, TensorInfo};
use crate::pickle::{self, MAX_PICKLE_BYTES, Parsed, View};
use crate::tensor_file::Array;
use zip::Archive;

pub use crate::pickle::{PickleError, PickleRefusal};
pub(crate) use write::archive_around;
pub use write::{WriteError, write};
pub use zip::ZipError;

/// Why a checkpoint is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TorchError {
    /// The file could not be read.
    #[error("reading the checkpoint failed")]
    Io(#[from] io::Error),
    /// The archive is damaged or of two meanings.
    #[error("it is no archive as PyTorch writes it")]
    Zip(#[from] ZipError),
    /// Written by PyTorch before 1.6, or by its old format on demand.
    #[error(
        "it has the format of PyTorch before 1.6; save it anew, `torch.save(torch.load(f), g)`, or as safetensors"
    )]
    Legacy,
    /// A program, not weights alone.
    #[error(
        "it is a TorchScript archive, which holds code; save `torch.jit.load(f).state_dict()` by `torch.save`"
    )]
    TorchScript,
    /// An exported program.
    #[error("it is an exported program (`.pt2`); save the model's `state_dict()` by `torch.save`")]
    ExportedProgram,
    /// An entry that PyTorch does not write.
    #[error("entry `{name}` is not one that `torch.save` writes")]
    Entry {
        /// The entry.
        name: String,
    },
    /// No `data.pkl`, or several.
    #[error("{found} entries are called `data.pkl`; there has to be one")]
    Pickles {
        /// How many there are.
        found: usize,
    },
    /// The pickle is larger than any of weights.
    #[error("its pickle has {bytes} bytes; at most {limit} are read")]
    PickleSize {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The pickle is refused.
    #[error(transparent)]
    Pickle(#[from] PickleError),
    /// Written on a machine of the other byte order.
    #[error("its byte order is not `little`")]
    ByteOrder,
    /// The values refer to each other endlessly or too often.
    #[error("its dictionaries and lists have more than {limit} {what}")]
    Tree {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// Two tensors of one name, such as `a.b` and `b` in `a`.
    #[error("two tensors are called `{name}`")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// Not tensors but an object that only its own program can make.
    #[error("it holds an object of class `{class}`, not its tensors; save its `state_dict()`")]
    Object {
        /// The class.
        class: String,
    },
    /// A tensor's storage is missing or of another size than the pickle says.
    #[error("storage {key} of `{name}` should have {expected} bytes, found {found:?}")]
    Storage {
        /// A tensor of it.
        name: String,
        /// Its number.
        key: String,
        /// Bytes that the pickle says.
        expected: u64,
        /// Bytes of the entry, if there is one.
        found: Option<u64>,
    },
    /// No tensor of this name.
    #[error("it has no tensor `{name}`")]
    NoSuchTensor {
        /// The name.
        name: String,
    },
}

/// A checkpoint whose weights are still in the file.
#[derive(Debug)]
pub struct TorchFile<R = File> {
    archive: Archive<R>,
    contents: Contents,
    views: BTreeMap<String, (View, usize)>,
}

impl TorchFile {
    /// Reads what is in a checkpoint, but for the weights themselves.
    ///
    /// # Errors
    /// If the file cannot be read or breaks one of this module's rules.
    pub fn open(path: &Path) -> Result<Self, TorchError> {
        Self::from_reader(File::open(path)?)
    }
}

impl<R: Read + Seek> TorchFile<R> {
    /// [`TorchFile::open`] of what can be read and sought; a cursor over bytes is one.
    ///
    /// # Errors
    /// As there.
    pub fn from_reader(mut reader: R) -> Result<Self, TorchError> {
        refuse_legacy(&mut reader)?;
        let mut archive = match Archive::open(reader) {
            // Of what PyTorch writes only TorchScript compresses: its code.
            Err(ZipError::Compressed { name, .. }) if has_part(&name, "code") => {
                return Err(TorchError::TorchScript);
            }
            archive => archive?,
        };
        let records = Records::of(&archive)?;
        if let Some(index) = records.byte_order {
            let size = archive.entries()[index].size;
            if archive.read(index, 0..size.min(16))? != b"little" {
                return Err(TorchError::ByteOrder);
            }
        }
        let bytes = archive.entries()[records.pickle].size;
        if bytes > MAX_PICKLE_BYTES {
            return Err(TorchError::PickleSize { bytes, limit: MAX_PICKLE_BYTES });
        }
        let parsed = pickle::read(archive.read(records.pickle, 0..bytes)?)?;
        let tree = tree::flatten(&parsed)?;
        let mut views = BTreeMap::new();
        let mut tensors = BTreeMap::new();
        for (name, view) in tree.views {
            let index = storage_entry(&archive, &records, &parsed, &name, &view)?;
            let (dtype, shape) = (view.dtype, view.shape.clone());
            tensors.insert(name.clone(), TensorInfo { dtype, shape });
            views.insert(name, (view, index));
        }
        let contents =
            Contents { tensors, scalars: tree.scalars, opaque: tree.opaque, ..Contents::default() };
        Ok(Self { archive, contents, views })
    }

    /// What is in the file.
    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// Elements from one index to the next, of each dimension of a tensor.
    pub fn strides(&self, name: &str) -> Option<&[u64]> {
        self.views.get(name).map(|(view, _)| &view.strides[..])
    }

    /// The values of one tensor, row-major whatever its strides. At the first tensor of a storage all
    /// of that is read, for its check sum.
    ///
    /// # Errors
    /// [`TorchError::NoSuchTensor`]; [`TorchError::Zip`] if the storage is damaged.
    pub fn read(&mut self, name: &str) -> Result<Array, TorchError> {
        let Some((view, index)) = self.views.get(name) else {
            return Err(TorchError::NoSuchTensor { name: name.to_owned() });
        };
        let item_bytes = view.dtype.bitsize() / 8;
        let reach = view.reach();
        let bytes = reach.start * item_bytes as u64..reach.end * item_bytes as u64;
        let bytes = self.archive.read(*index, bytes)?;
        let bytes = strided::row_major(bytes, item_bytes, &view.shape, &view.strides);
        Ok(Array { dtype: view.dtype, shape: view.shape.clone(), bytes })
    }
}

/// Files before PyTorch 1.6 begin with a pickle of a magic number, still older ones are tar archives.
fn refuse_legacy(reader: &mut (impl Read + Seek)) -> Result<(), TorchError> {
    const TAR_MAGIC: std::ops::Range<usize> = 257..262;
    let mut head = Vec::new();
    reader.seek(SeekFrom::Start(0))?;
    reader.take(512).read_to_end(&mut head)?;
    let is_tar = head.get(TAR_MAGIC) == Some(b"ustar");
    if is_tar || (head.first() == Some(&0x80) && head.get(1).is_some_and(|version| *version <= 5)) {
        return Err(TorchError::Legacy);
    }
    Ok(())
}

/// Whether a part of an entry's name, but the first, is `part`.
fn has_part(name: &str, part: &str) -> bool {
    name.split('/').skip(1).any(|other| other == part)
}

/// Which entries of the archive are what.
struct Records {
    pickle: usize,
    byte_order: Option<usize>,
    /// By number.
    storages: BTreeMap<String, usize>,
}

impl Records {
    fn of<R: Read + Seek>(archive: &Archive<R>) -> Result<Self, TorchError> {
        let names = || archive.entries().iter().map(|entry| entry.name.as_str());
        // Judged first: these have entries of their own, or several pickles.
        let has = |part| names().any(|name| has_part(name, part));
        if has("constants.pkl") || has("code") {
            return Err(TorchError::TorchScript);
        }
        if has("archive_format")
            || names().any(|name| name.ends_with("serialized_exported_program.json"))
        {
            return Err(TorchError::ExportedProgram);
        }
        let is_pickle = |name: &str| name == "data.pkl" || name.ends_with("/data.pkl");
        let pickles: Vec<usize> = (0..archive.entries().len())
            .filter(|&index| is_pickle(&archive.entries()[index].name))
            .collect();
        let &[pickle] = &pickles[..] else {
            return Err(TorchError::Pickles { found: pickles.len() });
        };
        let prefix = archive.entries()[pickle].name.strip_suffix("data.pkl").unwrap_or_default();
        let mut records = Self { pickle, byte_order: None, storages: BTreeMap::new() };
        for (index, name) in names().enumerate() {
            let unexpected = || TorchError::Entry { name: name.to_owned() };
            match name.strip_prefix(prefix).ok_or_else(unexpected)? {
                "byteorder" => records.byte_order = Some(index),
                "data.pkl"
                | "version"
                | ".data/version"
                | ".format_version"
                | ".storage_alignment"
                | ".data/serialization_id" => {}
                other => {
                    let key = other.strip_prefix("data/").ok_or_else(unexpected)?;
                    if !key.bytes().all(|byte| byte.is_ascii_digit()) {
                        return Err(unexpected());
                    }
                    records.storages.insert(key.to_owned(), index);
                }
            }
        }
        Ok(records)
    }
}

/// The entry with a tensor's storage, which must have as many bytes as the pickle says.
fn storage_entry<R: Read + Seek>(
    archive: &Archive<R>,
    records: &Records,
    parsed: &Parsed,
    name: &str,
    view: &View,
) -> Result<usize, TorchError> {
    let key = parsed.text(view.storage.key);
    let item_bytes = view.storage.dtype.map_or(1, |dtype| dtype.bitsize() as u64 / 8);
    // Its size was judged when the view was made; views of no elements may have any.
    let expected = view.storage.elements.saturating_mul(item_bytes);
    let index = records.storages.get(key).copied();
    let found = index.map(|index| archive.entries()[index].size);
    match index {
        Some(index) if found == Some(expected) => Ok(index),
        _ => {
            let (name, key) = (name.to_owned(), key.to_owned());
            Err(TorchError::Storage { name, key, expected, found })
        }
    }
}

#[cfg(test)]
mod tests;
