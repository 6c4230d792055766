//! The end of an archive, which says where its directory is.

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use super::{ZipError, u16_at, u32_at, u64_at};

/// The most entries: six for each tensor that is read would not reach it.
const MAX_ENTRIES: u64 = 65_536;
/// The largest central directory that is read, which is far above [`MAX_ENTRIES`] of usual names.
const MAX_DIRECTORY_BYTES: u64 = 16 << 20;

const END_BYTES: u64 = 22;
const LOCATOR_BYTES: u64 = 20;
const END64_BYTES: u64 = 56;

/// Where the central directory is.
pub(super) struct Directory {
    pub(super) range: Range<u64>,
    pub(super) entries: u64,
}

impl Directory {
    /// Reads the end record and, where there is one, that of zip64, which must not disagree.
    pub(super) fn find(reader: &mut (impl Read + Seek), length: u64) -> Result<Self, ZipError> {
        let damaged = |what| ZipError::Directory { what };
        let end_at = length.checked_sub(END_BYTES).ok_or(damaged("no room for an end record"))?;
        let mut end = [0; END_BYTES as usize];
        reader.seek(SeekFrom::Start(end_at))?;
        reader.read_exact(&mut end)?;
        if !end.starts_with(b"PK\x05\x06") || end[20..] != [0, 0] {
            return Err(damaged("no end record in the last 22 bytes"));
        }
        if end[4..8] != [0; 4] || end[8..10] != end[10..12] {
            return Err(damaged("it is one of several disks"));
        }
        let (entries, size, start) =
            (u64::from(u16_at(&end, 10)), u64::from(u32_at(&end, 12)), u64::from(u32_at(&end, 16)));
        let found = match Self::find_zip64(reader, end_at)? {
            None => Self { range: start..start.saturating_add(size), entries },
            Some((wide, record_at)) => {
                let wide_size = wide.range.end - wide.range.start;
                let agrees = |small: u64, mark: u64, large| small == mark || small == large;
                if !agrees(entries, 0xffff, wide.entries)
                    || !agrees(size, 0xffff_ffff, wide_size)
                    || !agrees(start, 0xffff_ffff, wide.range.start)
                {
                    return Err(damaged("the two end records disagree"));
                }
                if wide.range.end != record_at {
                    return Err(damaged("the directory does not end at the end record"));
                }
                return wide.checked();
            }
        };
        if found.range.end != end_at {
            return Err(damaged("the directory does not end at the end record"));
        }
        found.checked()
    }

    /// The record of zip64 and where it starts, if its locator stands before the end record.
    fn find_zip64(
        reader: &mut (impl Read + Seek),
        end_at: u64,
    ) -> Result<Option<(Self, u64)>, ZipError> {
        let damaged = |what| ZipError::Directory { what };
        let Some(locator_at) = end_at.checked_sub(LOCATOR_BYTES) else { return Ok(None) };
        let mut locator = [0; LOCATOR_BYTES as usize];
        reader.seek(SeekFrom::Start(locator_at))?;
        reader.read_exact(&mut locator)?;
        if !locator.starts_with(b"PK\x06\x07") {
            return Ok(None);
        }
        let record_at = u64_at(&locator, 8);
        if record_at.checked_add(END64_BYTES) != Some(locator_at) {
            return Err(damaged("the zip64 end record is not before its locator"));
        }
        let mut record = [0; END64_BYTES as usize];
        reader.seek(SeekFrom::Start(record_at))?;
        reader.read_exact(&mut record)?;
        if !record.starts_with(b"PK\x06\x06") || u64_at(&record, 4) != END64_BYTES - 12 {
            return Err(damaged("the zip64 end record is not one"));
        }
        if u64_at(&record, 24) != u64_at(&record, 32) {
            return Err(damaged("it is one of several disks"));
        }
        let (entries, size, start) =
            (u64_at(&record, 32), u64_at(&record, 40), u64_at(&record, 48));
        let end = start.checked_add(size).ok_or(damaged("the directory is not in the file"))?;
        Ok(Some((Self { range: start..end, entries }, record_at)))
    }

    fn checked(self) -> Result<Self, ZipError> {
        let (found, limit) = (self.entries, MAX_ENTRIES);
        if found > limit {
            return Err(ZipError::TooMany { what: "entries", found, limit });
        }
        let (found, limit) = (self.range.end - self.range.start, MAX_DIRECTORY_BYTES);
        if found > limit {
            return Err(ZipError::TooMany { what: "bytes of directory", found, limit });
        }
        Ok(self)
    }
}
