//! Files that save work done once (listings, indexes): believed only when whole, never needed.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::Crc;
use sha2::{Digest, Sha256};

/// Bytes before the body: kind and version, check sum, length.
const HEADER_BYTES: usize = 8 + 4 + 8;
/// The largest file that is read back: the paths of more than fifty million images.
const MAX_BYTES: u64 = 4 << 30;

/// Which kind of file, and its version.
pub(super) type Magic = [u8; 8];

/// A name of 32 hexadecimal digits for what a file is about.
pub(super) fn name_of(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let half = hash.finalize().into_iter().take(16);
    format!("{:032x}", half.fold(0u128, |number, byte| number << 8 | u128::from(byte)))
}

/// Writes a file whole or not at all; the folder is made where it does not exist.
///
/// # Errors
/// If that is impossible.
pub(super) fn write(path: &Path, magic: Magic, body: &[u8]) -> io::Result<()> {
    /// Several threads may write the same file.
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let count = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_extension(format!("{}-{count}.tmp", std::process::id()));
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(&header(magic, body))?;
        file.write_all(body)?;
        drop(file);
        fs::rename(&temporary, path)
    };
    write().inspect_err(|_| {
        // What cannot be written can often not be removed either; a later run makes its own.
        let _ = fs::remove_file(&temporary);
    })
}

/// The bytes of a file that [`write()`] wrote, if there is one of a credible size.
pub(super) fn read(path: &Path) -> Option<Vec<u8>> {
    let metadata = fs::metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > MAX_BYTES {
        return None;
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    File::open(path).ok()?.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// The body of such a file; nothing if it is of another kind or damaged.
pub(super) fn body(bytes: &[u8], magic: Magic) -> Option<&[u8]> {
    let (found, body) = bytes.split_at_checked(HEADER_BYTES)?;
    (*found == header(magic, body)).then_some(body)
}

fn header(magic: Magic, body: &[u8]) -> [u8; HEADER_BYTES] {
    let mut crc = Crc::new();
    crc.update(body);
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&magic);
    header[8..12].copy_from_slice(&crc.sum().to_le_bytes());
    header[12..].copy_from_slice(&(body.len() as u64).to_le_bytes());
    header
}

pub(super) fn put_number(body: &mut Vec<u8>, number: u64) {
    body.extend_from_slice(&number.to_le_bytes());
}

pub(super) fn put_bytes(body: &mut Vec<u8>, bytes: &[u8]) {
    put_number(body, bytes.len() as u64);
    body.extend_from_slice(bytes);
}

/// Reads a body field by field; nothing it declares is believed beyond the bytes there are.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn new(body: &'a [u8]) -> Self {
        Self { rest: body }
    }

    pub(super) fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(bytes)?;
        self.rest = rest;
        Some(taken)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    pub(super) fn count(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let bytes = self.count()?;
        self.take(bytes)
    }

    /// The end, at which nothing may be left.
    pub(super) fn end(self) -> Option<()> {
        self.rest.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAGIC: Magic = *b"barlow_0";

    #[test]
    fn a_body_comes_back_and_any_flipped_bit_or_missing_byte_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/folder/file.cache");
        write(&path, MAGIC, b"some body").unwrap();
        let mut bytes = read(&path).unwrap();
        assert_eq!(body(&bytes, MAGIC), Some(&b"some body"[..]));
        assert_eq!(body(&bytes, *b"barlow_1"), None);
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(body(&bytes, MAGIC), None, "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        for len in 0..bytes.len() {
            assert_eq!(body(&bytes[..len], MAGIC), None, "{len} bytes");
        }
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn declared_lengths_are_not_believed() {
        let mut body = Vec::new();
        put_number(&mut body, u64::MAX);
        body.push(7);
        assert_eq!(Fields::new(&body).bytes(), None);
        assert_eq!(Fields::new(&body[..5]).number(), None);
    }
}
