//! A zip archive whose entries are stored, never compressed, as `torch.save` writes it.
//!
//! Readers of zip differ where headers disagree, entries overlap or names repeat, and a file that two
//! programs read differently is how checks are passed by. So what is not of one meaning is refused: all
//! headers are compared before a byte of an entry is read, the end record stands at the very end of the
//! file, and the check sum of an entry is compared at its first reading. Layout: PKWARE's APPNOTE 6.3.9,
//! sections 4.3 to 4.5.

use std::collections::BTreeSet;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

/// The most entries: six for each tensor that is read would not reach it.
pub(super) const MAX_ENTRIES: u64 = 65_536;
/// The largest central directory that is read, which is far above [`MAX_ENTRIES`] of usual names.
const MAX_DIRECTORY_BYTES: u64 = 16 << 20;

const END_BYTES: u64 = 22;
const LOCATOR_BYTES: u64 = 20;
const END64_BYTES: u64 = 56;
const CENTRAL_BYTES: usize = 46;
const LOCAL_BYTES: u64 = 30;
/// Flags that may be set: sizes stand behind the data (bit 3), names are UTF-8 (bit 11).
const DESCRIPTOR_FLAG: u16 = 1 << 3;
const KNOWN_FLAGS: u16 = DESCRIPTOR_FLAG | 1 << 11;
const CHUNK_BYTES: usize = 1 << 20;

/// Why an archive is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ZipError {
    /// The file could not be read.
    #[error("reading the archive failed")]
    Io(#[from] io::Error),
    /// The end record, or the directory before it, is not where and what it has to be.
    #[error("the archive is cut off or damaged: {what}")]
    Directory {
        /// What is wrong.
        what: &'static str,
    },
    /// More entries, or a larger directory, than are read.
    #[error("{found} {what}; at most {limit} are read")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there are.
        found: u64,
        /// How many are read.
        limit: u64,
    },
    /// A name that leads out of the archive, or is no name.
    #[error("an entry is named `{name}`, which is no relative path of plain names")]
    Name {
        /// The name, escaped.
        name: String,
    },
    /// Two entries of one name.
    #[error("two entries are named `{name}`")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// The entry is compressed, which PyTorch's never are.
    #[error("entry `{name}` is compressed (method {method}); PyTorch stores")]
    Compressed {
        /// The entry.
        name: String,
        /// Its method.
        method: u16,
    },
    /// Flags such as that of encryption.
    #[error("entry `{name}` has flags {flags:#06x}, which are not understood")]
    Flags {
        /// The entry.
        name: String,
        /// Its flags.
        flags: u16,
    },
    /// The two headers of an entry, or its data descriptor, differ.
    #[error("the headers of entry `{name}` disagree in {field}")]
    Disagreement {
        /// The entry.
        name: String,
        /// In what they differ.
        field: &'static str,
    },
    /// The entry reaches into the next one, the directory, or past the end.
    #[error("entry `{name}` ends at byte {end}, where only {limit} bytes are before the next part")]
    Overlap {
        /// The entry.
        name: String,
        /// Its end.
        end: u64,
        /// Where the next part starts.
        limit: u64,
    },
    /// The bytes are not those that were written.
    #[error("entry `{name}` is damaged: check sum {found:08x}, expected {expected:08x}")]
    Crc {
        /// The entry.
        name: String,
        /// CRC-32 of the headers.
        expected: u32,
        /// CRC-32 of the bytes.
        found: u32,
    },
}

/// One entry: where its bytes are.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) size: u64,
    header: u64,
    data: u64,
    crc: u32,
    flags: u16,
    is_checked: bool,
}

/// An archive whose headers were found to agree.
#[derive(Debug)]
pub(super) struct Archive<R> {
    reader: R,
    entries: Vec<Entry>,
}

