//! Images are encoded by the `image` crate's encoders or, where those cannot (CMYK), by Pillow.

use super::*;
use crate::Image;

fn read(path: &Path) -> Result<Image, ImageError> {
    Ok(super::read(path, &DecodeOptions::default())?.to_8_bit().into_owned())
}

fn decode(bytes: &[u8]) -> Result<Image, ImageError> {
    Ok(super::decode(bytes, &DecodeOptions::default())?.to_8_bit().into_owned())
}
use ::image::codecs::jpeg::JpegEncoder;
use ::image::codecs::png::PngEncoder;
use ::image::{ExtendedColorType, ImageEncoder};

const WIDTH: usize = 7;
const HEIGHT: usize = 5;

fn samples(bytes_per_pixel: usize) -> Vec<u8> {
    (0..WIDTH * HEIGHT * bytes_per_pixel).map(|i| (i * 37 % 251) as u8).collect()
}

fn png(samples: &[u8], color: ExtendedColorType) -> Vec<u8> {
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes).write_image(samples, WIDTH as u32, HEIGHT as u32, color).unwrap();
    bytes
}

fn jpeg(samples: &[u8], color: ExtendedColorType) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 100)
        .write_image(samples, WIDTH as u32, HEIGHT as u32, color)
        .unwrap();
    bytes
}

/// Pillow 13: `Image.new("CMYK", (2, 1), (255, 0, 0, 0)).save(..., "JPEG", quality=100)`.
const CYAN_CMYK_JPEG: &[u8] = include_bytes!("tests/cyan_cmyk.jpg");
/// Pillow 13: a 3 x 1 palette image of red, green, blue with `transparency=1`, saved as PNG.
const PALETTE_PNG: &[u8] = include_bytes!("tests/palette.png");

#[test]
fn png_samples_come_out_as_they_went_in_without_alpha() {
    // Each case: the colour, samples per pixel in the file, and how many of them are kept.
    for (color, channels, kept) in [
        (ExtendedColorType::L8, 1, 1),
        (ExtendedColorType::La8, 2, 1),
        (ExtendedColorType::Rgb8, 3, 3),
        (ExtendedColorType::Rgba8, 4, 3),
    ] {
        let samples = samples(channels);
        let image = decode(&png(&samples, color)).unwrap();
        let expected: Vec<u8> =
            samples.chunks_exact(channels).flat_map(|pixel| &pixel[..kept]).copied().collect();
        assert_eq!((image.width, image.height, image.channels), (WIDTH, HEIGHT, kept));
        assert_eq!(image.pixels, expected, "{color:?}");
    }
    for (color, channels, kept) in [
        (ExtendedColorType::L16, 1, 1),
        (ExtendedColorType::La16, 2, 1),
        (ExtendedColorType::Rgb16, 3, 3),
        (ExtendedColorType::Rgba16, 4, 3),
    ] {
        let bytes = samples(2 * channels);
        let samples: Vec<u16> =
            bytes.as_chunks().0.iter().map(|&pair| u16::from_ne_bytes(pair)).collect();
        let expected: Vec<u16> =
            samples.chunks_exact(channels).flat_map(|pixel| &pixel[..kept]).copied().collect();
        let image = super::decode(&png(&bytes, color), &DecodeOptions::default()).unwrap();
        let (width, height) = (WIDTH, HEIGHT);
        let expected = Image { width, height, channels: kept, pixels: expected };
        assert_eq!(image, DecodedImage::U16(expected), "{color:?}");
    }
}

#[test]
fn palettes_are_expanded_and_their_transparency_dropped() {
    let image = decode(PALETTE_PNG).unwrap();
    assert_eq!((image.width, image.height, image.channels), (3, 1, 3));
    assert_eq!(image.pixels, [255, 0, 0, 0, 255, 0, 0, 0, 255]);
}

#[test]
fn jpeg_keeps_grey_grey_and_colour_close() {
    let grey = decode(&jpeg(&samples(1), ExtendedColorType::L8)).unwrap();
    assert_eq!((grey.width, grey.height, grey.channels), (WIDTH, HEIGHT, 1));
    // At quality 100 every coefficient is rounded to a whole number.
    for (found, expected) in grey.pixels.iter().zip(samples(1)) {
        assert!(found.abs_diff(expected) <= 3, "{found} {expected}");
    }
    let plain = [200, 100, 50].repeat(WIDTH * HEIGHT);
    let image = decode(&jpeg(&plain, ExtendedColorType::Rgb8)).unwrap();
    assert_eq!(image.channels, 3);
    for (found, expected) in image.pixels.iter().zip(plain) {
        assert!(found.abs_diff(expected) <= 3, "{found} {expected}");
    }
}

#[test]
fn jpeg_pixels_are_those_of_libjpeg_and_of_rarer_kinds_within_rounding() {
    // Pillow 13 (libjpeg-turbo) wrote these files at quality 85 and decoded them to the PNGs.
    for (name, jpeg, png, tolerance) in [
        (
            "4:2:0",
            include_bytes!("tests/baseline_420.jpg").as_slice(),
            include_bytes!("tests/baseline_420.png").as_slice(),
            0,
        ),
        (
            "progressive 4:2:2",
            include_bytes!("tests/progressive_422.jpg"),
            include_bytes!("tests/progressive_422.png"),
            4,
        ),
        (
            "4:4:4 with restarts",
            include_bytes!("tests/restart_444.jpg"),
            include_bytes!("tests/restart_444.png"),
            0,
        ),
    ] {
        let (found, expected) = (decode(jpeg).unwrap(), decode(png).unwrap());
        assert_eq!((found.width, found.height, found.channels), (33, 21, 3), "{name}");
        let difference = found.pixels.iter().zip(&expected.pixels).map(|(a, b)| a.abs_diff(*b));
        let worst = difference.clone().max().unwrap();
        let mean = difference.map(f64::from).sum::<f64>() / found.pixels.len() as f64;
        assert!(worst <= tolerance && mean < 0.6, "{name}: worst {worst}, mean {mean}");
    }
}

