//! Bytes of an image file in, samples out: JPEG, PNG, TIFF, WebP, BMP, GIF, PNM and `.npy`, told
//! apart by their first bytes.
//!
//! Files come from anywhere, so nothing in them is believed: sizes are read from the header and
//! checked before memory is taken, a stream that ends early is an error (decoders like to fill the
//! rest with grey), and a panic inside a decoder is one bad image, not the end of a run. Samples
//! keep the depth that they have in the file: 8 bits, 16 bits, or else single precision. Palettes
//! are expanded, CMYK becomes RGB, alpha and orientation are dealt with as [`DecodeOptions`] say;
//! colour profiles are not applied.

mod alpha;
mod codec;
mod error;
mod format;
mod jpeg;
mod limits;
mod npy;
mod options;
mod orientation;
mod png;
mod pnm;
mod reduction;
mod stored;
mod tiff;
mod webp;

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

pub use error::{DecoderError, ImageError};
pub use options::{Alpha, BYTES_PER_PIXEL, DecodeOptions, NpyLayout, Pages};
pub use reduction::{ChooseReduction, ReducedImage, Reduction};

use self::format::Format;
use self::limits::at_most;
use crate::DecodedImage;

/// The formats that are read, for messages.
const FORMATS: &str = "JPEG, PNG, TIFF, WebP, BMP, GIF, PNM and npy";

/// As many bytes from the start of a file as tell its format.
const MAGIC_BYTES: u64 = 16;

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

/// As [`read_page`], reduced as [`decode_page_reduced`] does.
///
/// # Errors
/// As [`read_page`].
pub fn read_page_reduced(
    path: &Path,
    page: usize,
    options: &DecodeOptions,
    choose: &ChooseReduction<'_>,
) -> Result<ReducedImage, ImageError> {
    decode_page_reduced(&file_bytes(path, options)?, page, options, choose)
}

/// How many images a file gives: 1, but with [`Pages::Samples`] each page of a TIFF is one.
///
/// Without [`Pages::Samples`] the file is not looked at.
///
/// # Errors
/// If pages are to be counted and the file cannot be read, is a corrupt TIFF, or has more than
/// [`DecodeOptions::max_pages`].
pub fn count_pages(path: &Path, options: &DecodeOptions) -> Result<usize, ImageError> {
    if options.pages != Pages::Samples {
        return Ok(1);
    }
    let failed = |source| ImageError::Io { path: path.to_owned(), source };
    let (mut file, length) = open(path, options)?;
    let mut beginning = Vec::new();
    (&mut file).take(MAGIC_BYTES).read_to_end(&mut beginning).map_err(failed)?;
    if !matches!(Format::of(&beginning), Ok(Format::Tiff)) {
        return Ok(1);
    }
    count_directories(options, |at, buffer| {
        file.seek(SeekFrom::Start(at)).map_err(failed)?;
        file.read_exact(buffer).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => ImageError::Truncated { bytes: length as usize },
            _ => failed(error),
        })
    })
}

/// As [`count_pages`], of a file's bytes.
///
/// # Errors
/// As [`count_pages`].
pub fn count_pages_in(bytes: &[u8], options: &DecodeOptions) -> Result<usize, ImageError> {
    if options.pages != Pages::Samples || !matches!(Format::of(bytes), Ok(Format::Tiff)) {
        return Ok(1);
    }
    count_directories(options, |at, buffer| tiff::read_at(bytes, at, buffer))
}

fn count_directories(
    options: &DecodeOptions,
    read_at: impl FnMut(u64, &mut [u8]) -> Result<(), ImageError>,
) -> Result<usize, ImageError> {
    let pages = tiff::page_offsets(read_at, options.max_pages.saturating_add(1))?.len();
    at_most("pages", pages as u64, options.max_pages as u64)?;
    // None is found to be wrong when it is decoded.
    Ok(pages.max(1))
}

/// Opens a file that is not too large; says how many bytes it has.
fn open(path: &Path, options: &DecodeOptions) -> Result<(File, u64), ImageError> {
    let failed = |source| ImageError::Io { path: path.to_owned(), source };
    // Asked before opening: to open a pipe that nobody writes to would wait for ever.
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(ImageError::NotAFile { path: path.to_owned() });
    }
    options.check_file_size(metadata.len())?;
    Ok((File::open(path).map_err(failed)?, metadata.len()))
}

