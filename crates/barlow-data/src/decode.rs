//! Bytes of an image file in, 8-bit pixels out: JPEG and PNG, told apart by their first bytes.
//!
//! Files come from anywhere, so nothing in them is believed: sizes are read from the header and
//! checked before memory is taken, a stream that ends early is an error (decoders like to fill the
//! rest with grey), and a panic inside a decoder is one bad image, not the end of a run. Alpha is
//! dropped, 16-bit samples keep their high byte, palettes are expanded, CMYK becomes RGB. The
//! EXIF orientation is not applied, as in torchvision's `ImageFolder`.

mod jpeg;

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use ::image::codecs::jpeg::JpegDecoder;
use ::image::codecs::png::PngDecoder;
use ::image::error::ImageError as DecoderError;
use ::image::{ColorType, ImageDecoder, Limits};
use serde::{Deserialize, Serialize};

use crate::{DecodedImage, Image};

/// The largest image file that is read.
pub const MAX_FILE_BYTES: u64 = 64 << 20;
/// The largest image that is decoded: 64 megapixels, as its header declares it.
pub const MAX_PIXELS: u64 = 64_000_000;

/// Eight bytes a pixel (16-bit RGBA) is the most a decoder needs for its output; as much again is
/// room for its own buffers and for the text chunks of a PNG.
const MAX_DECODER_BYTES: u64 = 2 * 8 * MAX_PIXELS;

/// How files become samples.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecodeOptions {}

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
    #[error("{format} images are not supported, only JPEG and PNG")]
    UnsupportedFormat {
        /// The format's name.
        format: &'static str,
    },
    /// A JPEG or PNG that uses something the decoder cannot do.
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
    /// More bytes than [`MAX_FILE_BYTES`].
    #[error("the file has {bytes} bytes or more, at most {allowed} are read")]
    FileTooLarge {
        /// How many bytes there are, at least.
        bytes: u64,
        /// How many may be.
        allowed: u64,
    },
    /// More pixels than [`MAX_PIXELS`].
    #[error("the image has {width} x {height} pixels, at most {allowed} are decoded")]
    TooManyPixels {
        /// Declared width.
        width: u32,
        /// Declared height.
        height: u32,
        /// How many pixels may be.
        allowed: u64,
    },
    /// The decoder panicked.
    #[error("the decoder failed: {message}")]
    DecoderPanic {
        /// What it said.
        message: String,
    },
}

impl ImageError {
    /// A short fixed word for each kind of trouble, for machines (`bad_images.jsonl`).
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Io { .. } | Self::NotAFile { .. } => "io",
            Self::NotAnImage { .. } => "not-an-image",
            Self::UnsupportedFormat { .. } | Self::UnsupportedFeature { .. } => "unsupported",
            Self::Truncated { .. } => "truncated",
            Self::Corrupt { .. } => "corrupt",
            Self::FileTooLarge { .. } | Self::TooManyPixels { .. } => "too-large",
            Self::DecoderPanic { .. } => "decoder-panic",
        }
    }
}

/// Reads and decodes an image file; its name does not matter, only its content.
///
/// # Errors
/// If the file cannot be read or is larger than [`MAX_FILE_BYTES`]; else as [`decode`].
pub fn read(path: &Path, options: &DecodeOptions) -> Result<DecodedImage, ImageError> {
    let failed = |source| ImageError::Io { path: path.to_owned(), source };
    // Asked before opening: to open a pipe that nobody writes to would wait for ever.
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(ImageError::NotAFile { path: path.to_owned() });
    }
    check_file_size(metadata.len())?;
    let mut bytes = Vec::with_capacity(metadata.len() as usize + 1);
    let file = File::open(path).map_err(failed)?;
    // The file may have grown since.
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    decode(&bytes, options)
}

/// Decodes a JPEG or PNG of any size to grey (1 channel) or red, green, blue (3 channels).
///
/// # Errors
/// If the bytes are no JPEG or PNG, end early, are corrupt, use something unsupported, or are more
/// than [`MAX_FILE_BYTES`] or declare more than [`MAX_PIXELS`] (both found before memory is taken).
pub fn decode(bytes: &[u8], _options: &DecodeOptions) -> Result<DecodedImage, ImageError> {
    check_file_size(bytes.len() as u64)?;
    let format = Format::of(bytes)?;
    contain_panics(|| match format {
        Format::Jpeg if jpeg::is_cut_off(bytes) => {
            Err(ImageError::Truncated { bytes: bytes.len() })
        }
        Format::Jpeg => {
            let decoder = JpegDecoder::new(Cursor::new(bytes));
            format.pixels(decoder, bytes)
        }
        Format::Png => {
            let mut limits = Limits::no_limits();
            limits.max_alloc = Some(MAX_DECODER_BYTES);
            let decoder = PngDecoder::with_limits(Cursor::new(bytes), limits);
            format.pixels(decoder, bytes)
        }
    })
    .map(DecodedImage::U8)
}

