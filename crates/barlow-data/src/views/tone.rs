//! Operations that need no arithmetic to speak of: grey, solarise; in place.

use barlow_kernels::Isa;
use barlow_kernels::view::{ColourStep, recolour};

/// Gives up colour: every sample becomes its pixel's luma. One channel stays as it is.
pub(super) fn grayscale(pixels: &mut [u8], channels: usize) {
    if channels == 3 {
        recolour(Isa::best(), pixels, &[ColourStep::Grey]);
    }
}

/// Inverts what is 128 or brighter (Pillow's `ImageOps.solarize` at its default threshold).
pub(super) fn solarize(pixels: &mut [u8]) {
    for sample in pixels {
        *sample = (*sample).min(255 - *sample);
    }
}
