//! Colour jitter of f32 planes: `d + factor * (v - d)` with the same degenerate forms `d` as on
//! 8-bit images, unrounded, and hue turned on the circle itself.
//!
//! Where there are neither 1 nor 3 channels, colour has no meaning: brightness and contrast have a
//! factor for each channel, contrast blends each with its own mean, saturation and hue are left out.

use super::planes::luma;
use crate::views::{Jitter, JitterOperation};

/// Applies the operations to planes of `channels` channels; cuts off at 0 and 1 if `is_bounded`.
pub(super) fn apply(jitter: &Jitter, planes: &mut [f32], channels: usize, is_bounded: bool) {
    let blend = |degenerate: f32, sample: f32, factor: f32| {
        let value = degenerate + factor * (sample - degenerate);
        if is_bounded { value.clamp(0.0, 1.0) } else { value }
    };
    let plane = planes.len() / channels;
    for operation in jitter.order {
        match operation {
            JitterOperation::Brightness => {
                for (channel, plane) in planes.chunks_exact_mut(plane).enumerate() {
                    let factor = jitter.channel_brightness.get(channel).copied();
                    let Some(factor) = factor.or(jitter.brightness) else { continue };
                    for v in plane {
                        *v = blend(0.0, *v, factor as f32);
                    }
                }
            }
            JitterOperation::Contrast => {
                let colour = (channels == 3).then(|| mean_luma(planes));
                for (channel, plane) in planes.chunks_exact_mut(plane).enumerate() {
                    let factor = jitter.channel_contrast.get(channel).copied();
                    let Some(factor) = factor.or(jitter.contrast) else { continue };
                    let degenerate = colour.unwrap_or_else(|| mean(plane.iter().copied()));
                    for v in plane {
                        *v = blend(degenerate, *v, factor as f32);
                    }
                }
            }
            JitterOperation::Saturation => {
                if let Some(factor) = jitter.saturation.filter(|_| channels == 3) {
                    each_pixel(planes, |pixel| {
                        let grey = luma(pixel);
                        pixel.map(|v| blend(grey, v, factor as f32))
                    });
                }
            }
            JitterOperation::Hue => {
                if let Some(shift) = jitter.hue.filter(|_| channels == 3) {
                    each_pixel(planes, |pixel| turn_hue(pixel, shift as f32));
                }
            }
        }
    }
}

/// Changes pixels of three planes one by one.
pub(super) fn each_pixel(planes: &mut [f32], change: impl Fn([f32; 3]) -> [f32; 3]) {
    let (red, others) = planes.split_at_mut(planes.len() / 3);
    let (green, blue) = others.split_at_mut(red.len());
    for ((r, g), b) in red.iter_mut().zip(green).zip(blue) {
        [*r, *g, *b] = change([*r, *g, *b]);
    }
}

fn mean(values: impl ExactSizeIterator<Item = f32>) -> f32 {
    let count = values.len() as f64;
    (values.map(f64::from).sum::<f64>() / count) as f32
}

fn mean_luma(planes: &[f32]) -> f32 {
    let plane = planes.len() / 3;
    mean((0..plane).map(|i| luma([planes[i], planes[i + plane], planes[i + 2 * plane]])))
}

/// Turns the hue by a fraction of the circle. The strongest channel keeps its strength, and so does
/// the weakest, which is what turning the hue of HSV comes to; so any numbers have a hue.
fn turn_hue([r, g, b]: [f32; 3], shift: f32) -> [f32; 3] {
    let (highest, lowest) = (r.max(g).max(b), r.min(g).min(b));
    let spread = highest - lowest;
    if spread <= 0.0 {
        return [r, g, b];
    }
    let sixths = if r >= highest {
        (g - b) / spread
    } else if g >= highest {
        2.0 + (b - r) / spread
    } else {
        4.0 + (r - g) / spread
    };
    let sixths = (sixths + shift * 6.0).rem_euclid(6.0);
    let level = |share: f32| lowest + spread * share.clamp(0.0, 1.0);
    [
        level((sixths - 3.0).abs() - 1.0),
        level(2.0 - (sixths - 2.0).abs()),
        level(2.0 - (sixths - 4.0).abs()),
    ]
}
