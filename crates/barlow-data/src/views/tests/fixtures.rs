//! Every operation, and whole views, against reference values.

use std::collections::HashMap;

use serde::Deserialize;

use super::{picture, pipeline};
use crate::Image;
use crate::views::blur::{BlurScratch, blur};
use crate::views::resize::{Filter, Region, ResizeScratch, resize};
use crate::views::{
    CropBox, Jitter, JitterOperation, Scratch, ViewConfig, ViewKey, ViewParameters, tone,
};

/// One case of a fixture file; which fields are there depends on the file.
#[derive(Debug, Clone, Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Case {
    width: usize,
    height: usize,
    channels: usize,
    cell: u32,
    filter: String,
    crop: [usize; 4],
    size: Size,
    resize: usize,
    flip: bool,
    order: Vec<String>,
    factors: HashMap<String, f64>,
    grayscale: bool,
    sigma: Option<f64>,
    solarize: bool,
    pixels: Option<String>,
    crc: Option<u32>,
    normalised_crc: Option<u32>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Size {
    Side(usize),
    Both([usize; 2]),
}

impl Default for Size {
    fn default() -> Self {
        Self::Side(0)
    }
}

impl Case {
    fn image(&self) -> Image {
        picture(self.width, self.height, self.channels, self.cell)
    }

    fn crop(&self) -> CropBox {
        let [left, top, width, height] = self.crop;
        CropBox { left, top, width, height }
    }

    fn side(&self) -> usize {
        match self.size {
            Size::Side(side) => side,
            Size::Both(_) => panic!("{self:?} is not square"),
        }
    }

    fn jitter(&self) -> Option<Jitter> {
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
        })
    }

    /// What is wrong with a result, if anything.
    fn fault(&self, pixels: &[u8]) -> Option<String> {
        if let Some(expected) = &self.pixels {
            let expected: Vec<u8> = (0..expected.len() / 2)
                .map(|i| u8::from_str_radix(&expected[2 * i..2 * i + 2], 16).unwrap())
                .collect();
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

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// Runs every case of a fixture file and reports all that fail.
fn hold_to(file: &str, run: impl Fn(&Case) -> Option<String>) {
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
            let case = Case { pixels: None, ..case.clone() };
            Some(format!("{fault}: {case:?}"))
        })
        .collect();
    assert!(faults.is_empty(), "{} cases:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn resize_is_pillows_bit_for_bit() {
    hold_to("resize", |case| {
        let Size::Both([width, height]) = case.size else { panic!("{case:?} has no size") };
        let filter = if case.filter == "bicubic" { Filter::Bicubic } else { Filter::Bilinear };
        let image = case.image();
        let region = Region {
            pixels: &image.pixels,
            row_width: image.width,
            channels: image.channels,
            area: case.crop(),
        };
        let mut out = Vec::new();
        let window = CropBox { left: 0, top: 0, width, height };
        let mut scratch = ResizeScratch::default();
        resize(region, filter, [width, height], window, &mut scratch, &mut out);
        case.fault(&out)
    });
}

#[test]
fn jitter_is_torchvisions_bit_for_bit() {
    hold_to("jitter", |case| {
        let mut image = case.image();
        case.jitter().expect("an order").apply(&mut image.pixels, image.channels);
        case.fault(&image.pixels)
    });
}

#[test]
fn hue_saturation_and_grey_are_torchvisions_on_every_colour() {
    hold_to("colour_cube", |case| {
        let mut pixels: Vec<u8> =
            (0..1u32 << 24).flat_map(|n| [n as u8, (n >> 8) as u8, (n >> 16) as u8]).collect();
        if case.order == ["grayscale"] {
            tone::grayscale(&mut pixels, 3);
        } else {
            case.jitter().expect("an order").apply(&mut pixels, 3);
        }
        case.fault(&pixels)
    });
}

#[test]
fn blur_is_pillows_bit_for_bit() {
    hold_to("blur", |case| {
        let Image { width, height, channels, mut pixels } = case.image();
        let sigma = case.sigma.expect("a sigma");
        blur(&mut pixels, [width, height], channels, sigma, &mut BlurScratch::default());
        case.fault(&pixels)
    });
}

#[test]
fn whole_views_are_pillows_bit_for_bit_whatever_the_scratch_was_used_for() {
    let scratch = std::cell::RefCell::new(Scratch::default());
    hold_to("pipeline", |case| {
        let pipeline = pipeline(case.side(), case.channels, None);
        let parameters = ViewParameters {
            crop: case.crop(),
            flip: case.flip,
            jitter: case.jitter(),
            grayscale: case.grayscale,
            blur_sigma: case.sigma,
            solarize: case.solarize,
        };
        let view = pipeline.apply(&case.image(), &parameters, &mut scratch.borrow_mut());
        let mut values = vec![0.0; view.pixels.len()];
        pipeline.normalise_into(&view.pixels, &mut values);
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let is_normalised = case.normalised_crc == Some(crc(&bytes));
        case.fault(&view.pixels).or_else(|| (!is_normalised).then(|| "wrong normalised".into()))
    });
}

#[test]
fn evaluation_is_torchvisions_bit_for_bit() {
    let scratch = std::cell::RefCell::new(Scratch::default());
    hold_to("evaluation", |case| {
        let pipeline = pipeline(case.side(), case.channels, Some(case.resize));
        case.fault(&pipeline.evaluation(&case.image(), &mut scratch.borrow_mut()).pixels)
    });
}

#[test]
fn crop_of_very_thin_images_is_torchvisions_centre_crop() {
    hold_to("crop_fallback", |case| {
        (0..20).find_map(|position| {
            let key = ViewKey { seed: 1, epoch: 0, position, view: 0 };
            let crop = ViewConfig::official_a().draw(key, case.width, case.height).crop;
            (crop != case.crop()).then(|| format!("{crop:?}"))
        })
    });
}

#[test]
fn images_of_other_channels_are_converted_first() {
    let mut scratch = Scratch::default();
    for (from, to) in [(1, 3), (3, 1)] {
        let (image, pipeline) = (picture(31, 23, from, 1), pipeline(16, to, Some(18)));
        let converted = image.clone().with_channels(to);
        for position in 0..8 {
            let key = ViewKey { seed: 3, epoch: 1, position, view: 1 };
            let parameters = pipeline.draw(key, 31, 23);
            assert_eq!(
                pipeline.apply(&image, &parameters, &mut scratch),
                pipeline.apply(&converted, &parameters, &mut scratch),
            );
        }
        assert_eq!(
            pipeline.evaluation(&image, &mut scratch),
            pipeline.evaluation(&converted, &mut scratch),
        );
    }
}

#[test]
fn render_is_draw_then_apply_then_normalise_into_planes() {
    let (image, pipeline) = (picture(40, 30, 3, 2), pipeline(20, 3, None));
    let (mean, std) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    let mut scratch = Scratch::default();
    let mut values = vec![0.0; 3 * 20 * 20];
    for view in 0..2 {
        let key = ViewKey { seed: 5, epoch: 2, position: 7, view };
        pipeline.render(&image, key, &mut scratch, &mut values);
        let parameters = pipeline.draw(key, image.width, image.height);
        let expected = pipeline.apply(&image, &parameters, &mut scratch);
        for (i, value) in values.iter().enumerate() {
            let (c, y, x) = (i / 400, i / 20 % 20, i % 20);
            let exact = (f64::from(expected.pixel(x, y)[c]) / 255.0 - mean[c]) / std[c];
            assert!((f64::from(*value) - exact).abs() < 1e-6, "{value} is not {exact}");
        }
    }
}