fn file_bytes(path: &Path, options: &DecodeOptions) -> Result<Vec<u8>, ImageError> {
    let (file, length) = open(path, options)?;
    let mut bytes = Vec::with_capacity(length as usize + 1);
    // The file may have grown since.
    file.take(options.max_file_bytes.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|source| ImageError::Io { path: path.to_owned(), source })?;
    Ok(bytes)
}

/// The format of a file that begins with `bytes` (16 are enough), as `JPEG`, whether it is read here
/// or not; none if it is of no format that is known.
pub fn format_name(bytes: &[u8]) -> Option<&'static str> {
    match Format::of(bytes) {
        Ok(format) => Some(format.name()),
        Err(ImageError::UnsupportedFormat { format }) => Some(format),
        Err(_) => None,
    }
}

/// The format of a file by its first bytes, as [`format_name`]; none if it cannot be read.
pub fn file_format(path: &Path, options: &DecodeOptions) -> Option<&'static str> {
    let (file, _) = open(path, options).ok()?;
    let mut beginning = Vec::new();
    file.take(MAGIC_BYTES).read_to_end(&mut beginning).ok()?;
    format_name(&beginning)
}

/// Decodes an image of any size and depth; of a TIFF or an animation, the first page or frame.
///
/// # Errors
/// If the bytes are of no format that is read, end early, are corrupt, use something unsupported,
/// have samples that are not finite, or ask for more than `options` allow (found before memory is
/// taken).
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
    Ok(decode_page_reduced(bytes, page, options, &|_| Reduction::None)?.image)
}

/// As [`decode_page`], reduced as far as `choose` says for the image's size, where
/// [`DecodeOptions::scale_down`] is set and the image is a JPEG of the usual kind: sequential, 8 bits,
/// grey or YCbCr. All others are whole.
///
/// # Errors
/// As [`decode_page`].
pub fn decode_page_reduced(
    bytes: &[u8],
    page: usize,
    options: &DecodeOptions,
    choose: &ChooseReduction<'_>,
) -> Result<ReducedImage, ImageError> {
    options.check_file_size(bytes.len() as u64)?;
    let format = Format::of(bytes)?;
    let pages_are_samples = options.pages == Pages::Samples && format == Format::Tiff;
    if page > 0 && !pages_are_samples {
        return Err(ImageError::NoSuchPage { page, pages: 1 });
    }
    contain_panics(|| {
        let stored = match format {
            Format::Jpeg => return jpeg::decode(bytes, options, choose),
            Format::Png => png::decode(bytes, options),
            Format::Tiff => tiff::decode(bytes, page, options),
            Format::WebP => codec::decode_webp(bytes, options),
            Format::Bmp => codec::decode_bmp(bytes, options),
            Format::Gif => codec::decode_gif(bytes, options),
            Format::Pnm => pnm::decode(bytes, options),
            Format::Npy => npy::decode(bytes, options),
        };
        Ok(ReducedImage::whole(stored?.finish(options)?))
    })
}

/// Does with bytes all that can be done with a file, under every choice for its pages and its size; for
/// fuzzing.
///
/// Images are limited to a million pixels, so that a fuzzer is quick and sees what gets past it.
///
/// # Panics
/// If a decoder panics: that is contained elsewhere, but a fuzzer is to find it.
pub fn fuzz_decode(bytes: &[u8]) {
    for pages in [Pages::First, Pages::Channels, Pages::Samples] {
        let max_pixels = 1 << 20;
        let options =
            DecodeOptions { pages, max_pixels, scale_down: true, ..DecodeOptions::default() };
        let last = count_pages_in(bytes, &options).map_or(0, |pages| pages - 1);
        for reduction in Reduction::ALL {
            let decoded = decode_page_reduced(bytes, last, &options, &|_| reduction);
            if let Err(error @ ImageError::DecoderPanic { .. }) = decoded {
                panic!("{error}");
            }
        }
    }
}

fn contain_panics<T>(decode: impl FnOnce() -> Result<T, ImageError>) -> Result<T, ImageError> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|payload| {
        Err(ImageError::DecoderPanic { message: crate::panic_message(&*payload) })
    })
}

#[cfg(test)]
mod tests;
