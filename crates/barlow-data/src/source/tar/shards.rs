//! The shards of a source, read at any place.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use flate2::Crc;

use super::header::BLOCK;
use super::members::Place;
use crate::decode::ImageError;
use crate::positional::read_exact_at;

/// With more shards than this, files are opened for each read: systems allow about 1000 open files.
const MAX_OPEN: usize = 256;

/// Archives on disk.
#[derive(Debug)]
pub(super) struct Shards {
    shards: Vec<(PathBuf, OnceLock<File>)>,
}

impl Shards {
    pub(super) fn new(paths: Vec<PathBuf>) -> Self {
        Self { shards: paths.into_iter().map(|path| (path, OnceLock::new())).collect() }
    }

    pub(super) fn path(&self, shard: usize) -> &Path {
        &self.shards[shard].0
    }

    /// The bytes of a member; nothing else of the shard is read but its header.
    ///
    /// # Errors
    /// If the member has more than `max_bytes`, cannot be read, or its header is not the one that
    /// was indexed.
    pub(super) fn read(
        &self,
        shard: usize,
        place: Place,
        max_bytes: u64,
    ) -> Result<Vec<u8>, ImageError> {
        if place.bytes > max_bytes {
            return Err(ImageError::FileTooLarge { bytes: place.bytes, allowed: max_bytes });
        }
        let (path, open) = &self.shards[shard];
        let mut bytes = vec![0; BLOCK + place.bytes as usize];
        let mut read = || {
            let start = place.offset - BLOCK as u64;
            if self.shards.len() > MAX_OPEN {
                return read_exact_at(&File::open(path)?, &mut bytes, start);
            }
            // Two threads may both open it; one of the files is closed again.
            let file = if let Some(file) = open.get() {
                file
            } else {
                let file = File::open(path)?;
                open.get_or_init(|| file)
            };
            read_exact_at(file, &mut bytes, start)
        };
        let failed = |source| ImageError::Io { path: path.clone(), source };
        read().map_err(failed)?;
        let mut check = Crc::new();
        check.update(&bytes[..BLOCK]);
        if check.sum() != place.check {
            let changed = "the shard has changed since it was indexed";
            return Err(failed(io::Error::new(io::ErrorKind::InvalidData, changed)));
        }
        bytes.drain(..BLOCK);
        Ok(bytes)
    }
}
