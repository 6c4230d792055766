//! Gaussian blur as Pillow does it, bit for bit: three extended box filters per direction.
//!
//! A box of fractional radius is a box of whole radius r whose two next neighbours count in part,
//! with weights of 24 fractional bits and the edge pixel repeated outside. Three of them come close
//! to a Gaussian at a cost that does not grow with its width. The tests compare with Pillow.
//!
//! Gwosdek, Grewenig, Bruhn, Weickert: Theoretical foundations of Gaussian convolution by extended
//! box filtering, SSVM 2011, equations 7, 11 and 14.

use barlow_kernels::Isa;
use barlow_kernels::view::{BoxFilter, BoxScratch, box_blur};

/// Passes per direction.
const PASSES: usize = 3;

/// Buffers of [`blur`], kept from image to image.
pub(super) type BlurScratch = BoxScratch;

/// Blurs interleaved pixels of 1 or 3 channels by a standard deviation of `sigma` pixels; 0 changes
/// nothing.
///
/// # Source
/// Pillow's `ImageFilter.GaussianBlur`.
pub(super) fn blur(
    pixels: &mut [u8],
    size: [usize; 2],
    channels: usize,
    sigma: f64,
    scratch: &mut BlurScratch,
) {
    let radius = box_radius(sigma as f32);
    if radius > 0.0 {
        let filter = BoxFilter::new(radius);
        box_blur(Isa::best(), pixels, size, channels, filter, PASSES, scratch);
    }
}

/// The radius of the extended box of which three in a row have variance `sigma` squared.
fn box_radius(sigma: f32) -> f32 {
    let variance = sigma * sigma / PASSES as f32;
    let length = (12.0 * f64::from(variance) + 1.0).sqrt() as f32;
    let whole = ((f64::from(length) - 1.0) / 2.0).floor() as f32;
    let next = whole + 1.0;
    let part =
        (2.0 * whole + 1.0) * (whole * next - 3.0 * variance) / (6.0 * (variance - next * next));
    whole + part
}
