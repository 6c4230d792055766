//! Colour jitter: brightness, contrast, saturation and hue in a drawn order, in place.
//!
//! The first three blend the image with a degenerate form of it, `d + factor * (v - d)` in f32,
//! cut off (not rounded) to 8 bits: black for brightness, the rounded mean luma for contrast, each
//! pixel's own luma for saturation. Hue goes through Pillow's 8-bit HSV and back. On one channel
//! saturation and hue leave the image as it is, as torchvision does. The tests compare with
//! torchvision on Pillow images, saturation and hue on every colour there is.

use barlow_kernels::Isa;
use barlow_kernels::view::ColourStep;
use serde::{Deserialize, Serialize};

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
        let isa = Isa::best();
        // Steps are put off, so that one pass over the pixels takes several; contrast ends a pass,
        // because it needs the luma of all pixels after the steps before it.
        let mut waiting = [ColourStep::Grey; 4];
        let mut count = 0;
        for operation in self.order {
            let step = match operation {
                JitterOperation::Brightness => self.brightness.map(|factor| blend(0, factor)),
                JitterOperation::Contrast => self.contrast.map(|factor| {
                    let sum = pass(isa, pixels, channels, &waiting[..count]);
                    count = 0;
                    let mean = sum as f64 / (pixels.len() / channels) as f64;
                    blend((mean + 0.5) as u8, factor)
                }),
                JitterOperation::Saturation => self
                    .saturation
                    .filter(|_| channels == 3)
                    .map(|factor| ColourStep::Saturate { factor: factor as f32 }),
                JitterOperation::Hue => {
                    self.hue.filter(|_| channels == 3).map(|turns| ColourStep::TurnHue {
                        // Cut off to whole 255ths, wrapping around at 256.
                        shift: ((turns * 255.0) as i32).rem_euclid(256) as u8,
                    })
                }
            };
            if let Some(step) = step {
                waiting[count] = step;
                count += 1;
            }
        }
        if count > 0 {
            pass(isa, pixels, channels, &waiting[..count]);
        }
    }
}

fn blend(towards: u8, factor: f64) -> ColourStep {
    ColourStep::Blend { towards, factor: factor as f32 }
}

/// Takes the pixels through the steps; the sum of their luma afterwards.
fn pass(isa: Isa, pixels: &mut [u8], channels: usize, steps: &[ColourStep]) -> u64 {
    if channels == 3 {
        return barlow_kernels::view::recolour(isa, pixels, steps);
    }
    for step in steps {
        if let ColourStep::Blend { towards, factor } = *step {
            barlow_kernels::view::blend(isa, pixels, towards, factor);
        }
    }
    pixels.iter().map(|&v| u64::from(v)).sum()
}
