//! The random crop and the centre square.

use barlow_random::Stream;
use serde::{Deserialize, Serialize};

/// A rectangle inside an image, in whole pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CropBox {
    /// First column.
    pub left: usize,
    /// First row.
    pub top: usize,
    /// Columns, at least 1.
    pub width: usize,
    /// Rows, at least 1.
    pub height: usize,
}

impl CropBox {
    /// Tries before the centre crop is taken (torchvision's count).
    const TRIES: usize = 10;

    /// Draws a crop of an image of `[width, height]`: area uniform in `scale` (as a fraction),
    /// width over height log-uniform in `ratio`, place uniform. After ten rectangles that do not
    /// fit, the largest centre crop of an allowed ratio is taken.
    ///
    /// # Panics
    /// If the image has no pixel.
    ///
    /// # Source
    /// torchvision's `RandomResizedCrop.get_params`, with Python's rounding (half to even).
    pub(super) fn draw(
        stream: &mut Stream,
        scale: [f64; 2],
        ratio: [f64; 2],
        [width, height]: [usize; 2],
    ) -> Self {
        assert!(width > 0 && height > 0, "an image of {width} by {height} has no crop");
        let area = (width * height) as f64;
        for _ in 0..Self::TRIES {
            let target_area = area * stream.uniform(scale[0], scale[1]);
            let aspect = stream.uniform(ratio[0].ln(), ratio[1].ln()).exp();
            let w = (target_area * aspect).sqrt().round_ties_even() as usize;
            let h = (target_area / aspect).sqrt().round_ties_even() as usize;
            if (1..=width).contains(&w) && (1..=height).contains(&h) {
                let top = stream.below((height - h + 1) as u64) as usize;
                let left = stream.below((width - w + 1) as u64) as usize;
                return Self { left, top, width: w, height: h };
            }
        }
        let (mut w, mut h) = (width, height);
        let image_ratio = width as f64 / height as f64;
        if image_ratio < ratio[0] {
            h = (width as f64 / ratio[0]).round_ties_even().max(1.0) as usize;
        } else if image_ratio > ratio[1] {
            w = (height as f64 * ratio[1]).round_ties_even().max(1.0) as usize;
        }
        Self { left: (width - w) / 2, top: (height - h) / 2, width: w, height: h }
    }

    /// The centre square of side `size` in an image of `[width, height]`.
    ///
    /// # Source
    /// torchvision's `center_crop`, with Python's rounding (half to even), for images that are
    /// large enough.
    pub(super) fn centre([width, height]: [usize; 2], size: usize) -> Self {
        let start = |length: usize| ((length - size) as f64 / 2.0).round_ties_even() as usize;
        Self { left: start(width), top: start(height), width: size, height: size }
    }
}