#[test]
fn cmyk_becomes_rgb() {
    let image = decode(CYAN_CMYK_JPEG).unwrap();
    assert_eq!((image.width, image.height, image.channels), (2, 1, 3));
    // Pillow's convert("RGB") gives (0, 255, 255).
    for (found, expected) in image.pixels.iter().zip([0, 255, 255, 0, 255, 255]) {
        assert!(found.abs_diff(expected) <= 3, "{:?}", image.pixels);
    }
}

#[test]
fn a_file_cut_off_anywhere_is_an_error() {
    let rgb = samples(3);
    for (format, bytes) in
        [("png", png(&rgb, ExtendedColorType::Rgb8)), ("jpeg", jpeg(&rgb, ExtendedColorType::Rgb8))]
    {
        // A PNG's last 12 bytes are its end chunk, and 4 before them a checksum: no pixels.
        let end = bytes.len() - if format == "png" { 16 } else { 0 };
        for length in 0..end {
            let error = decode(&bytes[..length]).map(|_| ()).unwrap_err();
            let is_early = length < 3 && error.kind() == "not-an-image";
            assert!(error.kind() == "truncated" || is_early, "{format} {length}: {error}");
        }
    }
}

#[test]
fn a_thumbnail_s_end_does_not_make_a_jpeg_complete() {
    let bytes = jpeg(&samples(3), ExtendedColorType::Rgb8);
    let thumbnail = [&[0xff, 0xe1, 0, 6][..], &[1, 2, 0xff, 0xd9]].concat();
    let with_thumbnail = [&bytes[..2], &thumbnail, &bytes[2..]].concat();
    assert_eq!(decode(&with_thumbnail).unwrap(), decode(&bytes).unwrap());
    let cut = &with_thumbnail[..with_thumbnail.len() - 2];
    assert_eq!(decode(cut).unwrap_err().kind(), "truncated");
}

#[test]
fn declared_sizes_are_refused_before_memory_is_taken() {
    let huge = 65_535u16;
    let mut jpeg = jpeg(&samples(3), ExtendedColorType::Rgb8);
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 7].copy_from_slice(&huge.to_be_bytes());
    jpeg[frame + 7..frame + 9].copy_from_slice(&huge.to_be_bytes());
    let mut png = png(&samples(3), ExtendedColorType::Rgb8);
    for at in [16, 20] {
        png[at..at + 4].copy_from_slice(&u32::from(huge).to_be_bytes());
    }
    let crc = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&crc.to_be_bytes());
    for (format, bytes) in [("jpeg", jpeg), ("png", png)] {
        match decode(&bytes) {
            Err(ImageError::TooManyPixels { width: 65_535, height: 65_535, .. }) => {}
            other => panic!("{format}: {other:?}"),
        }
    }
    let long = vec![0; DecodeOptions::default().max_file_bytes as usize + 1];
    assert_eq!(decode(&long).unwrap_err().kind(), "too-large");
}

/// The checksum of PNG chunks, bit by bit (PNG specification, annex D).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc: u32, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}

#[test]
fn other_bytes_are_named_by_what_they_are() {
    for (bytes, kind, word) in [
        (b"hello, world".as_slice(), "not-an-image", "68, 65"),
        (b"qoif...", "unsupported", "QOI"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "truncated", "16 bytes"),
        (b"\0\0\0\x1cftypavif", "unsupported", "HEIF"),
        (b"", "truncated", "0 bytes"),
    ] {
        let error = decode(bytes).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn damaged_bytes_never_panic() {
    let rgb = samples(3);
    for bytes in [png(&rgb, ExtendedColorType::Rgb8), jpeg(&rgb, ExtendedColorType::Rgb8)] {
        for at in 0..bytes.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] ^= flip;
                if let Err(error) = decode(&damaged) {
                    assert_ne!(error.kind(), "decoder-panic", "byte {at}: {error}");
                }
            }
        }
    }
}

#[test]
fn a_panicking_decoder_is_one_bad_image() {
    let error = contain_panics::<()>(|| panic!("index {} out of range", 3)).unwrap_err();
    assert_eq!(error.kind(), "decoder-panic");
    assert_eq!(error.to_string(), "the decoder failed: index 3 out of range");
}

#[test]
fn reading_goes_by_content_and_names_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wrong name.jpg");
    std::fs::write(&path, png(&samples(3), ExtendedColorType::Rgb8)).unwrap();
    assert_eq!(read(&path).unwrap().pixels, samples(3));
    std::fs::write(&path, "plain text").unwrap();
    assert_eq!(read(&path).unwrap_err().kind(), "not-an-image");
    assert_eq!(read(folder.path()).unwrap_err().kind(), "io");
    let missing = folder.path().join("missing.png");
    let error = read(&missing).unwrap_err();
    assert!(error.to_string().contains("missing.png") && error.kind() == "io", "{error}");
}
