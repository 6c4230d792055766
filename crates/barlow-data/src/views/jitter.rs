//! Colour jitter: brightness, contrast, saturation and hue in a drawn order, in place.
//!
//! The first three blend the image with a degenerate form of it, `d + factor * (v - d)` in f32,
//! cut off (not rounded) to 8 bits: black for brightness, the rounded mean luma for contrast, each
//! pixel's own luma for saturation. Hue goes through Pillow's 8-bit HSV and back. On one channel
//! saturation and hue leave the image as it is, as torchvision does. The tests compare with
//! torchvision on Pillow images, saturation and hue on every colour there is.

use serde::{Deserialize, Serialize};

use crate::image::luma;

/// One of the four colour operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JitterOperation {
    /// Blend with black.
    Brightness,
    /// Blend with the mean luma.
    Contrast,
    /// Blend with the luma of each pixel.
    Saturation,
    /// Turn the colour circle.
    Hue,
}

impl JitterOperation {
    /// All four, in torchvision's order.
    pub const ALL: [Self; 4] = [Self::Brightness, Self::Contrast, Self::Saturation, Self::Hue];
}

/// What was drawn for colour jitter; an operation without a value is off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jitter {
    /// The order in which the operations run.
    pub order: [JitterOperation; 4],
    /// Brightness factor: 0 is black, 1 changes nothing.
    pub brightness: Option<f64>,
    /// Contrast factor: 0 is flat grey, 1 changes nothing.
    pub contrast: Option<f64>,
    /// Saturation factor: 0 is without colour, 1 changes nothing.
    pub saturation: Option<f64>,
    /// Hue shift as a fraction of the colour circle, -0.5 to 0.5.
    pub hue: Option<f64>,
    /// Brightness factor of each channel, where there are neither 1 nor 3; else empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channel_brightness: Vec<f64>,
    /// Contrast factor of each channel, where there are neither 1 nor 3; else empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channel_contrast: Vec<f64>,
}

impl Jitter {
    /// Applies the operations to interleaved pixels of 1 or 3 channels.
    pub(super) fn apply(&self, pixels: &mut [u8], channels: usize) {
        for operation in self.order {
            let factor = match operation {
                JitterOperation::Brightness => self.brightness,
                JitterOperation::Contrast => self.contrast,
                JitterOperation::Saturation => self.saturation.filter(|_| channels == 3),
                JitterOperation::Hue => self.hue.filter(|_| channels == 3),
            };
            let Some(factor) = factor else { continue };
            match operation {
                JitterOperation::Brightness => blend_with(pixels, 0, factor),
                JitterOperation::Contrast => {
                    blend_with(pixels, mean_luma(pixels, channels), factor);
                }
                JitterOperation::Saturation => saturate(pixels, factor),
                JitterOperation::Hue => turn_hue(pixels, factor),
            }
        }
    }
}

/// `degenerate + factor * (sample - degenerate)`, cut off to 0 to 255.
fn blend(degenerate: u8, sample: u8, factor: f32) -> u8 {
    let difference = i16::from(sample) - i16::from(degenerate);
    (f32::from(degenerate) + factor * f32::from(difference)) as u8
}

/// Blends every sample with one value.
fn blend_with(pixels: &mut [u8], degenerate: u8, factor: f64) {
    let table: [u8; 256] = std::array::from_fn(|v| blend(degenerate, v as u8, factor as f32));
    for sample in pixels {
        *sample = table[usize::from(*sample)];
    }
}

/// The mean luma, rounded.
fn mean_luma(pixels: &[u8], channels: usize) -> u8 {
    let sum: u64 = if channels == 1 {
        pixels.iter().map(|&v| u64::from(v)).sum()
    } else {
        pixels.as_chunks::<3>().0.iter().map(|pixel| u64::from(luma(pixel))).sum()
    };
    (sum as f64 / (pixels.len() / channels) as f64 + 0.5) as u8
}

fn saturate(pixels: &mut [u8], factor: f64) {
    for pixel in pixels.as_chunks_mut::<3>().0 {
        let grey = luma(pixel);
        *pixel = pixel.map(|v| blend(grey, v, factor as f32));
    }
}

/// Turns the hue by a fraction of the circle, cut off to whole 255ths, wrapping around at 256.
fn turn_hue(pixels: &mut [u8], shift: f64) {
    let shift = ((shift * 255.0) as i32).rem_euclid(256) as u8;
    let sectors: [Sector; 256] = std::array::from_fn(|hue| Sector::new(hue as u8));
    for pixel in pixels.as_chunks_mut::<3>().0 {
        let [hue, saturation, value] = to_hsv(*pixel);
        *pixel = sectors[usize::from(hue.wrapping_add(shift))].to_rgb(saturation, value);
    }
}

/// Red, green, blue to hue, saturation, value in 255ths, cut off; f32 and f64 where Pillow has them.
fn to_hsv([r, g, b]: [u8; 3]) -> [u8; 3] {
    let (highest, lowest) = (r.max(g).max(b), r.min(g).min(b));
    if highest == lowest {
        return [0, 0, highest];
    }
    let spread = f32::from(highest - lowest);
    let saturation = spread / f32::from(highest);
    // Sixths of the circle from the strongest channel, by the distances of the other two.
    let (start, plus, minus) = if r == highest {
        (0.0, b, g)
    } else if g == highest {
        (2.0, r, b)
    } else {
        (4.0, g, r)
    };
    let distance = |v: u8| f64::from(f32::from(highest - v) / spread);
    let sixths = (start + distance(plus) - distance(minus)) as f32;
    let turns = f64::from(sixths) / 6.0 + 1.0;
    let hue = (if turns >= 1.0 { turns - 1.0 } else { turns }) as f32;
    [(f64::from(hue) * 255.0) as u8, (f64::from(saturation) * 255.0) as u8, highest]
}

/// What a hue means for the way back: which sixth of the circle, and how far inside it.
#[derive(Debug, Clone, Copy)]
struct Sector {
    number: u8,
    inside: f32,
}

impl Sector {
    /// Which of value, t, p, q each channel takes, by sector.
    const CHANNELS: [[usize; 3]; 6] =
        [[0, 1, 2], [3, 0, 2], [2, 0, 1], [2, 3, 0], [1, 2, 0], [0, 2, 3]];

    fn new(hue: u8) -> Self {
        let sixths = f64::from(hue) * 6.0 / 255.0;
        let number = sixths.floor();
        Self { number: number as u8 % 6, inside: (sixths - number) as f32 }
    }

    fn to_rgb(self, saturation: u8, value: u8) -> [u8; 3] {
        if saturation == 0 {
            return [value; 3];
        }
        let strength = (f64::from(saturation) / 255.0) as f32;
        let dim = |by: f64| (f64::from(value) * (1.0 - by) + 0.5) as u8;
        let (strength, inside) = (f64::from(strength), f64::from(self.inside));
        let p = dim(strength);
        let q = dim(f64::from((strength * inside) as f32));
        let t = dim(strength * (1.0 - inside));
        let levels = [value, t, p, q];
        Self::CHANNELS[usize::from(self.number)].map(|level| levels[level])
    }
}
