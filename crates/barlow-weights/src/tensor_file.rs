//! Named arrays in a safetensors file: the one format of weights, checkpoints and embeddings.
//!
//! A file is an 8-byte header length, a JSON header and the raw little-endian values. [`write()`]
//! streams it in one order (larger elements first, as alignment wants, then by name) and with at
//! most one metadata key, so equal content gives equal bytes. [`read`] trusts nothing: the header
//! and the number of tensors are bounded, duplicate keys, gaps, overlaps and trailing bytes are
//! refused, and the file's length is compared with the header before anything is allocated. No
//! Burn here: a tensor is a shape and bytes.
//!
//! The layout rules come from the `safetensors` crate, whose own reader serves the tests as the
//! independent reference.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use safetensors::SafeTensorError;
use safetensors::tensor::{Metadata, TensorInfo};
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

mod convert;
mod lazy;

pub use lazy::LazyTensorFile;
pub use safetensors::Dtype;

/// The largest header that is read: 16 MiB.
pub const MAX_HEADER_BYTES: u64 = 16 << 20;
/// The most tensors that one file may hold.
pub const MAX_TENSORS: usize = 10_000;

const METADATA_KEY: &str = "__metadata__";
const LENGTH_BYTES: u64 = 8;

/// Arrays by name, in sorted order.
pub type Tensors = BTreeMap<String, Array>;

/// Why a tensor file or an array is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TensorFileError {
    /// The file could not be opened, read or written.
    #[error("reading or writing a tensor file failed")]
    Io {
        /// What the system said.
        #[from]
        source: io::Error,
    },
    /// The header is empty, above the limit, or longer than the file.
    #[error(
        "the header claims {header_bytes} bytes in a file of {file_bytes}; at most {limit} are read"
    )]
    HeaderSize {
        /// Length that the file's first 8 bytes give.
        header_bytes: u64,
        /// Length of the whole file.
        file_bytes: u64,
        /// [`MAX_HEADER_BYTES`].
        limit: u64,
    },
    /// The header is no JSON of the expected form, or its offsets leave gaps or overlap.
    #[error("the header is not valid")]
    Header {
        /// What the parser said.
        source: serde_json::Error,
    },
    /// A key stands twice in one object of the header.
    #[error("key `{key}` stands twice in the header")]
    DuplicateKey {
        /// The first such key.
        key: String,
    },
    /// More tensors than [`MAX_TENSORS`].
    #[error("{found} tensors; at most {limit} are allowed")]
    TooManyTensors {
        /// Tensors in the file.
        found: usize,
        /// [`MAX_TENSORS`].
        limit: usize,
    },
    /// The file is shorter or longer than its header says.
    #[error("expected a file of {expected} bytes, found {found}")]
    FileLength {
        /// Bytes that the header describes, itself included.
        expected: u64,
        /// Bytes in the file.
        found: u64,
    },
    /// The tensors to be written do not form a valid file.
    #[error("the tensors do not form a valid file")]
    Layout {
        /// What the format's own check said.
        source: SafeTensorError,
    },
    /// A tensor may not carry the name that the format keeps for itself.
    #[error("no tensor may be named `{name}`")]
    ReservedName {
        /// The name.
        name: String,
    },
    /// The array holds another type of value than asked for.
    #[error("expected values of type {expected}, found {found}")]
    Dtype {
        /// The type asked for.
        expected: Dtype,
        /// The type of the array.
        found: Dtype,
    },
    /// Values of this type are not converted.
    #[error("values of type {found} are not converted to F32")]
    NotConvertible {
        /// The type of the array.
        found: Dtype,
    },
    /// No tensor of this name.
    #[error("it has no tensor `{name}`")]
    NoSuchTensor {
        /// The name.
        name: String,
    },
    /// Shape and number of values do not belong together.
    #[error("shape {shape:?} needs {expected} bytes, found {found}")]
    ArrayLength {
        /// The shape.
        shape: Vec<usize>,
        /// Bytes that the shape needs; `usize::MAX` if more than can be counted.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
}

/// One n-dimensional array of any type, contiguous in row-major order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Array {
    /// Type of a value.
    pub dtype: Dtype,
    /// Extents; empty for a single number.
    pub shape: Vec<usize>,
    /// The values, little-endian, as the file holds them.
    pub bytes: Vec<u8>,
}

/// A number that an [`Array`] can be made of and read as.
pub trait Element: Copy + sealed::LittleEndian {
    /// The type's name in the file.
    const DTYPE: Dtype;
}

mod sealed {
    pub trait LittleEndian {
        fn append_to(self, bytes: &mut Vec<u8>);
        fn from_chunk(chunk: &[u8]) -> Self;
    }
}

