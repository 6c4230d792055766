//! What is wrong with one image.

use std::error::Error;
use std::io;
use std::path::PathBuf;

/// What is wrong with one image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The file cannot be opened or read.
    #[error("cannot read `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The path leads to a directory, a pipe or a device.
    #[error("`{}` is not a file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The first bytes are of no image format.
    #[error("not an image: it begins with {first_bytes:02x?}")]
    NotAnImage {
        /// Up to eight bytes from the start.
        first_bytes: Vec<u8>,
    },
    /// An image of a format that is not read here.
    #[error("{format} images are not supported, only {}", super::FORMATS)]
    UnsupportedFormat {
        /// The format's name.
        format: &'static str,
    },
    /// An image that uses something the decoder cannot do.
    #[error("this kind of {format} is not supported")]
    UnsupportedFeature {
        /// The format's name.
        format: &'static str,
        /// What the decoder says.
        source: DecoderError,
    },
    /// The data end before the image does.
    #[error("the image is cut off: its data end after {bytes} bytes")]
    Truncated {
        /// How many bytes there are.
        bytes: usize,
    },
    /// The data contradict the format.
    #[error("the {format} data are corrupt")]
    Corrupt {
        /// The format's name.
        format: &'static str,
        /// What the decoder says.
        source: DecoderError,
    },
    /// More bytes than [`max_file_bytes`](super::DecodeOptions::max_file_bytes).
    #[error("the file has {bytes} bytes or more, at most {allowed} are read")]
    FileTooLarge {
        /// How many bytes there are, at least.
        bytes: u64,
        /// How many may be.
        allowed: u64,
    },
    /// More pixels than [`max_pixels`](super::DecodeOptions::max_pixels).
    #[error("the image has {width} x {height} pixels, at most {allowed} are decoded")]
    TooManyPixels {
        /// Declared width.
        width: u64,
        /// Declared height.
        height: u64,
        /// How many pixels may be.
        allowed: u64,
    },
    /// More bytes of samples, scans or pages than [`DecodeOptions`](super::DecodeOptions) allow.
    #[error("the image has {found} {what}, at most {allowed} are decoded")]
    TooMany {
        /// Of what, in words.
        what: &'static str,
        /// How many there are, at least.
        found: u64,
        /// How many may be.
        allowed: u64,
    },
    /// Samples that are infinite or not numbers.
    #[error("{count} of {samples} samples are not finite numbers")]
    NotFinite {
        /// How many.
        count: usize,
        /// Of how many.
        samples: usize,
    },
    /// A page that the file does not have.
    #[error("page {page} is wanted, counted from 0, of an image that has {pages}")]
    NoSuchPage {
        /// The page wanted.
        page: usize,
        /// How many there are.
        pages: usize,
    },
    /// Channels that no view can be made of.
    #[error("the image has {found} channels, the views have {wanted}")]
    Channels {
        /// Channels of the image.
        found: usize,
        /// Channels of the views.
        wanted: usize,
    },
    /// The decoder panicked.
    #[error("the decoder failed: {message}")]
    DecoderPanic {
        /// What it said.
        message: String,
    },
}

/// What a decoder says of the data.
pub type DecoderError = Box<dyn Error + Send + Sync>;

impl ImageError {
    /// A short fixed word for each kind of trouble, for machines (`bad_images.jsonl`).
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Io { .. } | Self::NotAFile { .. } => "io",
            Self::NotAnImage { .. } => "not-an-image",
            Self::UnsupportedFormat { .. } | Self::UnsupportedFeature { .. } => "unsupported",
            Self::Truncated { .. } | Self::NoSuchPage { .. } => "truncated",
            Self::Corrupt { .. } => "corrupt",
            Self::FileTooLarge { .. } | Self::TooManyPixels { .. } | Self::TooMany { .. } => {
                "too-large"
            }
            Self::NotFinite { .. } => "not-finite",
            Self::Channels { .. } => "channels",
            Self::DecoderPanic { .. } => "decoder-panic",
        }
    }
}
