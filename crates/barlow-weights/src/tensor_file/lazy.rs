//! A safetensors file whose tensors are read one by one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::{Array, TensorFileError, read_header};
use crate::contents::{Contents, TensorInfo};

/// A file whose header was read and judged, and whose values are still in it.
#[derive(Debug)]
pub struct LazyTensorFile<R = File> {
    reader: R,
    contents: Contents,
    /// First byte of each tensor.
    starts: BTreeMap<String, u64>,
}

impl LazyTensorFile {
    /// Reads the header.
    ///
    /// # Errors
    /// As [`read`](super::read).
    pub fn open(path: &Path) -> Result<Self, TensorFileError> {
        Self::from_reader(File::open(path)?)
    }
}

impl<R: Read + Seek> LazyTensorFile<R> {
    /// [`LazyTensorFile::open`] of what can be read and sought.
    ///
    /// # Errors
    /// As there.
    pub fn from_reader(mut reader: R) -> Result<Self, TensorFileError> {
        let length = reader.seek(SeekFrom::End(0))?;
        reader.seek(SeekFrom::Start(0))?;
        let (header, data) = read_header(&mut BufReader::new(&mut reader), length)?;
        let mut contents = Contents::default();
        let mut starts = BTreeMap::new();
        for (name, info) in header.tensors() {
            starts.insert(name.clone(), data + info.data_offsets.0 as u64);
            let info = TensorInfo { dtype: info.dtype, shape: info.shape.clone() };
            contents.tensors.insert(name, info);
        }
        let metadata = header.metadata().iter().flatten();
        contents.metadata = metadata.map(|(key, text)| (key.clone(), text.clone())).collect();
        Ok(Self { reader, contents, starts })
    }

    /// What is in the file.
    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// The values of one tensor.
    ///
    /// # Errors
    /// [`TensorFileError::NoSuchTensor`], or if reading fails.
    pub fn read(&mut self, name: &str) -> Result<Array, TensorFileError> {
        let (Some(info), Some(&start)) = (self.contents.tensors.get(name), self.starts.get(name))
        else {
            return Err(TensorFileError::NoSuchTensor { name: name.to_owned() });
        };
        // The header was found to fit the file, so this many bytes are in it.
        let mut bytes = vec![0; info.bytes() as usize];
        self.reader.seek(SeekFrom::Start(start))?;
        self.reader.read_exact(&mut bytes)?;
        Ok(Array { dtype: info.dtype, shape: info.shape.clone(), bytes })
    }
}