macro_rules! elements {
    ($($number:ty => $dtype:ident),*) => {$(
        impl Element for $number {
            const DTYPE: Dtype = Dtype::$dtype;
        }
        impl sealed::LittleEndian for $number {
            fn append_to(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }
            fn from_chunk(chunk: &[u8]) -> Self {
                Self::from_le_bytes(chunk.try_into().expect("chunks have the element's size"))
            }
        }
    )*};
}
elements!(f32 => F32, f64 => F64, u8 => U8, i32 => I32, u32 => U32, i64 => I64, u64 => U64);

impl Array {
    /// An array of `values`, row-major.
    ///
    /// # Errors
    /// [`TensorFileError::ArrayLength`] if the shape's product is not the number of values.
    pub fn from_values<T: Element>(shape: &[usize], values: &[T]) -> Result<Self, TensorFileError> {
        let mut bytes = Vec::with_capacity(size_of_val(values));
        for &value in values {
            value.append_to(&mut bytes);
        }
        let array = Self { dtype: T::DTYPE, shape: shape.to_vec(), bytes };
        array.check_length()?;
        Ok(array)
    }

    /// The values, row-major.
    ///
    /// # Errors
    /// [`TensorFileError::Dtype`] if the array holds another type (nothing is converted), and
    /// [`TensorFileError::ArrayLength`] if bytes and shape do not belong together.
    pub fn to_values<T: Element>(&self) -> Result<Vec<T>, TensorFileError> {
        if self.dtype != T::DTYPE {
            return Err(TensorFileError::Dtype { expected: T::DTYPE, found: self.dtype });
        }
        self.check_length()?;
        Ok(self.bytes.chunks_exact(size_of::<T>()).map(T::from_chunk).collect())
    }

    /// [`Array::from_values`] of `f32`.
    ///
    /// # Errors
    /// As there.
    pub fn from_f32(shape: &[usize], values: &[f32]) -> Result<Self, TensorFileError> {
        Self::from_values(shape, values)
    }

    /// [`Array::to_values`] as `f32`.
    ///
    /// # Errors
    /// As there.
    pub fn to_f32(&self) -> Result<Vec<f32>, TensorFileError> {
        self.to_values()
    }

    /// [`Array::from_values`] of `u64`.
    ///
    /// # Errors
    /// As there.
    pub fn from_u64(shape: &[usize], values: &[u64]) -> Result<Self, TensorFileError> {
        Self::from_values(shape, values)
    }

    /// [`Array::to_values`] as `u64`.
    ///
    /// # Errors
    /// As there.
    pub fn to_u64(&self) -> Result<Vec<u64>, TensorFileError> {
        self.to_values()
    }

    /// Whether bytes and shape belong together.
    pub(crate) fn check_length(&self) -> Result<(), TensorFileError> {
        let expected = self
            .shape
            .iter()
            .try_fold(self.dtype.bitsize(), |bits, &extent| bits.checked_mul(extent))
            .map_or(usize::MAX, |bits| bits / 8);
        if expected == self.bytes.len() {
            return Ok(());
        }
        let (shape, found) = (self.shape.clone(), self.bytes.len());
        Err(TensorFileError::ArrayLength { shape, expected, found })
    }
}

/// Streams `tensors` as a safetensors file, with one metadata key and its text if given.
///
/// The same content always gives the same bytes.
///
/// # Errors
/// If a name is reserved, an array's bytes do not fit its shape, there are more than
/// [`MAX_TENSORS`], the header would pass [`MAX_HEADER_BYTES`], or `writer` fails.
pub fn write(
    tensors: &Tensors,
    metadata: Option<(&str, &str)>,
    mut writer: impl Write,
) -> Result<(), TensorFileError> {
    if tensors.len() > MAX_TENSORS {
        return Err(TensorFileError::TooManyTensors { found: tensors.len(), limit: MAX_TENSORS });
    }
    if tensors.contains_key(METADATA_KEY) {
        return Err(TensorFileError::ReservedName { name: METADATA_KEY.to_owned() });
    }
    // The sort is stable, so names stay sorted among tensors of one element size.
    let mut order: Vec<(&String, &Array)> = tensors.iter().collect();
    order.sort_by_key(|(_, array)| std::cmp::Reverse(array.dtype.bitsize()));

    let mut entries = Vec::with_capacity(order.len());
    let mut start = 0;
    for (name, array) in &order {
        array.check_length()?;
        let end = start + array.bytes.len();
        let (dtype, shape, data_offsets) = (array.dtype, array.shape.clone(), (start, end));
        entries.push(((*name).clone(), TensorInfo { dtype, shape, data_offsets }));
        start = end;
    }
    let metadata = metadata.map(|(key, text)| HashMap::from([(key.to_owned(), text.to_owned())]));
    let header =
        Metadata::new(metadata, entries).map_err(|source| TensorFileError::Layout { source })?;
    let mut header =
        serde_json::to_vec(&header).map_err(|source| TensorFileError::Header { source })?;
    header.resize(header.len().next_multiple_of(8), b' ');
    let header_bytes = header.len() as u64;
    if header_bytes > MAX_HEADER_BYTES {
        let file_bytes = LENGTH_BYTES + header_bytes + start as u64;
        let limit = MAX_HEADER_BYTES;
        return Err(TensorFileError::HeaderSize { header_bytes, file_bytes, limit });
    }

    writer.write_all(&header_bytes.to_le_bytes())?;
    writer.write_all(&header)?;
    for (_, array) in order {
        writer.write_all(&array.bytes)?;
    }
    writer.flush()?;
    Ok(())
}