fn check_file_size(bytes: u64) -> Result<(), ImageError> {
    if bytes > MAX_FILE_BYTES {
        return Err(ImageError::FileTooLarge { bytes, allowed: MAX_FILE_BYTES });
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Jpeg,
    Png,
}

impl Format {
    fn of(bytes: &[u8]) -> Result<Self, ImageError> {
        const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
        const OTHERS: [(&[u8], &str); 8] = [
            (b"GIF8", "GIF"),
            (b"BM", "BMP"),
            (b"II*\0", "TIFF"),
            (b"MM\0*", "TIFF"),
            (b"\0\0\x01\0", "ICO"),
            (b"8BPS", "Photoshop"),
            (b"\0\0\0\x0cjP  ", "JPEG 2000"),
            (b"\xff\x0a", "JPEG XL"),
        ];
        const SOME_BYTES: usize = 8;
        if bytes.starts_with(b"\xff\xd8\xff") {
            return Ok(Self::Jpeg);
        }
        if bytes.starts_with(PNG) {
            return Ok(Self::Png);
        }
        if PNG.starts_with(bytes) || b"\xff\xd8\xff".starts_with(bytes) {
            return Err(ImageError::Truncated { bytes: bytes.len() });
        }
        let other = OTHERS.iter().find(|(magic, _)| bytes.starts_with(magic));
        let format = match (other, bytes) {
            (Some((_, format)), _) => format,
            (None, [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..]) => "WebP",
            (None, [_, _, _, _, b'f', b't', b'y', b'p', ..]) => "HEIF",
            (None, _) => {
                let first_bytes = bytes[..bytes.len().min(SOME_BYTES)].to_vec();
                return Err(ImageError::NotAnImage { first_bytes });
            }
        };
        Err(ImageError::UnsupportedFormat { format })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
        }
    }

    /// The pixels of a decoder that has read its header.
    fn pixels<D: ImageDecoder>(
        self,
        decoder: Result<D, DecoderError>,
        bytes: &[u8],
    ) -> Result<Image, ImageError> {
        let decoder = decoder.map_err(|source| self.trouble(source, bytes))?;
        let (width, height) = decoder.dimensions();
        if u64::from(width) * u64::from(height) > MAX_PIXELS {
            return Err(ImageError::TooManyPixels { width, height, allowed: MAX_PIXELS });
        }
        let color = decoder.color_type();
        let mut samples = vec![0; decoder.total_bytes() as usize];
        decoder.read_image(&mut samples).map_err(|source| self.trouble(source, bytes))?;
        let (channels, pixels) = without_alpha_and_depth(color, samples);
        Ok(Image { width: width as usize, height: height as usize, channels, pixels })
    }

    fn trouble(self, source: DecoderError, bytes: &[u8]) -> ImageError {
        let format = self.name();
        match source {
            DecoderError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                ImageError::Truncated { bytes: bytes.len() }
            }
            DecoderError::Unsupported(_) => ImageError::UnsupportedFeature { format, source },
            _ => ImageError::Corrupt { format, source },
        }
    }
}

/// Keeps the colour samples of each pixel, and of 16-bit samples (native byte order) the high byte.
fn without_alpha_and_depth(color: ColorType, samples: Vec<u8>) -> (usize, Vec<u8>) {
    let channels = if color.has_color() { 3 } else { 1 };
    let sample_bytes = usize::from(color.bytes_per_pixel() / color.channel_count());
    let pixel_bytes = usize::from(color.bytes_per_pixel());
    if pixel_bytes == channels {
        return (channels, samples);
    }
    let high_byte = if cfg!(target_endian = "little") { sample_bytes - 1 } else { 0 };
    let pixels = samples
        .chunks_exact(pixel_bytes)
        .flat_map(|pixel| pixel.chunks_exact(sample_bytes).take(channels))
        .map(|sample| sample[high_byte])
        .collect();
    (channels, pixels)
}

fn contain_panics(decode: impl FnOnce() -> Result<Image, ImageError>) -> Result<Image, ImageError> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|payload| {
        Err(ImageError::DecoderPanic { message: crate::panic_message(&*payload) })
    })
}

#[cfg(test)]
mod tests;
