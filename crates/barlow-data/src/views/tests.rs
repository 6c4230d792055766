//! The views against Pillow and torchvision, and against the laws they are drawn from.
//!
//! The reference values are made by `reference/views.py`; all comparisons are exact.

mod distribution;
mod fixtures;

use super::{ViewConfig, ViewPipeline, ViewPipelineConfig};
use crate::Image;

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

fn pipeline(image_size: usize, channels: usize, resize: Option<usize>) -> ViewPipeline {
    let views = [ViewConfig::official_a(), ViewConfig::official_b()];
    ViewPipeline::new(ViewPipelineConfig {
        image_size,
        channels,
        mean: [0.485, 0.456, 0.406][..channels].to_vec(),
        std: [0.229, 0.224, 0.225][..channels].to_vec(),
        resize,
        views: views.map(|view| view.for_channels(channels)).to_vec(),
    })
    .expect("the settings are right")
}
