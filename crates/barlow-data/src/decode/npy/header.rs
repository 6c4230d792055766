//! The header of a `.npy` file: a Python dictionary of three entries.

use super::NpyError;
use crate::decode::ImageError;
use crate::decode::format::Format;

/// The longest header that is read, as NumPy's own `max_header_size`.
const MAX_HEADER_BYTES: usize = 10_000;

/// A type of samples that is read.
#[derive(Debug, Clone, Copy)]
pub(super) enum SampleType {
    U8,
    U16,
    U32,
    U64,
    I8,
    I16,
    I32,
    I64,
    F16,
    F32,
    F64,
}

/// What a header says.
pub(super) struct Header {
    pub(super) sample: SampleType,
    pub(super) is_big_endian: bool,
    /// Whether the first axis is the contiguous one.
    pub(super) is_fortran: bool,
    pub(super) shape: Vec<u64>,
}

impl SampleType {
    /// The type that NumPy calls by a letter and a number of bytes.
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "u1" => Self::U8,
            "u2" => Self::U16,
            "u4" => Self::U32,
            "u8" => Self::U64,
            "i1" => Self::I8,
            "i2" => Self::I16,
            "i4" => Self::I32,
            "i8" => Self::I64,
            "f2" => Self::F16,
            "f4" => Self::F32,
            "f8" => Self::F64,
            _ => return None,
        })
    }

    /// Bytes of one sample in the file.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 | Self::F16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }
}

impl Header {
    /// The header, and the data that follow it.
    pub(super) fn read(bytes: &[u8]) -> Result<(Self, &[u8]), ImageError> {
        let cut_off = || ImageError::Truncated { bytes: bytes.len() };
        let version = *bytes.get(6).ok_or_else(cut_off)?;
        let (length, start) = match (version, bytes.get(8..12)) {
            (1, Some(&[a, b, ..])) => (usize::from(u16::from_le_bytes([a, b])), 10),
            (2 | 3, Some(&[a, b, c, d])) => (u32::from_le_bytes([a, b, c, d]) as usize, 12),
            (1..=3, _) => return Err(cut_off()),
            _ => return Err(Format::Npy.unsupported(NpyError::Version { version })),
        };
        if length > MAX_HEADER_BYTES {
            let error = NpyError::HeaderTooLong { found: length, allowed: MAX_HEADER_BYTES };
            return Err(Format::Npy.corrupt(error));
        }
        let header = bytes.get(start..start + length).ok_or_else(cut_off)?;
        let header = Self::parse(&String::from_utf8_lossy(header))?;
        Ok((header, &bytes[start + length..]))
    }

    fn parse(text: &str) -> Result<Self, ImageError> {
        let value = |key: &'static str| {
            let missing = || Format::Npy.corrupt(NpyError::Missing { key });
            let (_, after) = text.split_once(&format!("'{key}'")).ok_or_else(missing)?;
            after.trim_start().strip_prefix(':').map(str::trim_start).ok_or_else(missing)
        };
        let descr = value("descr")?;
        let name = descr.strip_prefix('\'').and_then(|rest| rest.split_once('\''));
        let Some((name, _)) = name else {
            // A list of fields: a structured type.
            let found = descr.chars().take(40).collect();
            return Err(Format::Npy.unsupported(NpyError::SampleType { found }));
        };
        let sample = SampleType::named(name.trim_start_matches(['<', '>', '|', '=']))
            .ok_or_else(|| Format::Npy.unsupported(NpyError::SampleType { found: name.into() }))?;
        let shape = value("shape")?;
        let inside = shape.strip_prefix('(').and_then(|rest| rest.split_once(')'));
        let shape: Option<Vec<u64>> = inside.and_then(|(dimensions, _)| {
            let dimensions = dimensions.split(',').map(str::trim).filter(|word| !word.is_empty());
            dimensions.map(|word| word.parse().ok()).collect()
        });
        let missing = |key| Format::Npy.corrupt(NpyError::Missing { key });
        Ok(Self {
            sample,
            is_big_endian: name.starts_with('>'),
            is_fortran: match value("fortran_order")? {
                order if order.starts_with("True") => true,
                order if order.starts_with("False") => false,
                _ => return Err(missing("fortran_order")),
            },
            shape: shape.ok_or_else(|| missing("shape"))?,
        })
    }
}
