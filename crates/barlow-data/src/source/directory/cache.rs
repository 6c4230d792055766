//! Listings kept from one run to the next.
//!
//! A listing holds until some folder in it changes: adding, removing or renaming an entry changes
//! the modification time of the folder that holds it, so asking every folder is enough. A folder
//! that changed just before it was listed could change again within one tick of its clock, so such
//! a listing is not kept.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use super::walk::{Found, Seen, walk};
use crate::source::folder_state::{CLOCK_TICK_NS, FolderState, nanoseconds};
use crate::source::paths::PathTable;
use crate::source::patterns::Patterns;
use crate::source::stored::{self, Fields, Magic, put_bytes, put_number};
use crate::source::{OpenOptions, SourceError, native};

const MAGIC: Magic = *b"barlowL1";

/// The images below `root`, from the cache if it holds; and what to tell the user of it.
pub(super) fn find(
    root: &Path,
    options: &OpenOptions,
) -> Result<(Found, Option<String>), SourceError> {
    let patterns = Patterns::new(&options.include, &options.exclude)?;
    let Some(folder) = &options.cache_folder else {
        return Ok((walk(root, &patterns, &options.progress)?, None));
    };
    let read = |source| SourceError::Read { path: root.to_owned(), source };
    let key = key(&fs::canonicalize(root).map_err(read)?, options);
    let file = folder.join(format!("listing-{}.cache", stored::name_of(&[&key])));
    if let Some(found) = stored::read(&file).and_then(|bytes| decode(&bytes, &key))
        && holds(root, &found)
    {
        options.progress.report(found.paths.len());
        return Ok((found, None));
    }
    let begin = nanoseconds(SystemTime::now());
    let found = walk(root, &patterns, &options.progress)?;
    let is_settled =
        found.visited.iter().all(|(_, state)| state.modified.saturating_add(CLOCK_TICK_NS) < begin);
    let trouble = if is_settled && found.paths.len() > 0 {
        store(&file, &key, &found)
            .err()
            .map(|error| format!("the listing cannot be kept in `{}`: {error}", file.display()))
    } else {
        None
    };
    Ok((found, trouble))
}

/// What a listing depends on, besides the files.
fn key(root: &Path, options: &OpenOptions) -> Vec<u8> {
    let mut key = Vec::new();
    put_bytes(&mut key, root.as_os_str().as_encoded_bytes());
    for patterns in [&options.include, &options.exclude] {
        put_number(&mut key, patterns.len() as u64);
        for pattern in patterns {
            put_bytes(&mut key, pattern.as_bytes());
        }
    }
    key
}

/// Whether every folder is as it was.
fn holds(root: &Path, found: &Found) -> bool {
    found.visited.par_iter().all(|(folder, state)| {
        FolderState::of(&native::join(root, folder)).is_ok_and(|now| now == *state)
    })
}

fn store(file: &Path, key: &[u8], found: &Found) -> std::io::Result<()> {
    let mut body = Vec::new();
    put_bytes(&mut body, key);
    put_number(&mut body, found.visited.len() as u64);
    for (folder, FolderState { device, inode, modified }) in &found.visited {
        put_bytes(&mut body, folder);
        for number in [device, inode, modified] {
            put_number(&mut body, *number);
        }
    }
    let Seen { other_files, directories, links, excluded, unnameable } = found.seen;
    for count in [other_files, directories, links, excluded, unnameable] {
        put_number(&mut body, count as u64);
    }
    found.paths.put(&mut body);
    stored::write(file, MAGIC, &body)
}

/// The listing that `bytes` hold; nothing if they are damaged or of other data.
pub(super) fn decode(bytes: &[u8], key: &[u8]) -> Option<Found> {
    decode_body(stored::body(bytes, MAGIC)?, key)
}

/// As [`decode`], of what the check sum protects.
pub(super) fn decode_body(body: &[u8], key: &[u8]) -> Option<Found> {
    let mut fields = Fields::new(body);
    if fields.bytes()? != key {
        return None;
    }
    let folders = fields.number()?;
    let visited = (0..folders).map(|_| {
        let folder = fields.bytes()?.into();
        let [device, inode, modified] = [fields.number()?, fields.number()?, fields.number()?];
        Some((folder, FolderState { device, inode, modified }))
    });
    let visited = visited.collect::<Option<_>>()?;
    let seen = Seen {
        other_files: fields.count()?,
        directories: fields.count()?,
        links: fields.count()?,
        excluded: fields.count()?,
        unnameable: fields.count()?,
    };
    let paths = PathTable::from_fields(&mut fields)?;
    fields.end()?;
    Some(Found { paths, visited, seen })
}

#[cfg(test)]
mod tests;
