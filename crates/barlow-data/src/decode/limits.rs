//! What a file may ask for, checked before memory is taken.

use super::{BYTES_PER_PIXEL, DecodeOptions, ImageError};

impl DecodeOptions {
    /// Most bytes that the samples of one image may take.
    pub(super) fn max_sample_bytes(&self) -> u64 {
        self.max_pixels.saturating_mul(BYTES_PER_PIXEL)
    }

    /// Refuses a file of more bytes than are read.
    pub(super) fn check_file_size(&self, bytes: u64) -> Result<(), ImageError> {
        let allowed = self.max_file_bytes;
        if bytes > allowed {
            return Err(ImageError::FileTooLarge { bytes, allowed });
        }
        Ok(())
    }

    /// Refuses an image of more pixels, or more bytes of samples, than are decoded.
    pub(super) fn check_size(
        &self,
        width: u64,
        height: u64,
        bytes_per_pixel: u64,
    ) -> Result<(), ImageError> {
        let allowed = self.max_pixels;
        let pixels = width.saturating_mul(height);
        if pixels > allowed {
            return Err(ImageError::TooManyPixels { width, height, allowed });
        }
        at_most("bytes of samples", pixels.saturating_mul(bytes_per_pixel), self.max_sample_bytes())
    }
}

/// Refuses more than `allowed` of something.
pub(super) fn at_most(what: &'static str, found: u64, allowed: u64) -> Result<(), ImageError> {
    if found > allowed {
        return Err(ImageError::TooMany { what, found, allowed });
    }
    Ok(())
}
