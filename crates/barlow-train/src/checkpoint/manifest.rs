//! `MANIFEST.json`: what a generation's state must look like, byte for byte.
//!
//! It is one JSON object whose first line holds the SHA-256 of all text after that line, so a
//! manifest with any changed bit is told from a true one before a word of it is believed.

use std::fmt::Write as _;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Damage, MANIFEST};
use crate::storage::Storage;

/// The version of the checkpoint format that this program writes, and the newest that it reads.
pub const FORMAT_VERSION: u64 = 1;

/// Longer manifests are not read; a block list of this length belongs to a state of 900 GiB.
const MAX_BYTES: u64 = 16 << 20;
const MAX_BLOCK_BYTES: u64 = 64 << 20;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    format_version: u64,
    pub(super) step: u64,
    pub(super) state: StateSummary,
}

/// Length and checksums (SHA-256, hexadecimal) of `state.bin`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StateSummary {
    pub(super) bytes: u64,
    /// Of the whole file, as `sha256sum` gives it; reading relies on `blocks` alone.
    pub(super) sha256: String,
    pub(super) block_bytes: u64,
    pub(super) blocks: Vec<String>,
}

/// What every version of the format has.
#[derive(Deserialize)]
struct AnyVersion {
    format_version: u64,
}

impl Manifest {
    pub(super) fn new(step: u64, state: StateSummary) -> Self {
        Self { format_version: FORMAT_VERSION, step, state }
    }

    pub(super) fn to_text(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("numbers and strings are JSON");
        let rest = text.strip_prefix("{\n").expect("an object opens with a brace and a line end");
        with_checksum(rest)
    }

    /// Reads a manifest and checks its checksum, its version and its block list.
    pub(super) fn read(storage: &dyn Storage, path: &Path) -> Result<Self, Damage> {
        let text = read_text(storage, path)
            .map_err(|source| Damage::Unreadable { file: MANIFEST, source })?;
        let (_, rest) = text.split_once('\n').ok_or(Damage::ManifestChecksum)?;
        if with_checksum(rest) != text {
            return Err(Damage::ManifestChecksum);
        }
        let object = format!("{{{rest}");
        let invalid = |source| Damage::ManifestFormat { source };
        let version: AnyVersion = serde_json::from_str(&object).map_err(invalid)?;
        if version.format_version > FORMAT_VERSION {
            let found = version.format_version;
            return Err(Damage::NewerFormat { found, supported: FORMAT_VERSION });
        }
        let manifest: Self = serde_json::from_str(&object).map_err(invalid)?;
        let state = &manifest.state;
        let block_bytes = state.block_bytes.clamp(1, MAX_BLOCK_BYTES);
        let (expected, found) = (state.bytes.div_ceil(block_bytes), state.blocks.len() as u64);
        if expected != found || block_bytes != state.block_bytes {
            return Err(Damage::BlockCount { expected, found });
        }
        Ok(manifest)
    }
}

/// The whole of a small text file.
pub(super) fn read_text(storage: &dyn Storage, path: &Path) -> io::Result<String> {
    let mut text = String::new();
    storage.open(path)?.0.take(MAX_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

/// Completes the text of an object, without its opening brace, by the brace and the checksum.
pub(super) fn with_checksum(rest: &str) -> String {
    format!("{{\"sha256\": \"{}\",\n{rest}", hex(&Sha256::digest(rest)))
}

/// Bytes as lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes every text");
        text
    })
}
