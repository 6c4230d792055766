//! JPEG: the usual kind by our own decoder (`sequential`), all others by zune-jpeg (`any`).

mod any;
mod sequential;
mod structure;

use barlow_kernels::jpeg::BlockSide;

pub(super) use structure::{frame_size, is_cut_off};

use super::stored::Stored;
use super::{DecodeOptions, ImageError};

/// A progressive decoder keeps a 16-bit coefficient for each of up to four samples of a pixel.
const BYTES_PER_PIXEL: u64 = 8;

pub(super) fn decode(bytes: &[u8], options: &DecodeOptions) -> Result<Stored, ImageError> {
    if is_cut_off(bytes) {
        return Err(ImageError::Truncated { bytes: bytes.len() });
    }
    match sequential::decode(bytes, options, BlockSide::Eight)? {
        Some(stored) => Ok(stored),
        None => any::decode(bytes, options),
    }
}
