//! Every operation, and whole views, against reference values.

use super::cases::{Case, Size, crc, hold_to};
use super::{bytes, pipeline};
use crate::Image;
use crate::views::blur::{BlurScratch, blur};
use crate::views::equalize::equalize;
use crate::views::filter::Filter;
use crate::views::resize::{Region, ResizeScratch, resize_mirrored};
use crate::views::{CropBox, Scratch, ViewConfig, ViewKey, tone};

#[test]
fn resize_is_pillows_bit_for_bit() {
    hold_to("resize", |case| case.fault(&resized(case, false)));
}

#[test]
fn a_mirrored_resize_is_pillows_read_from_the_right() {
    hold_to("resize", |case| {
        let Size::Both([width, _]) = case.size else { panic!("{case:?} has no size") };
        let channels = case.image().channels;
        let mirrored = resized(case, true);
        let rows = mirrored.chunks_exact(width * channels);
        let read: Vec<u8> =
            rows.flat_map(|row| row.chunks_exact(channels).rev().flatten().copied()).collect();
        case.fault(&read)
    });
}

fn resized(case: &Case, is_mirrored: bool) -> Vec<u8> {
    let Size::Both([width, height]) = case.size else { panic!("{case:?} has no size") };
    let filter = if case.filter == "bicubic" { Filter::Bicubic } else { Filter::Bilinear };
    let image = case.image();
    let region = Region::of_area(&image.pixels, image.width, image.channels, case.crop());
    let mut out = Vec::new();
    let window = CropBox { left: 0, top: 0, width, height };
    let mut scratch = ResizeScratch::default();
    resize_mirrored(region, filter, [width, height], window, is_mirrored, &mut scratch, &mut out);
    out
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
        let (image, parameters) = (case.image().into(), case.parameters());
        let view = bytes(&pipeline.apply(&image, 0, &parameters, &mut scratch.borrow_mut()));
        let mut values = vec![0.0; view.pixels.len()];
        pipeline.normalise.run(&view.pixels, &mut values);
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
        let view = pipeline.evaluation(&case.image().into(), &mut scratch.borrow_mut());
        case.fault(&bytes(&view).pixels)
    });
}

#[test]
fn crop_of_very_thin_images_is_torchvisions_centre_crop() {
    hold_to("crop_fallback", |case| {
        (0..20).find_map(|position| {
            let key = ViewKey { seed: 1, epoch: 0, position, view: 0 };
            let size = [case.width, case.height];
            let crop = ViewConfig::official_a().draw(key, size, [3, 8, 8]).crop;
            (crop != case.crop()).then(|| format!("{crop:?}"))
        })
    });
}

#[test]
fn equalize_is_pillows_bit_for_bit() {
    hold_to("equalize", |case| {
        let mut image = case.image();
        equalize(&mut image.pixels, image.channels);
        case.fault(&image.pixels)
    });
}
