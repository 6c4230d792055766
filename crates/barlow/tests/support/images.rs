//! Image files for tests, good and bad.

use std::fs;
use std::path::Path;

use image::{ColorType, ExtendedColorType, ImageEncoder};

/// Bytes of a small PNG file whose colours depend on `seed`.
pub(crate) fn png(seed: usize) -> Vec<u8> {
    let pixel = |index: usize| ((index * 37 + seed * 101) ^ (index * seed / 3)) as u8;
    let pixels: Vec<u8> = (0..24 * 20 * 3).map(pixel).collect();
    let mut bytes = Vec::new();
    let encoder = image::codecs::png::PngEncoder::new(&mut bytes);
    encoder.write_image(&pixels, 24, 20, ExtendedColorType::from(ColorType::Rgb8)).unwrap();
    bytes
}

/// Writes so many images into a folder, in two classes if asked.
pub(crate) fn write(folder: &Path, images: usize, with_classes: bool) {
    for index in 0..images {
        let class = if with_classes { ["cats", "dogs"][index % 2] } else { "" };
        fs::create_dir_all(folder.join(class)).unwrap();
        fs::write(folder.join(class).join(format!("{index:03}.png")), png(index)).unwrap();
    }
}

/// A PNG file that declares so many pixels a side and holds hardly any.
pub(crate) fn png_declaring(side: u32) -> Vec<u8> {
    let mut bytes = png(0);
    // The header chunk: length, "IHDR", width, height, 5 bytes of form, checksum.
    bytes[16..20].copy_from_slice(&side.to_be_bytes());
    bytes[20..24].copy_from_slice(&side.to_be_bytes());
    let checksum = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

/// The checksum of PNG chunks (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}
