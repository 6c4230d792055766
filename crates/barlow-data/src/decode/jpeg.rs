//! JPEG: the usual kind by our own decoder (`sequential`), all others by zune-jpeg (`any`).

mod any;
mod sequential;
mod structure;

pub(super) use structure::{frame_size, is_cut_off};

use super::{ChooseReduction, DecodeOptions, ImageError, ReducedImage};

/// A progressive decoder keeps a 16-bit coefficient for each of up to four samples of a pixel.
const BYTES_PER_PIXEL: u64 = 8;

pub(super) fn decode(
    bytes: &[u8],
    options: &DecodeOptions,
    choose: &ChooseReduction<'_>,
) -> Result<ReducedImage, ImageError> {
    if is_cut_off(bytes) {
        return Err(ImageError::Truncated { bytes: bytes.len() });
    }
    match sequential::decode(bytes, options, choose)? {
        Some(image) => Ok(image),
        None => Ok(ReducedImage::whole(any::decode(bytes, options)?.finish(options)?)),
    }
}
