//! `.pth` files as `torch.save` writes them: an `OrderedDict` of tensors by name.
//!
//! `torch.load(f, weights_only=True)` reads them, and `load_state_dict(strict=True)` takes what they
//! hold. The same arrays give the same bytes. Storages begin at multiples of 64 bytes, as PyTorch's do.

use std::io::{self, Write};

use crate::pickle::STORAGES;
use crate::tensor_file::{Array, Dtype, TensorFileError, Tensors};

/// Where PyTorch aligns storages: `kFieldAlignment` of `caffe2/serialize/inline_container.cc`.
const ALIGNMENT: usize = 64;
/// 1 January 1980, the first date of the format.
const DATE: u16 = 1 << 5 | 1;

/// Why tensors cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// Writing failed.
    #[error("writing the checkpoint failed")]
    Io(#[from] io::Error),
    /// The file would be larger than 4 GiB, or hold more entries than can be counted.
    #[error("the tensors do not fit a file of 4 GiB and 65535 entries")]
    TooLarge,
    /// PyTorch has no storage of this type, or shape and bytes do not belong together.
    #[error("tensor `{name}` cannot be written")]
    Array {
        /// The tensor.
        name: String,
        /// What is wrong with it.
        source: TensorFileError,
    },
    /// PyTorch has no storage of this type.
    #[error("tensor `{name}` is of type {dtype}, of which PyTorch has no storage")]
    Dtype {
        /// The tensor.
        name: String,
        /// Its type.
        dtype: Dtype,
    },
}

/// Streams `tensors` as a checkpoint.
///
/// # Errors
/// If an array's bytes do not fit its shape, its type has no storage in PyTorch, the file would pass
/// 4 GiB, or `writer` fails.
pub fn write(tensors: &Tensors, writer: impl Write) -> Result<(), WriteError> {
    let pickle = pickle(tensors)?;
    archive(&pickle, tensors.values().map(|array| &array.bytes[..]), writer)
}

/// A checkpoint with any pickle, and storages 0 to 3 of 64 bytes.
pub(crate) fn archive_around(pickle: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    archive(pickle, [&[0; 64][..]; 4].into_iter(), &mut bytes)
        .expect("a slice in memory is far below 4 GiB, and memory takes all that is written");
    bytes
}

fn archive<'a>(
    pickle: &[u8],
    storages: impl Iterator<Item = &'a [u8]>,
    writer: impl Write,
) -> Result<(), WriteError> {
    let mut archive = Archive { writer, at: 0, directory: Vec::new(), entries: 0 };
    archive.add("archive/data.pkl", pickle)?;
    archive.add("archive/byteorder", b"little")?;
    for (key, bytes) in storages.enumerate() {
        archive.add(&format!("archive/data/{key}"), bytes)?;
    }
    archive.add("archive/version", b"3\n")?;
    archive.finish()
}

/// The pickle, protocol 2.
fn pickle(tensors: &Tensors) -> Result<Vec<u8>, WriteError> {
    let mut out = b"\x80\x02ccollections\nOrderedDict\n)R(".to_vec();
    for (key, (name, array)) in tensors.iter().enumerate() {
        let elements = elements(name, array)?;
        let dtype = array.dtype;
        let Some((storage, _)) = STORAGES.iter().find(|(_, known)| *known == dtype) else {
            return Err(WriteError::Dtype { name: name.clone(), dtype });
        };
        text(&mut out, name);
        // _rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks)
        out.extend_from_slice(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(&mut out, "storage");
        out.extend_from_slice(format!("ctorch\n{storage}\n").as_bytes());
        text(&mut out, &key.to_string());
        text(&mut out, "cpu");
        number(&mut out, elements);
        out.extend_from_slice(b"tQK\x00(");
        for &extent in &array.shape {
            number(&mut out, extent);
        }
        out.extend_from_slice(b"t(");
        for stride in strides(&array.shape) {
            number(&mut out, stride);
        }
        out.extend_from_slice(b"t\x89ccollections\nOrderedDict\n)RtR");
    }
    out.extend_from_slice(b"u.");
    Ok(out)
}

fn elements(name: &str, array: &Array) -> Result<usize, WriteError> {
    array.check_length().map_err(|source| WriteError::Array { name: name.to_owned(), source })?;
    Ok(array.bytes.len() * 8 / array.dtype.bitsize())
}

/// Row-major, as PyTorch has them: an extent of 0 counts as 1.
fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for i in (1..shape.len()).rev() {
        strides[i - 1] = strides[i] * shape[i].max(1);
    }
    strides
}

