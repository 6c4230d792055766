//! The views of images that 8 bits do not hold: 16-bit and float samples, any number of channels,
//! or a range of the user's choice.
//!
//! The same operations in the same order as on 8-bit images, on f32 planes `[c, h, w]` where 0 and
//! 1 are the ends of the range, and without rounding. Resizing is Pillow's on its mode F, bit for
//! bit; colour is torchvision's on float tensors, but for the luma, which has Pillow's weights;
//! blur is the extended box of the 8-bit one. Where the range is bounded, what an operation takes
//! beyond 0 to 1 is cut off, as it is on 8-bit images.

mod blur;
mod jitter;
mod planes;
mod resize;
mod tone;

use super::crop::CropBox;
use super::filter::Filter;
use super::range::SampleRange;
use super::{ViewParameters, geometry, shuffle};
use crate::DecodedImage;

pub(super) use planes::{interleaved, normalise, to_8_bit};

/// Buffers of [`make`], kept from image to image.
#[derive(Debug, Default)]
pub(super) struct DeepScratch {
    /// The view that was made, `[c, h, w]`.
    pub(super) view: Vec<f32>,
    source: Vec<f32>,
    resize: resize::ResizeScratch,
    blur: blur::BlurScratch,
    equalize: Vec<u32>,
}

/// Makes a view of `side` by `side` pixels and leaves it in `scratch.view`.
pub(super) fn make(
    image: &DecodedImage,
    range: SampleRange,
    parameters: &ViewParameters,
    [channels, side]: [usize; 2],
    scratch: &mut DeepScratch,
) {
    let whole = CropBox { left: 0, top: 0, width: side, height: side };
    let resizing = Resizing { filter: Filter::Bicubic, to: [side, side], window: whole };
    resized(image, range, parameters.crop, channels, resizing, scratch);
    let plane = side * side;
    let DeepScratch { view, blur: blur_buffers, equalize, .. } = scratch;
    for plane in view.chunks_exact_mut(plane) {
        if parameters.flip {
            geometry::flip(plane, side);
        }
        if parameters.vertical_flip {
            geometry::flip_vertically(plane, side);
        }
        geometry::turn(plane, side, parameters.quarter_turns);
    }
    if let Some(jitter) = &parameters.jitter {
        jitter::apply(jitter, view, channels, range.is_bounded);
    }
    if parameters.grayscale {
        tone::grayscale(view, channels);
    }
    for plane in view.chunks_exact_mut(plane) {
        if let Some(sigma) = parameters.blur_sigma {
            blur::blur(plane, side, sigma, blur_buffers);
        }
        if parameters.solarize {
            tone::solarize(plane);
        }
        if parameters.equalize {
            tone::equalize(plane, equalize);
        }
        if let Some(number) = parameters.shuffle {
            shuffle::shuffle(plane, number);
        }
    }
}

/// Where a view comes from in a resized image.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resizing {
    pub(super) filter: Filter,
    /// `[width, height]` that the area is resized to.
    pub(super) to: [usize; 2],
    /// The part of the result that is wanted.
    pub(super) window: CropBox,
}

/// Maps an area of an image and resizes it; leaves the window in `scratch.view`.
pub(super) fn resized(
    image: &DecodedImage,
    range: SampleRange,
    area: CropBox,
    channels: usize,
    Resizing { filter, to, window }: Resizing,
    scratch: &mut DeepScratch,
) {
    let DeepScratch { view, source, resize: buffers, .. } = scratch;
    planes::planes(image, range, area, channels, source);
    resize::resize(source, [area.width, area.height], filter, to, window, buffers, view);
    if range.is_bounded {
        for value in view {
            *value = value.clamp(0.0, 1.0);
        }
    }
}
