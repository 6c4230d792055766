//! Readers of bytes that nobody vouches for, as plain functions for fuzzers.
//!
//! Neither panics nor takes more memory than a small multiple of the bytes beyond the limits' own.

use std::io::Cursor;

use crate::foreign::ForeignFile;
use crate::layout::Plan;
use crate::torch;

/// Reads a file of weights of any format: its contents, each tensor, and its encoder if it has one.
pub fn file(bytes: &[u8]) {
    let Ok(mut file) = ForeignFile::from_reader(Cursor::new(bytes)) else { return };
    let contents = file.contents().clone();
    for name in contents.tensors.keys() {
        // An error is a good answer; only a panic is not.
        drop(file.read(name));
    }
    if let Ok(plan) = Plan::of(&contents, None) {
        drop(plan.load(&mut file));
    }
}

/// Reads a checkpoint with this pickle and a few storages.
pub fn pickle(bytes: &[u8]) {
    file(&torch::archive_around(bytes));
}
