//! The chain of directories of a TIFF, one for each page, and where their entries lie.
//!
//! The format: TIFF 6.0, section 2; `BigTIFF` has the same with 8-byte numbers.

use std::collections::BTreeSet;

use super::TiffProblem;
use crate::decode::ImageError;
use crate::decode::format::Format;

/// How the numbers of a file are stored.
#[derive(Debug, Clone, Copy)]
struct Numbers {
    is_big_endian: bool,
    is_big_tiff: bool,
}

impl Numbers {
    /// From the first four bytes of a file.
    fn of(magic: [u8; 4]) -> Self {
        Self { is_big_endian: magic[0] == b'M', is_big_tiff: magic.contains(&b'+') }
    }

    /// Of a file, however short.
    fn of_file(file: &[u8]) -> Self {
        Self::of(file.first_chunk().copied().unwrap_or_default())
    }

    fn number(self, bytes: &[u8]) -> u64 {
        let join = |number: u64, &byte: &u8| number << 8 | u64::from(byte);
        if self.is_big_endian {
            bytes.iter().fold(0, join)
        } else {
            bytes.iter().rev().fold(0, join)
        }
    }

    fn bytes(self, number: u64, length: usize) -> Vec<u8> {
        let mut bytes = number.to_le_bytes()[..length].to_vec();
        if self.is_big_endian {
            bytes.reverse();
        }
        bytes
    }

    /// Bytes of an offset.
    fn offset(self) -> usize {
        if self.is_big_tiff { 8 } else { 4 }
    }

    /// Where a file says where its first directory is.
    fn first(self) -> usize {
        self.offset()
    }

    /// Bytes of a directory's count of entries.
    fn count(self) -> usize {
        if self.is_big_tiff { 8 } else { 2 }
    }

    /// Bytes of an entry: tag, type, how many values, and values or where they are.
    fn entry(self) -> usize {
        4 + 2 * self.offset()
    }
}

/// Where the directories of up to `most` pages are.
///
/// `read_at` fills a buffer with the file's bytes at a position.
///
/// # Errors
/// If the chain leads out of the file or in a circle.
pub(crate) fn page_offsets(
    mut read_at: impl FnMut(u64, &mut [u8]) -> Result<(), ImageError>,
    most: usize,
) -> Result<Vec<u64>, ImageError> {
    let mut magic = [0; 4];
    read_at(0, &mut magic)?;
    let numbers = Numbers::of(magic);
    let mut buffer = [0; 8];
    let mut number_at = |at: u64, length: usize| {
        read_at(at, &mut buffer[..length])?;
        Ok(numbers.number(&buffer[..length]))
    };
    let mut seen = BTreeSet::new();
    let mut offsets = Vec::new();
    let mut offset = number_at(numbers.first() as u64, numbers.offset())?;
    while offset != 0 && offsets.len() < most {
        if !seen.insert(offset) {
            return Err(Format::Tiff.corrupt(TiffProblem::Circle { page: offsets.len() }));
        }
        offsets.push(offset);
        let entries = number_at(offset, numbers.count())?.saturating_mul(numbers.entry() as u64);
        let next = offset.saturating_add(numbers.count() as u64).saturating_add(entries);
        offset = number_at(next, numbers.offset())?;
    }
    Ok(offsets)
}

/// Makes the directory at `offset` the file's first, and its photometric interpretation
/// black-is-zero; returns what that was.
///
/// # Errors
/// If the directory has no photometric interpretation.
pub(super) fn make_first_and_grey(
    file: &mut [u8],
    page: usize,
    offset: u64,
) -> Result<u16, ImageError> {
    const PHOTOMETRIC_INTERPRETATION: u64 = 262;
    const BLACK_IS_ZERO: u64 = 1;
    let bytes = file.len();
    let numbers = Numbers::of_file(file);
    let first = file.get_mut(numbers.first()..numbers.first() + numbers.offset());
    first
        .ok_or(ImageError::Truncated { bytes })?
        .copy_from_slice(&numbers.bytes(offset, numbers.offset()));
    let Some(value) = value_mut(file, offset, PHOTOMETRIC_INTERPRETATION) else {
        return Err(Format::Tiff.unsupported(TiffProblem::NoPhotometric { page }));
    };
    let photometric = numbers.number(value) as u16;
    value.copy_from_slice(&numbers.bytes(BLACK_IS_ZERO, value.len()));
    Ok(photometric)
}

/// Refuses a directory with an entry whose values do not lie inside the file, for the crate makes
/// room for them before it reads them. Private entries are not looked at, neither here nor there.
///
/// # Errors
/// If it is refused.
pub(super) fn check_entries(file: &[u8], offset: u64) -> Result<(), ImageError> {
    const FIRST_PRIVATE: u64 = 32_768;
    let cut_off = || ImageError::Truncated { bytes: file.len() };
    let numbers = Numbers::of_file(file);
    let directory = usize::try_from(offset).ok().and_then(|start| file.get(start..));
    let (count, entries) =
        directory.and_then(|rest| rest.split_at_checked(numbers.count())).ok_or_else(cut_off)?;
    let count = numbers.number(count) as usize;
    for entry in entries.chunks_exact(numbers.entry()).take(count) {
        let [tag, kind] = [0..2, 2..4].map(|place| numbers.number(&entry[place]));
        let (values, at) = entry[4..].split_at(numbers.offset());
        // Bytes of a value by its type (TIFF 6.0, section 2, and `BigTIFF`).
        let value_bytes = match kind {
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16..=18 => 8,
            _ => 1,
        };
        let bytes = numbers.number(values).saturating_mul(value_bytes);
        let is_inside = bytes <= numbers.offset() as u64
            || numbers.number(at).saturating_add(bytes) <= file.len() as u64;
        if tag < FIRST_PRIVATE && !is_inside {
            return Err(cut_off());
        }
    }
    Ok(())
}

/// Changes the height that the directory at `offset` states.
pub(super) fn set_height(file: &mut [u8], offset: u64, height: u32) {
    const IMAGE_LENGTH: u64 = 257;
    let numbers = Numbers::of_file(file);
    if let Some(value) = value_mut(file, offset, IMAGE_LENGTH) {
        value.copy_from_slice(&numbers.bytes(height.into(), value.len()));
    }
}

/// The one number, of 2 or 4 bytes, that an entry of the directory at `offset` has.
fn value_mut(file: &mut [u8], offset: u64, tag: u64) -> Option<&mut [u8]> {
    const SHORT: u64 = 3;
    const LONG: u64 = 4;
    let numbers = Numbers::of_file(file);
    let start = usize::try_from(offset).ok()?;
    let (count, entries) = file.get_mut(start..)?.split_at_mut_checked(numbers.count())?;
    let count = numbers.number(count) as usize;
    let mut entries = entries.chunks_exact_mut(numbers.entry()).take(count);
    let entry = entries.find(|entry| numbers.number(&entry[..2]) == tag)?;
    let length = match numbers.number(&entry[2..4]) {
        SHORT => 2,
        LONG => 4,
        _ => return None,
    };
    Some(&mut entry[4 + numbers.offset()..][..length])
}