/// Reads a safetensors file: its tensors, and its metadata by key.
///
/// # Errors
/// If the file cannot be read or breaks one of the rules at the head of this module.
pub fn read(path: &Path) -> Result<(Tensors, BTreeMap<String, String>), TensorFileError> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    read_from(BufReader::with_capacity(1 << 20, file), length)
}

/// [`read`] from a stream of known length in bytes; a slice is one.
///
/// # Errors
/// As [`read`], and if the stream is shorter or longer than `length`.
pub fn read_from(
    mut reader: impl Read,
    length: u64,
) -> Result<(Tensors, BTreeMap<String, String>), TensorFileError> {
    let (header, _) = read_header(&mut reader, length)?;
    let mut tensors = Tensors::new();
    let mut entries: Vec<(String, &TensorInfo)> = header.tensors().into_iter().collect();
    entries.sort_by_key(|(_, info)| info.data_offsets);
    for (name, info) in entries {
        let (start, end) = info.data_offsets;
        let mut bytes = vec![0; end - start];
        reader.read_exact(&mut bytes)?;
        tensors.insert(name, Array { dtype: info.dtype, shape: info.shape.clone(), bytes });
    }
    let mut beyond = Vec::new();
    reader.take(1).read_to_end(&mut beyond)?;
    if !beyond.is_empty() {
        return Err(TensorFileError::FileLength { expected: length, found: length + 1 });
    }
    let metadata = header.metadata().iter().flatten();
    Ok((tensors, metadata.map(|(key, text)| (key.clone(), text.clone())).collect()))
}

/// The header of a file of `length` bytes, which it accounts for, and where the values begin.
fn read_header(reader: &mut impl Read, length: u64) -> Result<(Metadata, u64), TensorFileError> {
    if length < LENGTH_BYTES {
        return Err(TensorFileError::FileLength { expected: LENGTH_BYTES, found: length });
    }
    let mut header_bytes = [0; LENGTH_BYTES as usize];
    reader.read_exact(&mut header_bytes)?;
    let header_bytes = u64::from_le_bytes(header_bytes);
    let limit = MAX_HEADER_BYTES.min(length - LENGTH_BYTES);
    if header_bytes == 0 || header_bytes > limit {
        let limit = MAX_HEADER_BYTES;
        return Err(TensorFileError::HeaderSize { header_bytes, file_bytes: length, limit });
    }
    let mut header = vec![0; header_bytes as usize];
    reader.read_exact(&mut header)?;
    let header = parse_header(&header)?;

    let start = LENGTH_BYTES + header_bytes;
    let expected = start.checked_add(header.data_len() as u64);
    if expected != Some(length) {
        let expected = expected.unwrap_or(u64::MAX);
        return Err(TensorFileError::FileLength { expected, found: length });
    }
    Ok((header, start))
}

/// Checks what a JSON parser lets pass, then lets the `safetensors` crate check the layout.
fn parse_header(bytes: &[u8]) -> Result<Metadata, TensorFileError> {
    let invalid = |source| TensorFileError::Header { source };
    let keys: Keys = serde_json::from_slice(bytes).map_err(invalid)?;
    if let Some(key) = keys.duplicate {
        return Err(TensorFileError::DuplicateKey { key });
    }
    let found = keys.names.len() - usize::from(keys.names.contains(METADATA_KEY));
    if found > MAX_TENSORS {
        return Err(TensorFileError::TooManyTensors { found, limit: MAX_TENSORS });
    }
    serde_json::from_slice(bytes).map_err(invalid)
}

/// The keys of a JSON object, and the first that stands twice in it or anywhere below it.
#[derive(Default)]
struct Keys {
    names: std::collections::BTreeSet<String>,
    duplicate: Option<String>,
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeysVisitor)
    }
}

struct KeysVisitor;

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = Keys;

    fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
        let mut keys = Keys::default();
        while let Some(key) = map.next_key::<String>()? {
            let below: Keys = map.next_value()?;
            let again = keys.names.contains(&key).then(|| key.clone());
            keys.duplicate = keys.duplicate.or(again).or(below.duplicate);
            keys.names.insert(key);
        }
        Ok(keys)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Keys, A::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Keys::default())
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Keys, E> {
        Ok(Keys::default())
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Keys, E> {
        Ok(Keys::default())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Keys, E> {
        Ok(Keys::default())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Keys, E> {
        Ok(Keys::default())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Keys, E> {
        Ok(Keys::default())
    }

    fn visit_unit<E: de::Error>(self) -> Result<Keys, E> {
        Ok(Keys::default())
    }
}

#[cfg(test)]
mod tests;