/// `BINUNICODE`; names are far shorter than 4 GiB, or the file is refused for its size.
fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'X');
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// `LONG1` of 8 bytes: lengths of arrays in memory leave the sign's bit free.
fn number(out: &mut Vec<u8>, number: usize) {
    out.extend_from_slice(&[0x8a, 8]);
    out.extend_from_slice(&(number as u64).to_le_bytes());
}

/// A zip archive in the making.
struct Archive<W> {
    writer: W,
    at: u64,
    directory: Vec<u8>,
    entries: u16,
}

impl<W: Write> Archive<W> {
    fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), WriteError> {
        const LOCAL_BYTES: usize = 30;
        const FIELD_HEAD_BYTES: usize = 4;
        let too_large = |_no_room| WriteError::TooLarge;
        let start = u32::try_from(self.at).map_err(too_large)?;
        let size = u32::try_from(bytes.len()).map_err(too_large)?;
        let unpadded = self.at as usize + LOCAL_BYTES + name.len() + FIELD_HEAD_BYTES;
        let padding = unpadded.next_multiple_of(ALIGNMENT) - unpadded;

        // Version needed, flags (names are UTF-8), method (stored), time, date, check sum, sizes.
        let mut head = Vec::new();
        for value in [10, 1 << 11, 0, 0, DATE] {
            head.extend_from_slice(&u16::to_le_bytes(value));
        }
        for value in [crc32fast::hash(bytes), size, size] {
            head.extend_from_slice(&value.to_le_bytes());
        }
        head.extend_from_slice(&(name.len() as u16).to_le_bytes());

        let mut local = [b"PK\x03\x04", &head[..]].concat();
        local.extend_from_slice(&((FIELD_HEAD_BYTES + padding) as u16).to_le_bytes());
        local.extend_from_slice(name.as_bytes());
        // The field that PyTorch pads by.
        local.extend_from_slice(b"FB");
        local.extend_from_slice(&(padding as u16).to_le_bytes());
        local.resize(local.len() + padding, b'Z');
        self.writer.write_all(&local)?;
        self.writer.write_all(bytes)?;
        self.at += (local.len() + bytes.len()) as u64;

        self.directory.extend_from_slice(b"PK\x01\x02\x0a\x00");
        self.directory.extend_from_slice(&head);
        // No extra field, no comment, disk 0, no attributes.
        self.directory.extend_from_slice(&[0; 12]);
        self.directory.extend_from_slice(&start.to_le_bytes());
        self.directory.extend_from_slice(name.as_bytes());
        self.entries = self.entries.checked_add(1).ok_or(WriteError::TooLarge)?;
        Ok(())
    }

    fn finish(mut self) -> Result<(), WriteError> {
        let too_large = |_no_room| WriteError::TooLarge;
        let start = u32::try_from(self.at).map_err(too_large)?;
        let size = u32::try_from(self.directory.len()).map_err(too_large)?;
        let mut end = b"PK\x05\x06\0\0\0\0".to_vec();
        end.extend_from_slice(&self.entries.to_le_bytes());
        end.extend_from_slice(&self.entries.to_le_bytes());
        end.extend_from_slice(&size.to_le_bytes());
        end.extend_from_slice(&start.to_le_bytes());
        end.extend_from_slice(&[0; 2]);
        self.writer.write_all(&self.directory)?;
        self.writer.write_all(&end)?;
        self.writer.flush()?;
        Ok(())
    }
}
