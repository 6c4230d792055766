//! Grey, solarise and equalise on f32 planes, in place.

use super::jitter::each_pixel;
use super::planes::luma;

/// Levels of a histogram of numbers.
const LEVELS: usize = 1 << 16;

/// Gives up colour: every sample becomes its pixel's luma. Other counts of channels stay.
pub(super) fn grayscale(planes: &mut [f32], channels: usize) {
    if channels == 3 {
        each_pixel(planes, |pixel| [luma(pixel); 3]);
    }
}

/// Inverts what is 0.5 or brighter (torchvision's `solarize` at a threshold of 0.5).
pub(super) fn solarize(plane: &mut [f32]) {
    for value in plane {
        if *value >= 0.5 {
            *value = 1.0 - *value;
        }
    }
}

/// Spreads the histogram of one plane over 0 to 1: a value becomes the share of those below its
/// level among all that are below the highest level, with 65,536 levels between the lowest and the
/// highest value. A plane of one value stays as it is.
///
/// # Source
/// The formula of Pillow's `ImageOps.equalize`, without its whole-number steps.
pub(super) fn equalize(plane: &mut [f32], histogram: &mut Vec<u32>) {
    let lowest = plane.iter().copied().fold(f32::INFINITY, f32::min);
    let highest = plane.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if lowest >= highest {
        return;
    }
    let scale = (LEVELS - 1) as f64 / (f64::from(highest) - f64::from(lowest));
    let level = |v: f32| ((f64::from(v) - f64::from(lowest)) * scale).round() as usize;
    histogram.clear();
    histogram.resize(LEVELS, 0);
    for &value in &*plane {
        histogram[level(value)] += 1;
    }
    let all = plane.len() as u32 - histogram[LEVELS - 1];
    let mut below = 0;
    for count in &mut *histogram {
        below += std::mem::replace(count, below);
    }
    for value in plane {
        *value = (f64::from(histogram[level(*value)]) / f64::from(all)) as f32;
    }
}