impl<R: Read + Seek> Archive<R> {
    /// Reads and compares all headers.
    pub(super) fn open(mut reader: R) -> Result<Self, ZipError> {
        let length = reader.seek(SeekFrom::End(0))?;
        let directory = Directory::find(&mut reader, length)?;
        let mut bytes = vec![0; (directory.range.end - directory.range.start) as usize];
        reader.seek(SeekFrom::Start(directory.range.start))?;
        reader.read_exact(&mut bytes)?;

        let mut rest = &bytes[..];
        let mut names = BTreeSet::new();
        let mut entries = Vec::new();
        for _ in 0..directory.entries {
            let entry = central(&mut rest)?;
            if !names.insert(entry.name.clone()) {
                return Err(ZipError::Duplicate { name: entry.name });
            }
            entries.push(entry);
        }
        if !rest.is_empty() {
            return Err(ZipError::Directory { what: "more entries than the end record counts" });
        }
        entries.sort_by_key(|entry| entry.header);
        for i in 0..entries.len() {
            let limit = entries.get(i + 1).map_or(directory.range.start, |next| next.header);
            compare_local(&mut reader, &mut entries[i], limit)?;
        }
        Ok(Self { reader, entries })
    }

    /// The entries, in the order of the file.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The bytes `range` of entry number `index`, whose check sum is compared the first time.
    ///
    /// # Panics
    /// If the range is not within the entry.
    pub(super) fn read(&mut self, index: usize, range: Range<u64>) -> Result<Vec<u8>, ZipError> {
        let entry = &mut self.entries[index];
        assert!(range.start <= range.end && range.end <= entry.size, "a range within the entry");
        if entry.is_checked {
            let mut bytes = vec![0; (range.end - range.start) as usize];
            self.reader.seek(SeekFrom::Start(entry.data + range.start))?;
            self.reader.read_exact(&mut bytes)?;
            return Ok(bytes);
        }
        let mut bytes = Vec::with_capacity((range.end - range.start) as usize);
        let mut sum = crc32fast::Hasher::new();
        let mut chunk = vec![0; CHUNK_BYTES.min(entry.size as usize)];
        self.reader.seek(SeekFrom::Start(entry.data))?;
        let mut at = 0;
        while at < entry.size {
            let length = (entry.size - at).min(CHUNK_BYTES as u64);
            let chunk = &mut chunk[..length as usize];
            self.reader.read_exact(chunk)?;
            sum.update(chunk);
            let wanted = range.start.clamp(at, at + length)..range.end.clamp(at, at + length);
            bytes.extend_from_slice(
                &chunk[(wanted.start - at) as usize..(wanted.end - at) as usize],
            );
            at += length;
        }
        let found = sum.finalize();
        if found != entry.crc {
            let (name, expected) = (entry.name.clone(), entry.crc);
            return Err(ZipError::Crc { name, expected, found });
        }
        entry.is_checked = true;
        Ok(bytes)
    }
}

/// Where the central directory is.
struct Directory {
    range: Range<u64>,
    entries: u64,
}

