//! Interleaved samples of any depth to f32 planes, and back to bytes for showing.

use crate::views::crop::CropBox;
use crate::views::range::SampleRange;
use crate::{DecodedImage, Image};

/// The luma of red, green, blue: ITU-R 601-2, the weights that Pillow has.
pub(super) fn luma([r, g, b]: [f32; 3]) -> f32 {
    0.299 * r + 0.587 * g + 0.114 * b
}

/// An area of an image, mapped, as planes `[channels, area.height, area.width]`. One channel is
/// repeated to three, three become their luma where one is wanted.
///
/// # Panics
/// If the image has another number of channels than these.
pub(super) fn planes(
    image: &DecodedImage,
    range: SampleRange,
    area: CropBox,
    channels: usize,
    out: &mut Vec<f32>,
) {
    // Every sample is overwritten, so nothing is cleared.
    out.resize(channels * area.width * area.height, 0.0);
    match image {
        DecodedImage::U8(image) => fill(image, |v| range.map(v.into()), area, channels, out),
        DecodedImage::U16(image) => fill(image, |v| range.map(v.into()), area, channels, out),
        DecodedImage::F32(image) => fill(image, |v| range.map(v.into()), area, channels, out),
    }
}

fn fill<T: Copy>(
    image: &Image<T>,
    map: impl Fn(T) -> f32,
    area: CropBox,
    channels: usize,
    out: &mut [f32],
) {
    let from = image.channels;
    for (channel, plane) in out.chunks_exact_mut(area.width * area.height).enumerate() {
        for (y, values) in plane.chunks_exact_mut(area.width).enumerate() {
            let start = ((area.top + y) * image.width + area.left) * from;
            let row = &image.pixels[start..start + area.width * from];
            for (value, pixel) in values.iter_mut().zip(row.chunks_exact(from)) {
                *value = match (from, channels) {
                    (1, 3) => map(pixel[0]),
                    (3, 1) => luma([map(pixel[0]), map(pixel[1]), map(pixel[2])]),
                    _ => map(pixel[channel]),
                };
            }
        }
    }
}

/// All of an image with 8 bits a sample, 0 and 255 being the ends of the range, in the channels
/// that it has.
pub(in crate::views) fn to_8_bit(image: &DecodedImage, range: SampleRange) -> Image {
    let byte = |v: f32| (v * 255.0 + 0.5) as u8;
    match image {
        DecodedImage::U8(image) => image.map(|v| byte(range.map(v.into()))),
        DecodedImage::U16(image) => image.map(|v| byte(range.map(v.into()))),
        DecodedImage::F32(image) => image.map(|v| byte(range.map(v.into()))),
    }
}

/// Planes `[c, h, w]` as an image of interleaved pixels.
pub(in crate::views) fn interleaved(
    planes: &[f32],
    [channels, height, width]: [usize; 3],
) -> Image<f32> {
    let plane = height * width;
    let pixels = (0..planes.len()).map(|i| planes[i % channels * plane + i / channels]).collect();
    Image { width, height, channels, pixels }
}

/// `(v - mean) / std` per channel, in f32.
pub(in crate::views) fn normalise(planes: &[f32], mean: &[f32], std: &[f32], out: &mut [f32]) {
    let plane = planes.len() / mean.len();
    let channels = planes.chunks_exact(plane).zip(out.chunks_exact_mut(plane));
    for ((values, out), (mean, std)) in channels.zip(mean.iter().zip(std)) {
        for (out, value) in out.iter_mut().zip(values) {
            *out = (value - mean) / std;
        }
    }
}
