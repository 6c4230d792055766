//! Fixture files: what a case holds, and how all of them are held to.

use std::collections::HashMap;

use serde::Deserialize;

use super::picture;
use crate::Image;
use crate::views::{CropBox, Jitter, JitterOperation, ViewParameters};

/// One case of a fixture file; which fields are there depends on the file.
#[derive(Debug, Clone, Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "operations that happen or not")]
pub(super) struct Case {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) channels: usize,
    pub(super) cell: u32,
    pub(super) filter: String,
    pub(super) crop: [usize; 4],
    pub(super) size: Size,
    pub(super) resize: usize,
    pub(super) flip: bool,
    pub(super) vertical_flip: bool,
    pub(super) quarter_turns: u8,
    pub(super) order: Vec<String>,
    pub(super) factors: HashMap<String, f64>,
    pub(super) grayscale: bool,
    pub(super) sigma: Option<f64>,
    pub(super) solarize: bool,
    pub(super) equalize: bool,
    pub(super) erase: Option<[usize; 4]>,
    pub(super) checks: Vec<u32>,
    pub(super) pixels: Option<String>,
    pub(super) crc: Option<u32>,
    pub(super) normalised_crc: Option<u32>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
pub(super) enum Size {
    Side(usize),
    Both([usize; 2]),
}

impl Default for Size {
    fn default() -> Self {
        Self::Side(0)
    }
}

impl Case {
    pub(super) fn image(&self) -> Image {
        picture(self.width, self.height, self.channels, self.cell)
    }

    pub(super) fn crop(&self) -> CropBox {
        let [left, top, width, height] = self.crop;
        CropBox { left, top, width, height }
    }

    pub(super) fn side(&self) -> usize {
        match self.size {
            Size::Side(side) => side,
            Size::Both(_) => panic!("{self:?} is not square"),
        }
    }

    pub(super) fn jitter(&self) -> Option<Jitter> {
        let named = |name: &str| match name {
            "brightness" => JitterOperation::Brightness,
            "contrast" => JitterOperation::Contrast,
            "saturation" => JitterOperation::Saturation,
            "hue" => JitterOperation::Hue,
            _ => panic!("{name} is no colour operation"),
        };
        let mut order: Vec<JitterOperation> = self.order.iter().map(|name| named(name)).collect();
        order
            .extend(JitterOperation::ALL.iter().filter(|o| !order.contains(o)).collect::<Vec<_>>());
        let factor = |name| self.factors.get(name).copied();
        (!self.order.is_empty()).then(|| Jitter {
            order: order.try_into().expect("each operation once"),
            brightness: factor("brightness"),
            contrast: factor("contrast"),
            saturation: factor("saturation"),
            hue: factor("hue"),
            channel_brightness: Vec::new(),
            channel_contrast: Vec::new(),
        })
    }

    pub(super) fn parameters(&self) -> ViewParameters {
        let area = |[left, top, width, height]: [usize; 4]| CropBox { left, top, width, height };
        ViewParameters {
            crop: self.crop(),
            flip: self.flip,
            vertical_flip: self.vertical_flip,
            quarter_turns: self.quarter_turns,
            jitter: self.jitter(),
            grayscale: self.grayscale,
            blur_sigma: self.sigma,
            solarize: self.solarize,
            equalize: self.equalize,
            shuffle: None,
            erase: self.erase.map(area),
        }
    }

    /// The expected samples, where the file has them.
    pub(super) fn expected(&self) -> Option<Vec<u8>> {
        let text = self.pixels.as_ref()?;
        let byte = |i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).expect("hexadecimal");
        Some((0..text.len() / 2).map(byte).collect())
    }

    /// What is wrong with a result, if anything.
    pub(super) fn fault(&self, pixels: &[u8]) -> Option<String> {
        if let Some(expected) = self.expected() {
            let worst = pixels.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max();
            let wrong = pixels.iter().zip(&expected).filter(|(a, b)| a != b).count();
            (pixels != expected).then(|| {
                let [ours, theirs] = [pixels.len(), expected.len()];
                format!("{wrong} of {theirs} ({ours}) samples wrong, by {worst:?}")
            })
        } else {
            (self.crc != Some(crc(pixels))).then(|| "wrong checksum".into())
        }
    }
}

pub(super) fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// Runs every case of a fixture file and reports all that fail; gives the count of cases.
pub(super) fn hold_to(file: &str, run: impl Fn(&Case) -> Option<String>) -> usize {
    #[derive(Deserialize)]
    struct File {
        cases: Vec<Case>,
    }
    let path = format!("{}/../../reference/data/views/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let file: File = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert!(!file.cases.is_empty());
    let faults: Vec<String> = file
        .cases
        .iter()
        .filter_map(|case| {
            let fault = run(case)?;
            let case = Case { pixels: None, checks: Vec::new(), ..case.clone() };
            Some(format!("{fault}: {case:?}"))
        })
        .collect();
    assert!(faults.is_empty(), "{} cases:\n{}", faults.len(), faults.join("\n"));
    file.cases.len()
}
