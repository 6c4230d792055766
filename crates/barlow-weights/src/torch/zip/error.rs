//! Why archives are refused.

use std::io;

/// Why an archive is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ZipError {
    /// The file could not be read.
    #[error("reading the archive failed")]
    Io(#[from] io::Error),
    /// The end record, or the directory before it, is not where and what it has to be.
    #[error("the archive is cut off or damaged: {what}")]
    Directory {
        /// What is wrong.
        what: &'static str,
    },
    /// More entries, or a larger directory, than are read.
    #[error("{found} {what}; at most {limit} are read")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there are.
        found: u64,
        /// How many are read.
        limit: u64,
    },
    /// A name that leads out of the archive, or is no name.
    #[error("an entry is named `{name}`, which is no relative path of plain names")]
    Name {
        /// The name, escaped.
        name: String,
    },
    /// Two entries of one name.
    #[error("two entries are named `{name}`")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// The entry is compressed, which PyTorch's never are.
    #[error("entry `{name}` is compressed (method {method}); PyTorch stores")]
    Compressed {
        /// The entry.
        name: String,
        /// Its method.
        method: u16,
    },
    /// Flags such as that of encryption.
    #[error("entry `{name}` has flags {flags:#06x}, which are not understood")]
    Flags {
        /// The entry.
        name: String,
        /// Its flags.
        flags: u16,
    },
    /// The two headers of an entry, or its data descriptor, differ.
    #[error("the headers of entry `{name}` disagree in {field}")]
    Disagreement {
        /// The entry.
        name: String,
        /// In what they differ.
        field: &'static str,
    },
    /// The entry reaches into the next one, the directory, or past the end.
    #[error("entry `{name}` ends at byte {end}, where only {limit} bytes are before the next part")]
    Overlap {
        /// The entry.
        name: String,
        /// Its end.
        end: u64,
        /// Where the next part starts.
        limit: u64,
    },
    /// The bytes are not those that were written.
    #[error("entry `{name}` is damaged: check sum {found:08x}, expected {expected:08x}")]
    Crc {
        /// The entry.
        name: String,
        /// CRC-32 of the headers.
        expected: u32,
        /// CRC-32 of the bytes.
        found: u32,
    },
}
