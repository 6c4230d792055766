//! What the `tiff` crate unpacks, as interleaved samples of a depth of ours.

use tiff::decoder::{BufferLayoutPreference, DecodingResult, DecodingSampleType};

use crate::{DecodedImage, Image};

/// Bytes of a sample as it is kept.
pub(super) fn kept_bytes(layout: &BufferLayoutPreference) -> u64 {
    match layout.sample_type {
        Some(DecodingSampleType::U8) => 1,
        Some(DecodingSampleType::U16) => 2,
        _ => 4,
    }
}

/// The image of what was unpacked; `None` for depths that are not read.
///
/// # Shapes
/// `[height, width, channels]`; planes come one after the other and are interleaved here.
pub(super) fn image(
    result: DecodingResult,
    layout: &BufferLayoutPreference,
    shape: [usize; 3],
    bits: u8,
) -> Option<DecodedImage> {
    let [height, width, channels] = shape;
    let in_plane = channels / layout.planes.max(1);
    let floats = |pixels| DecodedImage::F32(interleaved(pixels, shape, layout.planes));
    Some(match result {
        DecodingResult::U8(packed) if bits < 8 => {
            let row = width * in_plane;
            let pixels = unpacked(&packed, height * layout.planes.max(1), row, bits);
            DecodedImage::U8(interleaved(pixels, shape, layout.planes))
        }
        DecodingResult::U8(pixels) => DecodedImage::U8(interleaved(pixels, shape, layout.planes)),
        DecodingResult::U16(pixels) if bits == 16 => {
            DecodedImage::U16(interleaved(pixels, shape, layout.planes))
        }
        DecodingResult::I8(pixels) if bits == 8 => {
            floats(pixels.into_iter().map(f32::from).collect())
        }
        DecodingResult::I16(pixels) if bits == 16 => {
            floats(pixels.into_iter().map(f32::from).collect())
        }
        DecodingResult::U32(pixels) => floats(pixels.into_iter().map(|v| v as f32).collect()),
        DecodingResult::U64(pixels) => floats(pixels.into_iter().map(|v| v as f32).collect()),
        DecodingResult::I32(pixels) => floats(pixels.into_iter().map(|v| v as f32).collect()),
        DecodingResult::I64(pixels) => floats(pixels.into_iter().map(|v| v as f32).collect()),
        DecodingResult::F16(pixels) => floats(pixels.into_iter().map(f32::from).collect()),
        DecodingResult::F32(pixels) => floats(pixels),
        DecodingResult::F64(pixels) => floats(pixels.into_iter().map(|v| v as f32).collect()),
        DecodingResult::U16(_) | DecodingResult::I8(_) | DecodingResult::I16(_) => return None,
    })
}

/// The first `height` rows of an image.
pub(super) fn cropped(mut image: DecodedImage, height: usize) -> DecodedImage {
    fn crop<T>(image: &mut Image<T>, height: usize) {
        image.pixels.truncate(height * image.width * image.channels);
        image.height = height;
    }
    match &mut image {
        DecodedImage::U8(image) => crop(image, height),
        DecodedImage::U16(image) => crop(image, height),
        DecodedImage::F32(image) => crop(image, height),
    }
    image
}

/// Samples of fewer than 8 bits, the first in the highest ones, rows in whole bytes.
fn unpacked(packed: &[u8], rows: usize, row: usize, bits: u8) -> Vec<u8> {
    let bits = usize::from(bits);
    let row_bytes = (row * bits).div_ceil(8);
    let bit = |bytes: &[u8], at: usize| bytes[at / 8] >> (7 - at % 8) & 1;
    let mut pixels = Vec::with_capacity(rows * row);
    for bytes in packed.chunks_exact(row_bytes).take(rows) {
        pixels.extend((0..row).map(|i| {
            (i * bits..(i + 1) * bits).fold(0, |sample, at| sample << 1 | bit(bytes, at))
        }));
    }
    pixels
}

fn interleaved<T: Copy>(samples: Vec<T>, shape: [usize; 3], planes: usize) -> Image<T> {
    let [height, width, channels] = shape;
    let area = width * height;
    let pixels = if planes > 1 {
        (0..area).flat_map(|i| samples[i..].iter().step_by(area).take(planes)).copied().collect()
    } else {
        samples
    };
    Image { width, height, channels, pixels }
}
