//! Alpha out of an image: dropped, or the image laid over a grey.

use super::{Alpha, DecodeOptions};
use crate::Image;

/// Where the alpha of an image is, and what colour beside it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Transparency {
    /// The channel that is alpha.
    pub(super) channel: usize,
    /// Whether colour is stored multiplied by alpha ("associated").
    pub(super) is_premultiplied: bool,
}

/// A sample with a value that means "all of it".
pub(super) trait Sample: Copy + Default + Into<f64> {
    /// Full colour, or opaque.
    const FULL: f64;
    /// The nearest sample.
    fn nearest(value: f64) -> Self;
}

impl Sample for u8 {
    const FULL: f64 = 255.0;
    fn nearest(value: f64) -> Self {
        (value + 0.5) as u8
    }
}

impl Sample for u16 {
    const FULL: f64 = 65_535.0;
    fn nearest(value: f64) -> Self {
        (value + 0.5) as u16
    }
}

impl Sample for f32 {
    const FULL: f64 = 1.0;
    fn nearest(value: f64) -> Self {
        value as f32
    }
}

/// The image without its alpha channel, dropped or composited as `options` say.
pub(super) fn resolve<T: Sample>(
    image: &Image<T>,
    transparency: Transparency,
    options: &DecodeOptions,
) -> Image<T> {
    let Image { width, height, channels, .. } = *image;
    let Transparency { channel: at, is_premultiplied } = transparency;
    let background = f64::from(options.alpha_background) * T::FULL;
    let mut pixels = Vec::with_capacity(width * height * (channels - 1));
    for pixel in image.pixels.chunks_exact(channels) {
        let alpha = pixel[at].into() / T::FULL;
        let colour = pixel[..at].iter().chain(&pixel[at + 1..]);
        match (options.alpha, is_premultiplied) {
            (Alpha::Drop, false) => pixels.extend(colour),
            // What is wholly transparent has no colour left: it stays black.
            (Alpha::Drop, true) if alpha <= 0.0 => pixels.extend(colour),
            (Alpha::Drop, true) => {
                pixels.extend(colour.map(|&c| T::nearest((c.into() / alpha).min(T::FULL))));
            }
            (Alpha::Composite, false) => pixels
                .extend(colour.map(|&c| T::nearest(alpha * c.into() + (1.0 - alpha) * background))),
            (Alpha::Composite, true) => pixels.extend(
                colour.map(|&c| T::nearest((c.into() + (1.0 - alpha) * background).min(T::FULL))),
            ),
        }
    }
    Image { width, height, channels: channels - 1, pixels }
}
