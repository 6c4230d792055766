//! TIFF and `BigTIFF`: strips and tiles, interleaved and planar, any number of channels, all pages.
//!
//! The `tiff` crate unpacks; what channels mean is decided here, because the crate refuses palettes
//! and gives up channels beyond those of the colour. So it is told, in a copy of the file, that
//! each page is black-is-zero: then it hands over every sample as it is stored.
//!
//! 8 and 16 bits without sign keep their depth, fewer bits become 8, all else becomes single
//! precision (of 32-bit integers, those above 2^24 are rounded).

mod directory;
mod meaning;
mod samples;

use std::io::{Cursor, ErrorKind};

use tiff::TiffError;
use tiff::decoder::{ChunkType, Decoder, DecodingResult, Limits};
use tiff::tags::{CompressionMethod, Tag};

pub(super) use directory::page_offsets;

use super::format::Format;
use super::limits::at_most;
use super::stored::Stored;
use super::{DecodeOptions, ImageError, Pages, jpeg};
use crate::{DecodedImage, Image};

/// What is wrong with a TIFF, beside what the `tiff` crate says.
#[derive(Debug, thiserror::Error)]
enum TiffProblem {
    #[error("the chain of pages runs in a circle at page {page}")]
    Circle { page: usize },
    #[error("page {page} does not state how its colours are meant")]
    NoPhotometric { page: usize },
    #[error("colours of kind {photometric} with {samples} samples of {bits} bits")]
    Colours { photometric: u16, samples: usize, bits: u8 },
    #[error("colours stored at a lower resolution, but not as JPEG")]
    Subsampled,
    #[error("a palette of {found} numbers, {expected} are needed")]
    Palette { found: usize, expected: usize },
    #[error("a JPEG of {found:?} pixels in a strip or tile of {expected:?}")]
    JpegSize { found: (u64, u64), expected: (u64, u64) },
    #[error("page {page} differs from the first in size or depth")]
    PagesDiffer { page: usize },
}

/// Decodes one page or, with [`Pages::Channels`], all of them as channels of one image.
pub(super) fn decode(
    bytes: &[u8],
    page: usize,
    options: &DecodeOptions,
) -> Result<Stored, ImageError> {
    let read_at = |at: u64, buffer: &mut [u8]| read_at(bytes, at, buffer);
    let mut file = bytes.to_vec();
    if options.pages != Pages::Channels {
        let offsets = page_offsets(read_at, page.saturating_add(1))?;
        let pages = offsets.len();
        let offset = *offsets.get(page).ok_or(ImageError::NoSuchPage { page, pages })?;
        return decode_page(&mut file, page, offset, options);
    }
    let offsets = page_offsets(read_at, options.max_pages.saturating_add(1))?;
    at_most("pages", offsets.len() as u64, options.max_pages as u64)?;
    let mut pages = Vec::with_capacity(offsets.len());
    for (page, &offset) in offsets.iter().enumerate() {
        let image = decode_page(&mut file, page, offset, options)?.finish(options)?;
        if let Some(first) = pages.first() {
            check_alike(first, &image, page)?;
        }
        pages.push(image);
        // All pages have the size of the first.
        let total = sample_bytes(&pages[0]).saturating_mul(pages.len() as u64);
        at_most("bytes of samples", total, options.max_sample_bytes())?;
    }
    Ok(Stored::plain(joined(&pages).ok_or(ImageError::NoSuchPage { page, pages: 0 })?))
}

/// Fills `buffer` with what is in the file at a position.
pub(super) fn read_at(bytes: &[u8], at: u64, buffer: &mut [u8]) -> Result<(), ImageError> {
    let start = usize::try_from(at).unwrap_or(usize::MAX);
    let found = bytes.get(start..start.saturating_add(buffer.len()));
    buffer.copy_from_slice(found.ok_or(ImageError::Truncated { bytes: bytes.len() })?);
    Ok(())
}

fn decode_page(
    file: &mut [u8],
    page: usize,
    offset: u64,
    options: &DecodeOptions,
) -> Result<Stored, ImageError> {
    let bytes = file.len();
    let failed = |error| trouble(error, bytes);
    let photometric = directory::make_first_and_grey(file, page, offset)?;
    directory::check_entries(file, offset)?;
    let mut decoder = open(file, options)?;
    let (width, height) = decoder.dimensions().map_err(failed)?;
    let mut layout = decoder.image_buffer_layout().map_err(failed)?;
    // The crate knows only of the first plane that its lowest tiles reach below the image: with
    // planes, it is asked for all of their rows.
    let (_, tile_height) = decoder.chunk_dimensions();
    if layout.planes > 1
        && decoder.get_chunk_type() == ChunkType::Tile
        && !height.is_multiple_of(tile_height)
    {
        drop(decoder);
        directory::set_height(file, offset, height.next_multiple_of(tile_height));
        decoder = open(file, options)?;
        layout = decoder.image_buffer_layout().map_err(failed)?;
    }
    let (_, rows) = decoder.dimensions().map_err(failed)?;
    let color = decoder.colortype().map_err(failed)?;
    let (bits, channels) = (color.bit_depth(), usize::from(color.num_samples()));
    let pixel_bytes = channels as u64 * samples::kept_bytes(&layout);
    options.check_size(width.into(), rows.into(), pixel_bytes)?;
    at_most("bytes of samples", layout.complete_len as u64, options.max_sample_bytes())?;
    check_chunks(&mut decoder, file, (width.into(), rows.into()), pixel_bytes, options)?;
    let tags = meaning::Tags::read(&mut decoder, photometric).map_err(failed)?;
    let mut result = DecodingResult::U8(Vec::new());
    decoder.read_image_to_buffer(&mut result).map_err(failed)?;
    let [width, height, rows] = [width, height, rows].map(|n| n as usize);
    let image = samples::image(result, &layout, [rows, width, channels], bits);
    let image = image.ok_or_else(|| tags.unsupported(channels, bits))?;
    tags.apply(samples::cropped(image, height), bits)
}

