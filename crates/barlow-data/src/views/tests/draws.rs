//! Every operation by itself, and whole views, at three hundred random draws of Pillow and
//! torchvision.

use super::cases::{Case, crc, hold_to};
use super::pipeline;
use crate::Image;
use crate::views::blur::{BlurScratch, blur};
use crate::views::equalize::equalize;
use crate::views::filter::Filter;
use crate::views::resize::{Region, ResizeScratch, resize};
use crate::views::{CropBox, Jitter, JitterOperation, Scratch, ViewParameters, erase, tone};

/// What the checks of a case are of, in the order of `draws` in `reference/views.py`.
const CHECKS: [&str; 16] = [
    "bicubic",
    "bilinear",
    "flip",
    "vertical flip",
    "turn",
    "brightness",
    "contrast",
    "saturation",
    "hue",
    "grayscale",
    "blur",
    "solarize",
    "equalize",
    "crop, flips, turn and jitter",
    "whole view",
    "normalised and erased",
];

#[test]
fn operations_and_whole_views_are_bit_for_bit_at_the_first_hundred_draws() {
    hold_draws_to("draws_0");
}

#[test]
fn operations_and_whole_views_are_bit_for_bit_at_the_second_hundred_draws() {
    hold_draws_to("draws_1");
}

#[test]
fn operations_and_whole_views_are_bit_for_bit_at_the_third_hundred_draws() {
    hold_draws_to("draws_2");
}

fn hold_draws_to(file: &str) {
    let scratch = std::cell::RefCell::new(Scratch::default());
    let cases = hold_to(file, |case| {
        assert_eq!(case.checks.len(), CHECKS.len());
        let mut found = alone(case);
        found.extend(together(case, &mut scratch.borrow_mut()));
        let checks = found.iter().zip(&case.checks).zip(CHECKS);
        let wrong: Vec<&str> =
            checks.filter(|((found, wanted), _)| found != wanted).map(|(_, name)| name).collect();
        (!wrong.is_empty()).then(|| format!("wrong: {}", wrong.join(", ")))
    });
    assert_eq!(cases, 100);
}

/// Operations of the crop, then of the whole picture, each by itself.
fn alone(case: &Case) -> Vec<u32> {
    let Image { width, height, channels, pixels } = case.image();
    let side = case.side();
    let resized = |filter| {
        let source = Region::of_area(&pixels, width, channels, case.crop());
        let window = CropBox { left: 0, top: 0, width: side, height: side };
        let mut view = Vec::new();
        resize(source, filter, [side, side], window, &mut ResizeScratch::default(), &mut view);
        view
    };
    let pipeline = pipeline(side, channels, None);
    let turned = |change: &dyn Fn(&mut ViewParameters)| {
        let mut parameters = ViewParameters::of_crop(case.crop());
        change(&mut parameters);
        let mut scratch = Scratch::default();
        crc(&super::bytes(&pipeline.apply(&case.image().into(), 0, &parameters, &mut scratch))
            .pixels)
    };
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut pixels = pixels.clone();
        change(&mut pixels);
        crc(&pixels)
    };
    let jitter = case.jitter().expect("an order");
    let only = |wanted: JitterOperation| {
        let of = |operation, factor: Option<f64>| factor.filter(|_| operation == wanted);
        let jitter = Jitter {
            brightness: of(JitterOperation::Brightness, jitter.brightness),
            contrast: of(JitterOperation::Contrast, jitter.contrast),
            saturation: of(JitterOperation::Saturation, jitter.saturation),
            hue: of(JitterOperation::Hue, jitter.hue),
            ..jitter.clone()
        };
        changed(&|pixels| jitter.apply(pixels, channels))
    };
    let sigma = case.sigma.expect("a sigma");
    let mut found = vec![
        crc(&resized(Filter::Bicubic)),
        crc(&resized(Filter::Bilinear)),
        turned(&|parameters| parameters.flip = true),
        turned(&|parameters| parameters.vertical_flip = true),
        turned(&|parameters| parameters.quarter_turns = case.quarter_turns),
    ];
    found.extend(JitterOperation::ALL.map(only));
    found.extend([
        changed(&|pixels| tone::grayscale(pixels, channels)),
        changed(&|pixels| {
            blur(pixels, [width, height], channels, sigma, &mut BlurScratch::default());
        }),
        changed(&|pixels| tone::solarize(pixels)),
        changed(&|pixels| equalize(pixels, channels)),
    ]);
    found
}

/// The view up to jitter, the whole view, and its values in the end.
fn together(case: &Case, scratch: &mut Scratch) -> [u32; 3] {
    let (pipeline, image) = (pipeline(case.side(), case.channels, None), case.image().into());
    let parameters = ViewParameters { erase: None, ..case.parameters() };
    let half = ViewParameters {
        grayscale: false,
        blur_sigma: None,
        solarize: false,
        equalize: false,
        ..parameters.clone()
    };
    let half = super::bytes(&pipeline.apply(&image, 0, &half, scratch));
    let view = super::bytes(&pipeline.apply(&image, 0, &parameters, scratch));
    let mut values = vec![0.0; view.pixels.len()];
    pipeline.normalise.run(&view.pixels, &mut values);
    let area = case.parameters().erase.expect("an area");
    erase::erase(&mut values, [case.side(); 2], area);
    let values: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    [crc(&half.pixels), crc(&view.pixels), crc(&values)]
}
