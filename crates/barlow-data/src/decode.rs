//! Bytes of an image file in, 8-bit pixels out: JPEG and PNG, told apart by their first bytes.
//!
//! Files come from anywhere, so nothing in them is believed: sizes are read from the header and
//! checked before memory is taken, a stream that ends early is an error (decoders like to fill the
//! rest with grey), and a panic inside a decoder is one bad image, not the end of a run. Alpha is
//! dropped, 16-bit samples keep their high byte, palettes are expanded, CMYK becomes RGB. The
//! EXIF orientation is not applied, as in torchvision's `ImageFolder`.

mod error;
mod jpeg;
mod options;

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use ::image::codecs::jpeg::JpegDecoder;
use ::image::codecs::png::PngDecoder;
use ::image::error::ImageError as CodecError;
use ::image::{ColorType, ImageDecoder, Limits};

pub use error::{DecoderError, ImageError};
pub use options::{Alpha, BYTES_PER_PIXEL, DecodeOptions, NpyLayout, Pages};

use crate::{DecodedImage, Image};

/// The formats that are read, for messages.
const FORMATS: &str = "JPEG and PNG";

/// Reads and decodes an image file; its name does not matter, only its content.
///
/// # Errors
/// If the file cannot be read or is larger than [`DecodeOptions::max_file_bytes`]; else as
/// [`decode`].
pub fn read(path: &Path, options: &DecodeOptions) -> Result<DecodedImage, ImageError> {
    read_page(path, 0, options)
}

/// Reads and decodes one of the images that [`count_pages`] found in a file, counted from 0.
///
/// # Errors
/// As [`read`], and if there is no such page.
pub fn read_page(
    path: &Path,
    page: usize,
    options: &DecodeOptions,
) -> Result<DecodedImage, ImageError> {
    decode_page(&file_bytes(path, options)?, page, options)
}

/// How many images a file gives: 1, but with [`Pages::Samples`] each page of a TIFF is one.
///
/// Without [`Pages::Samples`] the file is not looked at.
///
/// # Errors
/// If pages are to be counted and the file cannot be read, is a corrupt TIFF, or has more than
/// [`DecodeOptions::max_pages`].
pub fn count_pages(path: &Path, options: &DecodeOptions) -> Result<usize, ImageError> {
    match options.pages {
        Pages::First | Pages::Channels => Ok(1),
        Pages::Samples => count_pages_in(&file_bytes(path, options)?, options),
    }
}

/// As [`count_pages`], of a file's bytes.
///
/// # Errors
/// As [`count_pages`].
pub fn count_pages_in(_bytes: &[u8], _options: &DecodeOptions) -> Result<usize, ImageError> {
    Ok(1)
}

fn file_bytes(path: &Path, options: &DecodeOptions) -> Result<Vec<u8>, ImageError> {
    let failed = |source| ImageError::Io { path: path.to_owned(), source };
    // Asked before opening: to open a pipe that nobody writes to would wait for ever.
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(ImageError::NotAFile { path: path.to_owned() });
    }
    check_file_size(metadata.len(), options)?;
    let mut bytes = Vec::with_capacity(metadata.len() as usize + 1);
    let file = File::open(path).map_err(failed)?;
    // The file may have grown since.
    file.take(options.max_file_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Decodes a JPEG or PNG of any size to grey (1 channel) or red, green, blue (3 channels).
///
/// # Errors
/// If the bytes are no JPEG or PNG, end early, are corrupt, use something unsupported, or are more
/// than the options allow (found before memory is taken).
pub fn decode(bytes: &[u8], options: &DecodeOptions) -> Result<DecodedImage, ImageError> {
    decode_page(bytes, 0, options)
}

/// Decodes one of the images that [`count_pages_in`] found, counted from 0.
///
/// # Errors
/// As [`decode`], and if there is no such page.
pub fn decode_page(
    bytes: &[u8],
    page: usize,
    options: &DecodeOptions,
) -> Result<DecodedImage, ImageError> {
    check_file_size(bytes.len() as u64, options)?;
    if page > 0 {
        return Err(ImageError::NoSuchPage { page, pages: 1 });
    }
    let format = Format::of(bytes)?;
    contain_panics(|| match format {
        Format::Jpeg if jpeg::is_cut_off(bytes) => {
            Err(ImageError::Truncated { bytes: bytes.len() })
        }
        Format::Jpeg => {
            let decoder = JpegDecoder::new(Cursor::new(bytes));
            format.pixels(decoder, bytes, options)
        }
        Format::Png => {
            let mut limits = Limits::no_limits();
            limits.max_alloc = Some(2 * BYTES_PER_PIXEL * options.max_pixels);
            let decoder = PngDecoder::with_limits(Cursor::new(bytes), limits);
            format.pixels(decoder, bytes, options)
        }
    })
    .map(DecodedImage::U8)
}

fn check_file_size(bytes: u64, options: &DecodeOptions) -> Result<(), ImageError> {
    let allowed = options.max_file_bytes;
    if bytes > allowed {
        return Err(ImageError::FileTooLarge { bytes, allowed });
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
        decoder: Result<D, CodecError>,
        bytes: &[u8],
        options: &DecodeOptions,
    ) -> Result<Image, ImageError> {
        let decoder = decoder.map_err(|source| self.trouble(source, bytes))?;
        let (width, height) = decoder.dimensions();
        if u64::from(width) * u64::from(height) > options.max_pixels {
            let (width, height, allowed) = (width.into(), height.into(), options.max_pixels);
            return Err(ImageError::TooManyPixels { width, height, allowed });
        }
        let color = decoder.color_type();
        let mut samples = vec![0; decoder.total_bytes() as usize];
        decoder.read_image(&mut samples).map_err(|source| self.trouble(source, bytes))?;
        let (channels, pixels) = without_alpha_and_depth(color, samples);
        Ok(Image { width: width as usize, height: height as usize, channels, pixels })
    }

    fn trouble(self, source: CodecError, bytes: &[u8]) -> ImageError {
        let format = self.name();
        match source {
            CodecError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                ImageError::Truncated { bytes: bytes.len() }
            }
            CodecError::Unsupported(_) => {
                ImageError::UnsupportedFeature { format, source: source.into() }
            }
            _ => ImageError::Corrupt { format, source: source.into() },
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
