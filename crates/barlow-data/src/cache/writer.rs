//! Appends records to the one segment of this process, within the limit.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::Place;
use super::record::{HEADER_BYTES, Record};
use super::segment;
use crate::positional::write_all_at;

/// What writes to a cache's folder.
#[derive(Debug)]
pub(super) struct Writer {
    folder: PathBuf,
    max_bytes: u64,
    /// What the segments held when the cache was opened, and what was added.
    used_bytes: u64,
    /// The length of the segment.
    added_bytes: u64,
    /// Made for the first record.
    segment: Option<Arc<File>>,
    trouble: Option<io::Error>,
}

impl Writer {
    /// A writer for a folder whose segments have `used_bytes`; with trouble it writes nothing.
    pub(super) fn new(
        folder: PathBuf,
        max_bytes: u64,
        used_bytes: u64,
        trouble: Option<io::Error>,
    ) -> Self {
        Self { folder, max_bytes, used_bytes, added_bytes: 0, segment: None, trouble }
    }

    /// Whether a record of so many bytes would be written, for all that is known.
    pub(super) fn has_room(&self, bytes: u64) -> bool {
        self.trouble.is_none() && bytes <= self.max_bytes.saturating_sub(self.used_bytes)
    }

    /// Bytes written.
    pub(super) fn added_bytes(&self) -> u64 {
        self.added_bytes
    }

    /// Why nothing is written any more.
    pub(super) fn trouble(&self) -> Option<&io::Error> {
        self.trouble.as_ref()
    }

    /// Writes a record and says where; nothing beyond the limit, or after trouble.
    pub(super) fn append(&mut self, record: &Record) -> Option<Place> {
        let bytes = (HEADER_BYTES + record.samples.len()) as u64;
        if !self.has_room(bytes) {
            return None;
        }
        match self.try_append(record, bytes) {
            Ok(place) => place,
            Err(error) => {
                self.trouble = Some(error);
                None
            }
        }
    }

    fn try_append(&mut self, record: &Record, bytes: u64) -> io::Result<Option<Place>> {
        // Other processes may have written. What was deleted while it is in use takes room, too.
        let found: u64 = segment::list(&self.folder)?.iter().map(|(_, bytes)| bytes).sum();
        self.used_bytes = self.used_bytes.max(found);
        if !self.has_room(bytes) {
            return Ok(None);
        }
        let file = match &self.segment {
            Some(file) => Arc::clone(file),
            None => Arc::clone(self.segment.insert(Arc::new(self.begin()?))),
        };
        let offset = self.added_bytes;
        // The header makes the record, so it comes last.
        let written = write_all_at(&file, &record.samples, offset + HEADER_BYTES as u64)
            .and_then(|()| write_all_at(&file, &record.header, offset));
        if let Err(error) = written {
            // Gives back the room of the part; what is left of it is no record.
            let _ = file.set_len(offset);
            return Err(error);
        }
        self.added_bytes += bytes;
        self.used_bytes += bytes;
        Ok(Some(Place { file, offset }))
    }

    /// A new segment, named so that names sort by time and no two processes share one.
    fn begin(&self) -> io::Result<File> {
        fs::create_dir_all(&self.folder)?;
        let process = std::process::id();
        let mut now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        loop {
            let path = self.folder.join(format!("{now:020}-{process}.{}", segment::EXTENSION));
            match OpenOptions::new().read(true).write(true).create_new(true).open(path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => now += 1,
                file => return file,
            }
        }
    }
}

#[cfg(test)]
mod tests;
