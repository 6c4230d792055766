//! A short name for what a source holds.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// Gathers what identifies a source; each part is preceded by its length, so parts cannot run
/// together.
#[derive(Default)]
pub(super) struct Fingerprint {
    hash: Sha256,
}

impl Fingerprint {
    pub(super) fn add(&mut self, part: &[u8]) {
        self.hash.update((part.len() as u64).to_le_bytes());
        self.hash.update(part);
    }

    pub(super) fn add_number(&mut self, number: u64) {
        self.hash.update(number.to_le_bytes());
    }

    /// A label, told apart from none.
    pub(super) fn add_label(&mut self, label: Option<usize>) {
        self.add_number(label.map_or(0, |label| label as u64 + 1));
    }

    /// The kind of source, its length and the first 128 bits of the hash.
    pub(super) fn finish(self, kind: &str, images: usize) -> String {
        let mut text = format!("{kind}:{images}:");
        for byte in &self.hash.finalize()[..16] {
            write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        }
        text
    }
}