fn open<'a>(
    file: &'a [u8],
    options: &DecodeOptions,
) -> Result<Decoder<Cursor<&'a [u8]>>, ImageError> {
    let mut limits = Limits::default();
    limits.decoding_buffer_size = options.max_sample_bytes() as usize;
    limits.intermediate_buffer_size = options.max_file_bytes as usize;
    let decoder = Decoder::new(Cursor::new(file)).map_err(|error| trouble(error, file.len()))?;
    Ok(decoder.with_limits(limits))
}

/// Refuses strips and tiles that would unpack to more than the image may be, and JPEG data that
/// end early or unpack to more than their strip or tile.
fn check_chunks<R: std::io::Read + std::io::Seek>(
    decoder: &mut Decoder<R>,
    file: &[u8],
    image: (u64, u64),
    pixel_bytes: u64,
    options: &DecodeOptions,
) -> Result<(), ImageError> {
    let failed = |error| trouble(error, file.len());
    let (width, height) = decoder.chunk_dimensions();
    let (offsets, lengths, size) = match decoder.get_chunk_type() {
        // A strip may declare any number of rows; those of the image are unpacked.
        ChunkType::Strip => (Tag::StripOffsets, Tag::StripByteCounts, image),
        ChunkType::Tile => (Tag::TileOffsets, Tag::TileByteCounts, (width.into(), height.into())),
    };
    at_most(
        "bytes in a tile",
        size.0.saturating_mul(size.1).saturating_mul(pixel_bytes),
        options.max_sample_bytes(),
    )?;
    let compression = decoder.find_tag_unsigned(Tag::Compression).map_err(failed)?;
    if compression != Some(CompressionMethod::ModernJPEG.to_u16()) {
        return Ok(());
    }
    let mut values = |tag| decoder.get_tag_u64_vec(tag).map_err(failed);
    for (start, length) in values(offsets)?.into_iter().zip(values(lengths)?) {
        let chunk = file.get(start as usize..start.saturating_add(length) as usize);
        let cut_off = ImageError::Truncated { bytes: file.len() };
        let Some(chunk) = chunk.filter(|chunk| !jpeg::is_cut_off(chunk)) else {
            return Err(cut_off);
        };
        let found = jpeg::frame_size(chunk).ok_or(cut_off)?;
        if found.0 > size.0 || found.1 > size.1 {
            return Err(Format::Tiff.corrupt(TiffProblem::JpegSize { found, expected: size }));
        }
    }
    Ok(())
}

fn check_alike(first: &DecodedImage, other: &DecodedImage, page: usize) -> Result<(), ImageError> {
    let is_alike = first.shape() == other.shape()
        && std::mem::discriminant(first) == std::mem::discriminant(other);
    if is_alike {
        return Ok(());
    }
    Err(Format::Tiff.unsupported(TiffProblem::PagesDiffer { page }))
}

fn sample_bytes(image: &DecodedImage) -> u64 {
    let depth = match image {
        DecodedImage::U8(_) => 1,
        DecodedImage::U16(_) => 2,
        DecodedImage::F32(_) => 4,
    };
    image.shape().iter().map(|&n| n as u64).product::<u64>() * depth
}

/// The channels of images of one size and depth side by side; `None` of none.
fn joined(pages: &[DecodedImage]) -> Option<DecodedImage> {
    fn side_by_side<'a, T: Copy + 'a>(pages: impl Iterator<Item = &'a Image<T>>) -> Image<T> {
        let pages: Vec<&Image<T>> = pages.collect();
        let Image { width, height, channels, .. } = *pages[0];
        let pixels = (0..width * height)
            .flat_map(|i| {
                pages.iter().flat_map(move |page| &page.pixels[i * channels..][..channels])
            })
            .copied()
            .collect();
        Image { width, height, channels: channels * pages.len(), pixels }
    }
    macro_rules! join {
        ($depth:path) => {
            $depth(side_by_side(pages.iter().filter_map(|page| match page {
                $depth(image) => Some(image),
                _ => None,
            })))
        };
    }
    Some(match pages.first()? {
        DecodedImage::U8(_) => join!(DecodedImage::U8),
        DecodedImage::U16(_) => join!(DecodedImage::U16),
        DecodedImage::F32(_) => join!(DecodedImage::F32),
    })
}

fn trouble(error: TiffError, bytes: usize) -> ImageError {
    match error {
        TiffError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            ImageError::Truncated { bytes }
        }
        TiffError::UnsupportedError(_) => Format::Tiff.unsupported(error),
        _ => Format::Tiff.corrupt(error),
    }
}
