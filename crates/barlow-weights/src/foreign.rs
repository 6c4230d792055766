//! A file of weights from anywhere: PyTorch's or safetensors, told apart by content.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::contents::Contents;
use crate::tensor_file::{Array, LazyTensorFile, TensorFileError};
use crate::torch::{TorchError, TorchFile};

/// Why a file of weights is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForeignFileError {
    /// The file could not be read.
    #[error("reading the file failed")]
    Io(#[from] io::Error),
    /// Neither of the two formats.
    #[error("it is neither a PyTorch checkpoint nor a safetensors file")]
    Unrecognised,
    /// A PyTorch checkpoint that is refused.
    #[error("it is a PyTorch checkpoint that cannot be taken")]
    Torch(#[from] TorchError),
    /// A safetensors file that is refused.
    #[error("it is a safetensors file that cannot be taken")]
    TensorFile(#[from] TensorFileError),
    /// No tensor of this name.
    #[error("it has no tensor `{name}`")]
    NoSuchTensor {
        /// The name.
        name: String,
    },
}

/// A file whose weights are read one by one.
#[derive(Debug)]
pub struct ForeignFile<R = File> {
    format: Format<R>,
    bytes: u64,
}

#[derive(Debug)]
enum Format<R> {
    Torch(TorchFile<R>),
    TensorFile(LazyTensorFile<R>),
}

impl ForeignFile {
    /// Reads what is in a file, but for the weights themselves.
    ///
    /// # Errors
    /// If the file cannot be read, is of neither format or breaks a rule of its format.
    pub fn open(path: &Path) -> Result<Self, ForeignFileError> {
        Self::from_reader(File::open(path)?)
    }
}

impl<R: Read + Seek> ForeignFile<R> {
    /// [`ForeignFile::open`] of what can be read and sought.
    ///
    /// # Errors
    /// As there.
    pub fn from_reader(mut reader: R) -> Result<Self, ForeignFileError> {
        let bytes = reader.seek(SeekFrom::End(0))?;
        let mut head = Vec::new();
        reader.seek(SeekFrom::Start(0))?;
        reader.by_ref().take(9).read_to_end(&mut head)?;
        let format = match head[..] {
            [b'P', b'K', 3, 4, ..] => Format::Torch(TorchFile::from_reader(reader)?),
            [_, _, _, _, _, _, _, _, b'{'] => {
                Format::TensorFile(LazyTensorFile::from_reader(reader)?)
            }
            // What is left can only be a checkpoint of an old format, or nothing of ours.
            _ => match TorchFile::from_reader(reader) {
                Err(error @ TorchError::Legacy) => return Err(error.into()),
                _ => return Err(ForeignFileError::Unrecognised),
            },
        };
        Ok(Self { format, bytes })
    }

    /// What is in the file.
    pub fn contents(&self) -> &Contents {
        match &self.format {
            Format::Torch(file) => file.contents(),
            Format::TensorFile(file) => file.contents(),
        }
    }

    /// Size of the file.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The values of one tensor, row-major.
    ///
    /// # Errors
    /// If there is none of this name, or the file is damaged or cannot be read.
    pub fn read(&mut self, name: &str) -> Result<Array, ForeignFileError> {
        if !self.contents().tensors.contains_key(name) {
            return Err(ForeignFileError::NoSuchTensor { name: name.to_owned() });
        }
        match &mut self.format {
            Format::Torch(file) => Ok(file.read(name)?),
            Format::TensorFile(file) => Ok(file.read(name)?),
        }
    }
}
