//! The views of 8-bit images of 1 or 3 channels at their full range: 8 bits from the crop to the
//! last pass, bit for bit as Pillow and torchvision.

use super::blur::{BlurScratch, blur};
use super::crop::CropBox;
use super::equalize::equalize;
use super::filter::{Filter, Span};
use super::resize::{Region, ResizeScratch, resize, resize_mirrored};
use super::{ViewParameters, geometry, shuffle, tone};
use crate::Image;

/// Buffers of [`make`], kept from image to image.
#[derive(Debug, Default)]
pub(super) struct ByteScratch {
    /// The view that was made, `[h, w, c]`.
    pub(super) view: Vec<u8>,
    converted: Vec<u8>,
    resize: ResizeScratch,
    blur: BlurScratch,
}

/// Makes a view of `side` by `side` pixels and leaves it in `scratch.view`. The parameters are of an
/// image that has `divisor` times the columns and rows.
pub(super) fn make(
    image: &Image,
    divisor: usize,
    parameters: &ViewParameters,
    [channels, side]: [usize; 2],
    scratch: &mut ByteScratch,
) {
    let whole = CropBox { left: 0, top: 0, width: side, height: side };
    let ByteScratch { view, converted, resize: buffers, blur: blur_buffers } = scratch;
    let (area, spans) = part(image, divisor, parameters.crop);
    let source = Region { spans, ..region(image, area, channels, converted) };
    let to = [side, side];
    resize_mirrored(source, Filter::Bicubic, to, whole, parameters.flip, buffers, view);
    if channels == 3 {
        turn(view.as_chunks_mut::<3>().0, side, parameters);
    } else {
        turn(view, side, parameters);
    }
    if let Some(jitter) = &parameters.jitter {
        jitter.apply(view, channels);
    }
    if parameters.grayscale {
        tone::grayscale(view, channels);
    }
    if let Some(sigma) = parameters.blur_sigma {
        blur(view, [side, side], channels, sigma, blur_buffers);
    }
    if parameters.solarize {
        tone::solarize(view);
    }
    if parameters.equalize {
        equalize(view, channels);
    }
    if let Some(number) = parameters.shuffle {
        shuffle_pixels(view, channels, number);
    }
}

/// The pixels of a crop of the image at `divisor` times its size, and which part of them it is.
fn part(image: &Image, divisor: usize, crop: CropBox) -> (CropBox, [Span; 2]) {
    let span = |start: usize, length: usize, whole: usize| {
        let first = start / divisor;
        let end = (start + length).div_ceil(divisor).min(whole);
        let begin = (start - first * divisor) as f64 / divisor as f64;
        let span = Span { pixels: end - first, begin, length: length as f64 / divisor as f64 };
        (first, span)
    };
    let (left, columns) = span(crop.left, crop.width, image.width);
    let (top, rows) = span(crop.top, crop.height, image.height);
    (CropBox { left, top, width: columns.pixels, height: rows.pixels }, [columns, rows])
}

fn turn<P>(pixels: &mut [P], side: usize, parameters: &ViewParameters) {
    if parameters.vertical_flip {
        geometry::flip_vertically(pixels, side);
    }
    geometry::turn(pixels, side, parameters.quarter_turns);
}

/// Puts whole pixels into the permutation of that number.
pub(super) fn shuffle_pixels(view: &mut [u8], channels: usize, number: u64) {
    if channels == 3 {
        shuffle::shuffle(view.as_chunks_mut::<3>().0, number);
    } else {
        shuffle::shuffle(view, number);
    }
}

/// Resizes an area of the image to `to` (`[width, height]`); leaves the window in `scratch.view`.
pub(super) fn resized(
    image: &Image,
    area: CropBox,
    channels: usize,
    filter: Filter,
    to: [usize; 2],
    window: CropBox,
    scratch: &mut ByteScratch,
) {
    let ByteScratch { view, converted, resize: buffers, .. } = scratch;
    let region = region(image, area, channels, converted);
    resize(region, filter, to, window, buffers, view);
}

/// A part of the image in the channels of the views. Conversion works pixel by pixel, so only that
/// part is converted.
fn region<'a>(
    image: &'a Image,
    area: CropBox,
    channels: usize,
    converted: &'a mut Vec<u8>,
) -> Region<'a> {
    if image.channels == channels {
        return Region::of_area(&image.pixels, image.width, channels, area);
    }
    converted.clear();
    for y in area.top..area.top + area.height {
        let start = (y * image.width + area.left) * image.channels;
        let row = &image.pixels[start..start + area.width * image.channels];
        if channels == 1 {
            converted.extend(row.chunks_exact(image.channels).map(crate::image::luma));
        } else {
            converted.extend(row.iter().flat_map(|&grey| [grey; 3]));
        }
    }
    Region::whole(converted, [area.width, area.height], channels)
}
