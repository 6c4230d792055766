//! The members of a tar archive, one after the other; their data are stepped over.

use std::io::{self, BufReader, Read, Seek};

use flate2::Crc;

use super::header::{BLOCK, Extension, Kind, parse, parse_extension};

/// The longest extended header or long name that is read; real ones have some hundred bytes.
const MAX_EXTENSION_BYTES: u64 = 1 << 20;

/// A file in an archive.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) kind: MemberKind,
    pub(super) name: Vec<u8>,
    pub(super) place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MemberKind {
    /// A file whose bytes all lie in the archive.
    Regular,
    Directory,
    /// A link, a device, a pipe, a file with holes, or something unknown.
    Refused,
}

/// Where a member's data lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// From the start of the archive; the header is the block before.
    pub(super) offset: u64,
    pub(super) bytes: u64,
    /// CRC-32 of the header, by which to see whether the archive is still the one indexed.
    pub(super) check: u32,
}

/// Why there are no more members.
#[derive(Debug)]
pub(super) enum End {
    /// The archive's own mark, at this byte.
    Mark(u64),
    /// The file ends at this byte, within a member or without the mark.
    Cut(u64),
    /// What stands at this byte cannot be understood.
    Damaged(u64, &'static str),
    /// The file cannot be read.
    Io(io::Error),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads one archive from its start to its end.
#[derive(Debug)]
pub(super) struct Members<R> {
    reader: BufReader<R>,
    /// Where the reader stands.
    at: u64,
    /// Where the next header begins.
    next: u64,
    len: u64,
}

impl<R: Read + Seek> Members<R> {
    /// An archive of `len` bytes, whose reader stands at its start.
    pub(super) fn new(reader: R, len: u64) -> Self {
        // Archives of more bytes than a position can tell do not exist.
        Self { reader: BufReader::new(reader), at: 0, next: 0, len: len.min(i64::MAX as u64) }
    }

    /// The next member that is all there.
    pub(super) fn next(&mut self) -> Result<Member, End> {
        let mut extension = Extension::default();
        loop {
            let start = self.next;
            let damaged = |reason| End::Damaged(start, reason);
            if self.len.saturating_sub(start) < BLOCK as u64 {
                return Err(End::Cut(self.len));
            }
            let block = self.block(start)?;
            let header = parse(&block).map_err(damaged)?.ok_or(End::Mark(start))?;
            let mut offset = start + BLOCK as u64;
            if let Kind::Sparse { mut has_more } = header.kind {
                while has_more {
                    if self.len.saturating_sub(offset) < BLOCK as u64 {
                        return Err(End::Cut(start));
                    }
                    has_more = self.block(offset)?[504] != 0;
                    offset += BLOCK as u64;
                }
            }
            let is_member = !matches!(header.kind, Kind::Extension | Kind::LongName | Kind::Note);
            let bytes = match (header.kind, extension.size) {
                (Kind::Special, _) => 0,
                (_, Some(size)) if is_member => {
                    if ![0, size].contains(&header.size) && size < 1 << 33 {
                        return Err(damaged("a member has two sizes"));
                    }
                    size
                }
                _ => header.size,
            };
            let end = offset.checked_add(bytes).filter(|&end| end <= self.len);
            let end = end.ok_or(End::Cut(start))?;
            self.next = end.next_multiple_of(BLOCK as u64);
            match header.kind {
                Kind::Extension | Kind::LongName if bytes > MAX_EXTENSION_BYTES => {
                    return Err(damaged("an extended header is too long"));
                }
                Kind::Extension => {
                    let path = extension.path;
                    extension = parse_extension(&self.read(offset, bytes)?).map_err(damaged)?;
                    extension.path = extension.path.or(path);
                }
                Kind::LongName => {
                    let mut name = self.read(offset, bytes)?;
                    name.truncate(name.iter().position(|&b| b == 0).unwrap_or(name.len()));
                    extension.path = Some(name);
                }
                Kind::Note => {}
                Kind::Regular
                | Kind::Directory
                | Kind::Special
                | Kind::Sparse { .. }
                | Kind::Unknown => {
                    let name = extension.path.unwrap_or(header.name);
                    let kind = match header.kind {
                        Kind::Regular if extension.is_sparse => MemberKind::Refused,
                        Kind::Regular => MemberKind::Regular,
                        Kind::Directory => MemberKind::Directory,
                        _ => MemberKind::Refused,
                    };
                    let mut check = Crc::new();
                    check.update(&block);
                    let place = Place { offset, bytes, check: check.sum() };
                    return Ok(Member { kind, name, place });
                }
            }
        }
    }

    /// The data of a member that was given last, which is to be small.
    pub(super) fn read(&mut self, offset: u64, bytes: u64) -> io::Result<Vec<u8>> {
        self.seek(offset)?;
        let mut data = vec![0; bytes as usize];
        self.reader.read_exact(&mut data)?;
        self.at += bytes;
        Ok(data)
    }

    /// Whether anything but zeros stands within some kilobytes after the end mark at `mark`, as where
    /// archives were simply joined.
    pub(super) fn goes_on_after(&mut self, mark: u64) -> io::Result<bool> {
        /// GNU tar fills its archives up to a multiple of this with zeros.
        const RECORD_BYTES: u64 = 10_240;
        let bytes = (self.len - mark).min(RECORD_BYTES + BLOCK as u64);
        Ok(self.read(mark, bytes)?.iter().any(|&byte| byte != 0))
    }

    fn block(&mut self, offset: u64) -> io::Result<[u8; BLOCK]> {
        self.seek(offset)?;
        let mut block = [0; BLOCK];
        self.reader.read_exact(&mut block)?;
        self.at += BLOCK as u64;
        Ok(block)
    }

    fn seek(&mut self, offset: u64) -> io::Result<()> {
        self.reader.seek_relative(offset as i64 - self.at as i64)?;
        self.at = offset;
        Ok(())
    }
}
