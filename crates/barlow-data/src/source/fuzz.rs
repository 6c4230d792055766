//! Readers of bytes that nobody vouches for, as plain functions for tests and fuzzers.
//!
//! Each reads what may stand in a file, gives a count of what it found there, and neither panics nor
//! takes more memory than a small multiple of the bytes.

use std::io::Cursor;

use super::{directory, multi_label, tar};

/// Indexes the bytes of a tar shard: its samples and all else that was seen.
pub fn tar_index(bytes: &[u8]) -> usize {
    tar::index_bytes(Cursor::new(bytes), bytes.len() as u64)
}

/// Reads a kept listing of a directory, without and behind its check sum: the images in it.
pub fn listing_cache(bytes: &[u8]) -> usize {
    directory::listed_images(bytes)
}

/// Reads a kept index of a shard, without and behind its check sum: the samples in it.
pub fn index_cache(bytes: &[u8]) -> usize {
    tar::indexed_samples(bytes)
}

/// Reads an annotation of VOC: the classes in it.
pub fn voc_annotation(bytes: &[u8]) -> usize {
    multi_label::annotated_classes(bytes)
}

/// Reads a CSV list with several labels an image: the images in it.
pub fn multi_label_csv(bytes: &[u8]) -> usize {
    multi_label::csv_images(bytes)
}

/// Reads a list of JSON objects with several labels an image: the images in it.
pub fn multi_label_json_lines(bytes: &[u8]) -> usize {
    multi_label::json_images(bytes)
}

#[cfg(test)]
mod tests;
