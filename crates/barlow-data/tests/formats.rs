//! Files of every format and depth, written by Pillow, tifffile, NumPy and by hand, decode to the
//! samples that `reference/formats.py` notes for them.

#![allow(clippy::unwrap_used, reason = "helpers of tests end a test as the tests do")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use barlow_data::decode::{self, DecodeOptions, Reduction};
use barlow_data::{DecodedImage, Image};
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    depth: String,
    /// Height, width, channels.
    shape: [usize; 3],
    tolerance: f64,
    options: DecodeOptions,
    /// By what width and height are divided while the file is decoded.
    #[serde(default)]
    reduction: Option<usize>,
    samples: Samples,
}

/// The samples themselves or, where they are many, the name of an array.
#[derive(Deserialize)]
#[serde(untagged)]
enum Samples {
    Here(Vec<f64>),
    There(String),
}

fn folder() -> PathBuf {
    barlow_testing::data_folder().join("formats")
}

fn expected() -> BTreeMap<String, Expected> {
    let text = std::fs::read(folder().join("expected.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// Depth, shape and samples.
fn described(image: &DecodedImage) -> (&'static str, [usize; 3], Vec<f64>) {
    fn samples<T: Copy + Into<f64>>(image: &Image<T>) -> Vec<f64> {
        image.pixels.iter().map(|&v| v.into()).collect()
    }
    let [channels, height, width] = image.shape();
    let (depth, samples) = match image {
        DecodedImage::U8(image) => ("u8", samples(image)),
        DecodedImage::U16(image) => ("u16", samples(image)),
        DecodedImage::F32(image) => ("f32", samples(image)),
    };
    (depth, [height, width, channels], samples)
}

/// What is wrong with one file; `None` where nothing is.
fn deviation(name: &str, expected: &Expected) -> Option<String> {
    let path = folder().join(name);
    let wanted = expected.reduction.unwrap_or(1);
    let reduction = Reduction::ALL.into_iter().find(|by| by.divisor() == wanted).unwrap();
    let options = DecodeOptions { scale_down: wanted > 1, ..expected.options.clone() };
    let found = match decode::read_page_reduced(&path, 0, &options, &|_| reduction) {
        Ok(found) if found.reduction != reduction => {
            return Some(format!("is reduced by {:?}", found.reduction));
        }
        Ok(found) => found.image,
        Err(error) => return Some(format!("{error}: {:?}", std::error::Error::source(&error))),
    };
    let (depth, shape, found) = described(&found);
    if (depth, shape) != (expected.depth.as_str(), expected.shape) {
        return Some(format!(
            "is {depth} {shape:?}, expected {} {:?}",
            expected.depth, expected.shape
        ));
    }
    let samples = match &expected.samples {
        Samples::Here(samples) => samples.clone(),
        Samples::There(name) => {
            // The arrays are `[height, width, channels]`, and the reader of arrays is itself held
            // to numbers that stand in the list.
            let options =
                DecodeOptions { npy_layout: decode::NpyLayout::Hwc, ..DecodeOptions::default() };
            described(&decode::read(&folder().join(name), &options).unwrap()).2
        }
    };
    let worst = found
        .iter()
        .zip(&samples)
        .map(|(a, b)| (a - f64::from(*b as f32)).abs())
        .fold(0.0, f64::max);
    let is_wrong = found.len() != samples.len() || worst > expected.tolerance;
    is_wrong.then(|| format!("differs by {worst}, allowed {}", expected.tolerance))
}

#[test]
fn every_format_and_depth_decodes_to_the_samples_that_were_written() {
    let expected = expected();
    assert!(expected.len() > 80, "{} files", expected.len());
    let wrong: Vec<String> = expected
        .iter()
        .filter_map(|(key, expected)| {
            let name = key.split('#').next().unwrap();
            deviation(name, expected).map(|what| format!("{key}: {what}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_file_cut_off_anywhere_is_an_error_or_lacks_no_pixel() {
    let mut wrong = Vec::new();
    for (key, expected) in expected() {
        let name = key.split('#').next().unwrap();
        let bytes = std::fs::read(folder().join(name)).unwrap();
        let whole = decode::decode(&bytes, &expected.options).unwrap();
        let is_gif = bytes.starts_with(b"GIF");
        // Of a number in plain text, the last digits can be cut off unseen.
        let unseen = if name.starts_with("plain.") { 2 } else { 0 };
        for length in 0..bytes.len() - unseen {
            match decode::decode(&bytes[..length], &expected.options) {
                Ok(image) if image != whole => wrong.push(format!("{key}: {length} bytes")),
                // GIF says so in words of its own; its magic is 6 bytes long.
                Err(error)
                    if error.kind() == "decoder-panic"
                        || (is_gif && length > 6 && error.kind() != "truncated") =>
                {
                    wrong.push(format!("{key}: {length} bytes: {error}"));
                }
                _ => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
