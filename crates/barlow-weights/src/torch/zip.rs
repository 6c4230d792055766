//! A zip archive whose entries are stored, never compressed, as `torch.save` writes it.
//!
//! Readers of zip differ where headers disagree, entries overlap or names repeat, and a file that two
//! programs read differently is how checks are passed by. So what is not of one meaning is refused: all
//! headers are compared before a byte of an entry is read, the end record stands at the very end of the
//! file, and the check sum of an entry is compared at its first reading. Layout: PKWARE's APPNOTE 6.3.9,
//! sections 4.3 to 4.5.

mod directory;
mod error;

use std::collections::BTreeSet;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use directory::Directory;

pub use error::ZipError;

const CENTRAL_BYTES: usize = 46;
const LOCAL_BYTES: u64 = 30;
/// Flags that may be set: sizes stand behind the data (bit 3), names are UTF-8 (bit 11).
const DESCRIPTOR_FLAG: u16 = 1 << 3;
const KNOWN_FLAGS: u16 = DESCRIPTOR_FLAG | 1 << 11;
const CHUNK_BYTES: usize = 1 << 20;

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
