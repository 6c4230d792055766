//! Indexes of shards, kept from one run to the next; they hold while a shard keeps its size and its
//! time of modification.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::time::SystemTime;

use super::header::BLOCK;
use super::index::{Seen, ShardIndex};
use super::members::Place;
use crate::source::folder_state::{CLOCK_TICK_NS, nanoseconds};
use crate::source::paths::PathTable;
use crate::source::stored::{self, Fields, Magic, put_bytes, put_number};
use crate::source::{OpenOptions, SourceError};

const MAGIC: Magic = *b"barlowT1";

/// How compressed files begin, and what to call them.
const COMPRESSED: [(&[u8], &str); 5] = [
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x04\x22\x4d\x18", "lz4"),
];

/// The index of a shard, from the cache if it holds; and what to tell the user of the cache.
///
/// # Errors
/// If the shard cannot be read, is compressed, or does not begin like an archive.
pub(super) fn find(
    path: &Path,
    options: &OpenOptions,
) -> Result<(ShardIndex, Option<String>), SourceError> {
    let read = |source| SourceError::Read { path: path.to_owned(), source };
    let begin = nanoseconds(SystemTime::now());
    // Asked before opening: to open a pipe that nobody writes to would wait for ever.
    let metadata = fs::metadata(path).map_err(read)?;
    if !metadata.is_file() {
        return Err(SourceError::WrongFileType {
            path: path.to_owned(),
            found: if metadata.is_dir() { "directory" } else { "pipe or device" },
            expected: "tar shard (a final slash makes it a directory of images)",
        });
    }
    let modified = nanoseconds(metadata.modified().map_err(read)?);
    let Some(folder) = &options.cache_folder else {
        return Ok((build(path, metadata.len())?, None));
    };
    let mut key = Vec::new();
    put_bytes(&mut key, fs::canonicalize(path).map_err(read)?.as_os_str().as_encoded_bytes());
    let file = folder.join(format!("tar-{}.cache", stored::name_of(&[&key])));
    put_number(&mut key, metadata.len());
    put_number(&mut key, modified);
    if let Some(index) = stored::read(&file).and_then(|bytes| decode(&bytes, &key)) {
        return Ok((index, None));
    }
    let index = build(path, metadata.len())?;
    if modified.saturating_add(CLOCK_TICK_NS) >= begin {
        return Ok((index, None));
    }
    let trouble = stored::write(&file, MAGIC, &encode(&key, &index)).err();
    let text = |error| format!("an index cannot be kept in `{}`: {error}", file.display());
    Ok((index, trouble.map(text)))
}

fn build(path: &Path, len: u64) -> Result<ShardIndex, SourceError> {
    let read = |source| SourceError::Read { path: path.to_owned(), source };
    let malformed = |reason: String| SourceError::MalformedFile {
        path: path.to_owned(),
        expected: "a tar archive",
        reason,
    };
    let mut start = Vec::new();
    File::open(path).and_then(|file| file.take(8).read_to_end(&mut start)).map_err(read)?;
    if let Some((_, name)) = COMPRESSED.iter().find(|(magic, _)| start.starts_with(magic)) {
        return Err(malformed(format!(
            "it is compressed by {name}; decompress it first, because images are read from anywhere \
             in it"
        )));
    }
    let index = File::open(path).and_then(|file| ShardIndex::build(file, len)).map_err(read)?;
    match &index.trouble {
        Some(trouble) if index.is_broken_from_the_start => Err(malformed(format!("it {trouble}"))),
        _ => Ok(index),
    }
}

fn encode(key: &[u8], index: &ShardIndex) -> Vec<u8> {
    let mut body = Vec::new();
    put_bytes(&mut body, key);
    index.paths.put(&mut body);
    for Place { offset, bytes, check } in &index.places {
        for number in [*offset, *bytes, u64::from(*check)] {
            put_number(&mut body, number);
        }
    }
    for &label in &index.labels {
        body.extend_from_slice(&label.to_le_bytes());
    }
    put_number(&mut body, index.classes.len() as u64);
    for class in &index.classes {
        put_bytes(&mut body, class.as_bytes());
    }
    let Seen { refused, nameless, duplicates, further_images, imageless, unread_labels } =
        index.seen;
    for count in [refused, nameless, duplicates, further_images, imageless, unread_labels] {
        put_number(&mut body, count as u64);
    }
    put_bytes(&mut body, index.trouble.as_deref().unwrap_or_default().as_bytes());
    body
}

/// The index that `bytes` hold; nothing if they are damaged or of another shard.
pub(super) fn decode(bytes: &[u8], key: &[u8]) -> Option<ShardIndex> {
    decode_body(stored::body(bytes, MAGIC)?, key)
}

/// As [`decode`], of what the check sum protects.
pub(super) fn decode_body(body: &[u8], key: &[u8]) -> Option<ShardIndex> {
    let mut fields = Fields::new(body);
    if fields.bytes()? != key {
        return None;
    }
    let paths = PathTable::from_fields(&mut fields)?;
    let len = paths.len();
    let places = (0..len).map(|_| {
        let [offset, bytes, check] = [fields.number()?, fields.number()?, fields.number()?];
        offset.checked_sub(BLOCK as u64)?;
        Some(Place { offset, bytes, check: u32::try_from(check).ok()? })
    });
    let places = places.collect::<Option<_>>()?;
    let labels = fields.take(len.checked_mul(4)?)?.chunks_exact(4);
    let labels: Vec<u32> =
        labels.map(|label| u32::from_le_bytes([label[0], label[1], label[2], label[3]])).collect();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    let count = fields.number()?;
    let classes: Vec<String> = (0..count).map(|_| text(fields.bytes()?)).collect::<Option<_>>()?;
    if labels.iter().any(|&label| label as usize > classes.len()) {
        return None;
    }
    let seen = Seen {
        refused: fields.count()?,
        nameless: fields.count()?,
        duplicates: fields.count()?,
        further_images: fields.count()?,
        imageless: fields.count()?,
        unread_labels: fields.count()?,
    };
    let trouble = Some(text(fields.bytes()?)?).filter(|text| !text.is_empty());
    fields.end()?;
    let is_broken_from_the_start = false;
    Some(ShardIndex { paths, places, labels, classes, seen, trouble, is_broken_from_the_start })
}

#[cfg(test)]
mod tests;
