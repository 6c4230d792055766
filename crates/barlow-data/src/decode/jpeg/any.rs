//! JPEG of all kinds, by zune-jpeg: baseline and progressive, grey, colour, CMYK and YCCK.
//!
//! CMYK and YCCK become red, green, blue as in Pillow: their samples are taken to be inverted, as
//! Adobe's programs write them, and then `R = C K / 255`.

use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::super::format::Format;
use super::super::limits::at_most;
use super::super::stored::Stored;
use super::super::{DecodeOptions, ImageError, orientation};
use super::{BYTES_PER_PIXEL, structure};
use crate::{DecodedImage, Image};

pub(super) fn decode(bytes: &[u8], options: &DecodeOptions) -> Result<Stored, ImageError> {
    // Not strict: files with a few stray bytes are common, and libjpeg reads them.
    let settings = DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_max_scans(options.max_scans);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), settings);
    let failed = |error| trouble(error, bytes);
    decoder.decode_headers().map_err(failed)?;
    let info = decoder.info().ok_or(ImageError::Truncated { bytes: bytes.len() })?;
    let (width, height) = (usize::from(info.width), usize::from(info.height));
    options.check_size(u64::from(info.width), u64::from(info.height), BYTES_PER_PIXEL)?;
    let scans = structure::count_scans(bytes);
    at_most("scans", scans as u64, options.max_scans as u64)?;
    let (space, channels) = match decoder.input_colorspace() {
        Some(ColorSpace::Luma) => (ColorSpace::Luma, 1),
        _ => (ColorSpace::RGB, 3),
    };
    decoder.set_options(settings.jpeg_set_out_colorspace(space));
    let orientation = orientation::of_exif(decoder.exif().map(Vec::as_slice));
    let mut pixels = vec![0; width * height * channels];
    decoder.decode_into(&mut pixels).map_err(failed)?;
    let image = DecodedImage::U8(Image { width, height, channels, pixels });
    Ok(Stored { image, transparency: None, orientation })
}

fn trouble(error: DecodeErrors, bytes: &[u8]) -> ImageError {
    match error {
        DecodeErrors::ExhaustedData | DecodeErrors::IoErrors(_) => {
            ImageError::Truncated { bytes: bytes.len() }
        }
        DecodeErrors::Unsupported(_) => Format::Jpeg.unsupported(error),
        _ => Format::Jpeg.corrupt(error),
    }
}
