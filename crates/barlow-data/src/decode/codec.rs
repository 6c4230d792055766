//! WebP, BMP and GIF, by the `image` crate; of an animation, its first frame.

use std::error::Error;
use std::io::{Cursor, ErrorKind};

use ::image::codecs::bmp::BmpDecoder;
use ::image::codecs::gif::GifDecoder;
use ::image::codecs::webp::WebPDecoder;
use ::image::error::ImageError as CodecError;
use ::image::{ColorType, ImageDecoder, Limits};

use super::alpha::Transparency;
use super::format::Format;
use super::stored::Stored;
use super::{DecodeOptions, ImageError, orientation, webp};
use crate::{DecodedImage, Image};

pub(super) fn decode_webp(bytes: &[u8], options: &DecodeOptions) -> Result<Stored, ImageError> {
    webp::check(bytes, options)?;
    decode(Format::WebP, WebPDecoder::new(Cursor::new(bytes)), bytes, options)
}

pub(super) fn decode_bmp(bytes: &[u8], options: &DecodeOptions) -> Result<Stored, ImageError> {
    decode(Format::Bmp, BmpDecoder::new(Cursor::new(bytes)), bytes, options)
}

pub(super) fn decode_gif(bytes: &[u8], options: &DecodeOptions) -> Result<Stored, ImageError> {
    decode(Format::Gif, GifDecoder::new(Cursor::new(bytes)), bytes, options)
}

/// The image of a decoder that has read its header. All three have 8-bit samples.
fn decode<D: ImageDecoder>(
    format: Format,
    decoder: Result<D, CodecError>,
    bytes: &[u8],
    options: &DecodeOptions,
) -> Result<Stored, ImageError> {
    let failed = |error| trouble(format, error, bytes);
    let mut decoder = decoder.map_err(failed)?;
    let (width, height) = decoder.dimensions();
    let color = decoder.color_type();
    options.check_size(width.into(), height.into(), u64::from(color.bytes_per_pixel()))?;
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(options.max_sample_bytes());
    decoder.set_limits(limits).map_err(failed)?;
    let (channels, has_alpha) = match color {
        ColorType::L8 => (1, false),
        ColorType::Rgb8 => (3, false),
        ColorType::Rgba8 => (4, true),
        _ => return Err(format.unsupported(format!("samples of {color:?}"))),
    };
    let exif = decoder.exif_metadata().map_err(failed)?;
    let (width, height) = (width as usize, height as usize);
    let mut pixels = vec![0; width * height * channels];
    decoder.read_image(&mut pixels).map_err(failed)?;
    Ok(Stored {
        image: DecodedImage::U8(Image { width, height, channels, pixels }),
        transparency: has_alpha
            .then_some(Transparency { channel: channels - 1, is_premultiplied: false }),
        orientation: orientation::of_exif(exif.as_deref()),
    })
}

fn trouble(format: Format, error: CodecError, bytes: &[u8]) -> ImageError {
    match error {
        CodecError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            ImageError::Truncated { bytes: bytes.len() }
        }
        CodecError::Unsupported(_) => format.unsupported(error),
        CodecError::Decoding(_) if is_end_of_gif(&error) => {
            ImageError::Truncated { bytes: bytes.len() }
        }
        _ => format.corrupt(error),
    }
}

/// Whether this is how the GIF decoder says that data end early.
fn is_end_of_gif(error: &CodecError) -> bool {
    let cause = error.source().and_then(|cause| cause.source().or(Some(cause)));
    let cause = cause.and_then(|cause| cause.downcast_ref());
    matches!(cause, Some(gif::DecodingError::UnexpectedEof))
}
