//! Random erasing: a rectangle of the normalised view becomes 0, which is the mean.

use barlow_random::Stream;

use super::crop::CropBox;
use crate::{DecodedImage, Image};

/// torchvision's `scale`.
pub(super) fn default_scale() -> [f64; 2] {
    [0.02, 0.33]
}

/// torchvision's `ratio`.
pub(super) fn default_ratio() -> [f64; 2] {
    [0.3, 3.3]
}

impl CropBox {
    /// Tries before nothing is erased (torchvision's count).
    const ERASE_TRIES: usize = 10;

    /// Draws a rectangle to erase from a view of `[width, height]`: area uniform in `scale` (as a
    /// fraction), height over width log-uniform in `ratio`, place uniform. None after ten rectangles
    /// as wide or as high as the view, or where the rectangle rounds to nothing.
    ///
    /// # Source
    /// torchvision's `RandomErasing.get_params`, with Python's rounding (half to even).
    pub(super) fn draw_erased(
        stream: &mut Stream,
        scale: [f64; 2],
        ratio: [f64; 2],
        [width, height]: [usize; 2],
    ) -> Option<Self> {
        let area = (width * height) as f64;
        for _ in 0..Self::ERASE_TRIES {
            let target_area = area * stream.uniform(scale[0], scale[1]);
            let aspect = stream.uniform(ratio[0].ln(), ratio[1].ln()).exp();
            let h = (target_area * aspect).sqrt().round_ties_even() as usize;
            let w = (target_area / aspect).sqrt().round_ties_even() as usize;
            if h < height && w < width {
                let top = stream.below((height - h + 1) as u64) as usize;
                let left = stream.below((width - w + 1) as u64) as usize;
                return (w > 0 && h > 0).then_some(Self { left, top, width: w, height: h });
            }
        }
        None
    }
}

/// Sets a rectangle of planes of `[height, width]`, `width` given, to 0.
pub(super) fn erase(planes: &mut [f32], [height, width]: [usize; 2], area: CropBox) {
    for plane in planes.chunks_exact_mut(height * width) {
        for row in plane.chunks_exact_mut(width).skip(area.top).take(area.height) {
            row[area.left..area.left + area.width].fill(0.0);
        }
    }
}

/// Sets a rectangle of a view that is not normalised yet to the mean, for showing it.
pub(super) fn erase_to_mean(view: &mut DecodedImage, area: CropBox, mean: &[f32]) {
    match view {
        DecodedImage::U8(view) => fill(view, area, |c| (mean[c] * 255.0 + 0.5) as u8),
        DecodedImage::U16(view) => fill(view, area, |c| (mean[c] * 65_535.0 + 0.5) as u16),
        DecodedImage::F32(view) => fill(view, area, |c| mean[c]),
    }
}

fn fill<T>(view: &mut Image<T>, area: CropBox, value: impl Fn(usize) -> T) {
    let row_samples = view.width * view.channels;
    for row in view.pixels.chunks_exact_mut(row_samples).skip(area.top).take(area.height) {
        let pixels = row.chunks_exact_mut(view.channels).skip(area.left).take(area.width);
        for (channel, sample) in pixels.flat_map(|pixel| pixel.iter_mut().enumerate()) {
            *sample = value(channel);
        }
    }
}
