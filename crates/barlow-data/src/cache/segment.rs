//! The files of a cache: records one after the other, to the first that is not whole.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::record::{HEADER_BYTES, Header};
use crate::DecodedImage;
use crate::positional::read_exact_at;

/// What names of segments end with, after a dot.
pub(super) const EXTENSION: &str = "images";

/// The segments of a folder with their sizes in bytes, in the order in which they were begun; none
/// where there is no folder.
///
/// # Errors
/// If the folder cannot be listed.
pub(super) fn list(folder: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut segments = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != EXTENSION) {
            continue;
        }
        // Links are not followed, and to open a pipe that nobody writes to would wait for ever.
        // A file that has just been deleted is none.
        if let Ok(metadata) = fs::symlink_metadata(&path)
            && metadata.is_file()
        {
            segments.push((path, metadata.len()));
        }
    }
    segments.sort_unstable();
    Ok(segments)
}

/// Calls `found` with the id and the offset of every record before the first that does not fit the
/// file, is damaged in its header, or is of none of the source's `images`.
pub(super) fn scan(file: &File, images: usize, mut found: impl FnMut(usize, u64)) {
    let Ok(end) = file.metadata().map(|metadata| metadata.len()) else { return };
    let mut offset = 0;
    while let Some(header) = header_at(file, offset) {
        let samples = offset + HEADER_BYTES as u64;
        let Ok(id) = usize::try_from(header.id) else { return };
        if id >= images || end.saturating_sub(samples) < header.length {
            return;
        }
        found(id, offset);
        offset = samples + header.length;
    }
}

/// The image of a record, if it is there, whole and of this id.
pub(super) fn read(file: &File, offset: u64, id: usize) -> Option<DecodedImage> {
    let header = header_at(file, offset).filter(|header| header.id == id as u64)?;
    // The file may have changed since it was scanned: no memory is taken for what it does not hold.
    let samples = offset + HEADER_BYTES as u64;
    if file.metadata().ok()?.len().saturating_sub(samples) < header.length {
        return None;
    }
    let mut bytes = vec![0; usize::try_from(header.length).ok()?];
    read_exact_at(file, &mut bytes, samples).ok()?;
    header.image(bytes)
}

fn header_at(file: &File, offset: u64) -> Option<Header> {
    let mut bytes = [0; HEADER_BYTES];
    read_exact_at(file, &mut bytes, offset).ok()?;
    Header::parse(&bytes)
}
