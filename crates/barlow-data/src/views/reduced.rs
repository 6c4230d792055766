//! Views of images that were decoded at a half, a quarter or an eighth of their size, because no crop
//! needs more: of large photographs most of the work is decoding.

use super::{CropBox, SampleRange, Scratch, ViewKey, ViewPipeline};
use crate::DecodedImage;
use crate::decode::{ReducedImage, Reduction};

/// The pixels along each axis that a reduced crop keeps for each of its view's: views differ by some
/// tenths of a level in the mean from those of the whole image, see [`ViewPipeline::reduction`].
const PIXELS_KEPT: usize = 2;

/// An image, and which part of the whole one its pixels are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) image: &'a DecodedImage,
    pub(super) whole_size: [usize; 2],
    pub(super) divisor: usize,
}

impl<'a> Part<'a> {
    pub(super) fn whole(image: &'a DecodedImage) -> Self {
        Self { image, whole_size: [image.width(), image.height()], divisor: 1 }
    }
}

/// The strongest reduction that leaves `[width, height]` pixels enough for a view of `side`.
fn strongest(pixels: [usize; 2], side: usize) -> Reduction {
    let is_enough =
        |by: &Reduction| pixels.iter().all(|&length| length >= PIXELS_KEPT * side * by.divisor());
    Reduction::ALL.into_iter().find(is_enough).unwrap_or_default()
}

impl ViewPipeline {
    /// How far an image of `[width, height]`, `size`, may be reduced before the views of a sample are
    /// made of it with [`Self::render_reduced`]: as far as every crop keeps twice the pixels of its view
    /// along both axes. Of images that are not made with 8 bits, not at all. `key.view` does not matter.
    ///
    /// # Panics
    /// If the image has no pixel.
    pub fn reduction(&self, key: ViewKey, size: [usize; 2]) -> Reduction {
        if !self.is_plain() {
            return Reduction::None;
        }
        let mut reduction = Reduction::Eighth;
        for (view, config) in self.config.views.iter().enumerate() {
            let [_, side, _] = self.shape(view);
            // Most images are too small for any crop, and nothing need be drawn.
            reduction = reduction.min(strongest(size, side));
            if reduction == Reduction::None {
                break;
            }
            let CropBox { width, height, .. } = config.draw_crop(ViewKey { view, ..key }, size);
            reduction = reduction.min(strongest([width, height], side));
        }
        reduction
    }

    /// [`Self::render_in`] for an image that may be reduced. Crops are drawn for the whole image; a
    /// reduced one is resized from where they begin and end, between its pixels too.
    ///
    /// # Panics
    /// As [`Self::render`], and if the image is reduced although its views are not made with 8 bits.
    pub fn render_reduced(
        &self,
        image: &ReducedImage,
        range: SampleRange,
        key: ViewKey,
        scratch: &mut Scratch,
        out: &mut [f32],
    ) {
        let ReducedImage { image, whole_size, reduction } = image;
        let part = Part { image, whole_size: *whole_size, divisor: reduction.divisor() };
        self.render_part(part, range, key, scratch, out);
    }
}
