//! The views against Pillow and torchvision, and against the laws they are drawn from.
//!
//! The reference values are made by `reference/views.py`; comparisons are exact where no tolerance
//! is named.

mod cases;
mod deep;
mod distribution;
mod draws;
mod fixtures;
mod mix;
mod reduced;
mod settings;
mod whole;

use super::{RangeConfig, ViewConfig, ViewPipeline, ViewPipelineConfig};
use crate::{DecodedImage, Image};

/// The formula of `picture` in `reference/views.py`.
fn picture(width: usize, height: usize, channels: usize, cell: u32) -> Image {
    let mut image = Image::new(width, height, channels);
    for y in 0..height {
        for x in 0..width {
            for c in 0..channels {
                let (x_cell, y_cell) = (x >> cell, y >> cell);
                let sample = (x_cell * 37 + y_cell * 91 + c * 53)
                    ^ (x_cell * y_cell * 7 + ((x_cell * x_cell) >> 2) + c * 29);
                image.pixels[(y * width + x) * channels + c] = sample as u8;
            }
        }
    }
    image
}

/// The 16-bit picture: the formula of `deep_picture` in `reference/views.py`.
fn deep_picture(width: usize, height: usize, channels: usize, cell: u32) -> Image<u16> {
    let high = picture(width, height, channels, cell);
    let pixels = high.pixels.iter().enumerate().map(|(i, &high)| {
        let (x, y) = (i / channels % width, i / channels / width);
        let low = (usize::from(high) * 37 + x * 11 + y * 5) & 255;
        u16::from(high) << 8 | low as u16
    });
    Image { width, height, channels, pixels: pixels.collect() }
}

/// The image, which must be an 8-bit one.
fn bytes(image: &DecodedImage) -> Image {
    match image {
        DecodedImage::U8(image) => image.clone(),
        other => panic!("not 8-bit: {other:?}"),
    }
}

/// The official views, with mean and deviation of ImageNet for up to three channels.
fn config(image_size: usize, channels: usize, resize: Option<usize>) -> ViewPipelineConfig {
    let views = [ViewConfig::official_a(), ViewConfig::official_b()];
    ViewPipelineConfig {
        image_size,
        channels,
        mean: [0.485, 0.456, 0.406].into_iter().cycle().take(channels).collect(),
        std: [0.229, 0.224, 0.225].into_iter().cycle().take(channels).collect(),
        resize,
        range: RangeConfig::Full,
        evaluation_shuffle: None,
        views: views.map(|view| view.for_channels(channels)).to_vec(),
    }
}

fn pipeline(image_size: usize, channels: usize, resize: Option<usize>) -> ViewPipeline {
    ViewPipeline::new(config(image_size, channels, resize)).expect("the settings are right")
}