impl Directory {
    /// Reads the end record and, where there is one, that of zip64, which must not disagree.
    fn find(reader: &mut (impl Read + Seek), length: u64) -> Result<Self, ZipError> {
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

/// Takes one entry off the central directory.
fn central(rest: &mut &[u8]) -> Result<Entry, ZipError> {
    let damaged = |what| ZipError::Directory { what };
    let header = take(rest, CENTRAL_BYTES).ok_or(damaged("fewer entries than it counts"))?;
    if !header.starts_with(b"PK\x01\x02") {
        return Err(damaged("an entry of the directory is not one"));
    }
    let lengths = [28, 30, 32].map(|at| usize::from(u16_at(header, at)));
    let [name, extra, _comment] = lengths
        .map(|length| take(rest, length).ok_or(damaged("an entry reaches past the directory")));
    let name = plain_name(name?)?;
    let extra = extra?;
    let (flags, method) = (u16_at(header, 8), u16_at(header, 10));
    if flags & !KNOWN_FLAGS != 0 {
        return Err(ZipError::Flags { name, flags });
    }
    if method != 0 {
        return Err(ZipError::Compressed { name, method });
    }
    let mut sizes = [24, 20, 42].map(|at| u64::from(u32_at(header, at)));
    widen(&mut sizes, extra)
        .ok_or(ZipError::Disagreement { name: name.clone(), field: "zip64 sizes" })?;
    let [size, stored, header_at] = sizes;
    if size != stored {
        return Err(ZipError::Disagreement { name, field: "size and stored size" });
    }
    if u16_at(header, 34) != 0 {
        return Err(damaged("it is one of several disks"));
    }
    let crc = u32_at(header, 16);
    Ok(Entry { name, size, header: header_at, data: 0, crc, flags, is_checked: false })
}

/// Reads an entry's local header, compares it with the central one, and finds where the data are.
/// All of the entry must end at `limit` or before.
fn compare_local(
    reader: &mut (impl Read + Seek),
    entry: &mut Entry,
    limit: u64,
) -> Result<(), ZipError> {
    let name = || entry.name.clone();
    let differ = |field| ZipError::Disagreement { name: entry.name.clone(), field };
    let within = |end: Option<u64>| match end {
        Some(end) if end <= limit => Ok(end),
        _ => Err(ZipError::Overlap { name: name(), end: end.unwrap_or(u64::MAX), limit }),
    };
    within(entry.header.checked_add(LOCAL_BYTES))?;
    let mut header = [0; LOCAL_BYTES as usize];
    reader.seek(SeekFrom::Start(entry.header))?;
    reader.read_exact(&mut header)?;
    if !header.starts_with(b"PK\x03\x04") {
        return Err(differ("place"));
    }
    let name_bytes = u16_at(&header, 26);
    let extra_bytes = u64::from(u16_at(&header, 28));
    let mut local = vec![0; usize::from(name_bytes) + extra_bytes as usize];
    let data = entry.header + LOCAL_BYTES + local.len() as u64;
    let end = within(data.checked_add(entry.size))?;
    reader.read_exact(&mut local)?;
    let (local_name, extra) = local.split_at(usize::from(name_bytes));
    if local_name != entry.name.as_bytes() {
        return Err(differ("name"));
    }
    if u16_at(&header, 6) != entry.flags {
        return Err(differ("flags"));
    }
    if u16_at(&header, 8) != 0 {
        return Err(differ("method"));
    }
    let mut sizes = [22, 18].map(|at| u64::from(u32_at(&header, at)));
    widen(&mut sizes, extra).ok_or(differ("zip64 sizes"))?;
    let crc = u32_at(&header, 14);
    let has_descriptor = entry.flags & DESCRIPTOR_FLAG != 0;
    let is_blank = has_descriptor && sizes == [0; 2] && crc == 0;
    if !is_blank && sizes != [entry.size; 2] {
        return Err(differ("size"));
    }
    if !is_blank && crc != entry.crc {
        return Err(differ("check sum"));
    }
    if has_descriptor {
        // The sizes have 4 bytes, or 8 where the entry is of zip64, which the sizes alone do not tell.
        let descriptor_bytes = [16, 24].into_iter().find_map(|length: u64| {
            let end = end.checked_add(length).filter(|&end| end <= limit)?;
            let mut bytes = vec![0; length as usize];
            let read = reader.seek(SeekFrom::Start(end - length));
            read.and_then(|_| reader.read_exact(&mut bytes)).ok()?;
            let sizes = if length == 16 {
                [8, 12].map(|at| u64::from(u32_at(&bytes, at)))
            } else {
                [8, 16].map(|at| u64_at(&bytes, at))
            };
            let is_it = bytes.starts_with(b"PK\x07\x08")
                && u32_at(&bytes, 4) == entry.crc
                && sizes == [entry.size; 2];
            is_it.then_some(length)
        });
        descriptor_bytes.ok_or(differ("the descriptor behind the data"))?;
    }
    entry.data = data;
    Ok(())
}

/// Puts the 8-byte values of the zip64 field in place of those that only say that there is one;
/// `None` if the field is missing, too short or stands twice.
fn widen(values: &mut [u64], mut extra: &[u8]) -> Option<()> {
    const ZIP64: u16 = 1;
    let mut field = None;
    while !extra.is_empty() {
        let head = take(&mut extra, 4)?;
        let body = take(&mut extra, usize::from(u16_at(head, 2)))?;
        if u16_at(head, 0) == ZIP64 && field.replace(body).is_some() {
            return None;
        }
    }
    let mut field = field.unwrap_or_default();
    for value in values {
        if *value == 0xffff_ffff {
            *value = u64_at(take(&mut field, 8)?, 0);
        }
    }
    Some(())
}

/// The name as text, if it is a relative path of plain components.
fn plain_name(bytes: &[u8]) -> Result<String, ZipError> {
    let is_plain = |name: &str| {
        !name.chars().any(|c| c.is_control() || c == '\\' || c == ':')
            && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
    };
    match std::str::from_utf8(bytes) {
        Ok(name) if is_plain(name) => Ok(name.to_owned()),
        _ => Err(ZipError::Name { name: bytes.escape_ascii().to_string() }),
    }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
