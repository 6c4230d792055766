//! PNG, by the `png` crate: every colour type and depth; of an animation, its still image.
//!
//! Palettes and grey of 1, 2 and 4 bits become 8 bits; transparent colours and palette entries
//! become alpha. Text and colour profiles are not unpacked.

use std::io::{Cursor, ErrorKind};

use png::{BitDepth, ColorType, Decoder, DecodingError, Limits, Transformations};

use super::alpha::Transparency;
use super::format::Format;
use super::stored::Stored;
use super::{DecodeOptions, ImageError, orientation};
use crate::{DecodedImage, Image};

pub(super) fn decode(bytes: &[u8], options: &DecodeOptions) -> Result<Stored, ImageError> {
    let failed = |error| trouble(error, bytes);
    let limits = Limits { bytes: options.max_sample_bytes() as usize };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(Transformations::EXPAND);
    let header = decoder.read_header_info().map_err(failed)?;
    options.check_size(u64::from(header.width), u64::from(header.height), 1)?;
    let mut reader = decoder.read_info().map_err(failed)?;
    let (width, height) = reader.info().size();
    let (color, depth) = reader.output_color_type();
    let channels = color.samples();
    let sample_bytes = if depth == BitDepth::Sixteen { 2 } else { 1 };
    options.check_size(width.into(), height.into(), (channels * sample_bytes) as u64)?;
    let (width, height) = (width as usize, height as usize);
    let mut samples = vec![0; width * height * channels * sample_bytes];
    reader.next_frame(&mut samples).map_err(failed)?;
    let image = if depth == BitDepth::Sixteen {
        let pixels = samples.as_chunks().0.iter().map(|&pair| u16::from_be_bytes(pair)).collect();
        DecodedImage::U16(Image { width, height, channels, pixels })
    } else {
        DecodedImage::U8(Image { width, height, channels, pixels: samples })
    };
    let has_alpha = matches!(color, ColorType::GrayscaleAlpha | ColorType::Rgba);
    let transparency =
        has_alpha.then_some(Transparency { channel: channels - 1, is_premultiplied: false });
    let orientation = orientation::of_exif(reader.info().exif_metadata.as_deref());
    Ok(Stored { image, transparency, orientation })
}

fn trouble(error: DecodingError, bytes: &[u8]) -> ImageError {
    match error {
        DecodingError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            ImageError::Truncated { bytes: bytes.len() }
        }
        _ => Format::Png.corrupt(error),
    }
}
