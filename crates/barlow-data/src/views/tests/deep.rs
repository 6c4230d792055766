//! Images that 8 bits do not hold: against Pillow's mode F, torchvision on float tensors, naive f64
//! definitions, and the 8-bit way.

use super::cases::{Size, crc, hold_to};
use super::{bytes, config, deep_picture, picture};
use crate::decode::ImageError;
use crate::views::deep::{DeepScratch, Resizing, resized};
use crate::views::filter::Filter;
use crate::views::{
    CropBox, Jitter, JitterOperation, RangeConfig, SampleRange, Scratch, ViewConfig, ViewKey,
    ViewParameters, ViewPipeline, ViewPipelineConfig,
};
use crate::{DecodedImage, Image};

fn pipeline(config: ViewPipelineConfig) -> ViewPipeline {
    ViewPipeline::new(config).expect("the settings are right")
}

fn whole<T: Copy + Default>(image: &Image<T>) -> ViewParameters {
    let Image { width, height, .. } = *image;
    ViewParameters::of_crop(CropBox { left: 0, top: 0, width, height })
}

/// The samples of a view that was made in f32.
fn floats(view: &DecodedImage) -> &Image<f32> {
    match view {
        DecodedImage::F32(image) => image,
        other => panic!("not f32: {other:?}"),
    }
}

fn assert_close(what: &str, found: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let worst = found.iter().zip(expected).map(|(a, b)| (f64::from(*a) - b).abs());
    let worst = worst.fold(0.0, f64::max);
    assert!(worst <= tolerance, "{what}: {worst}");
}

#[test]
fn a_ramp_of_65_536_levels_arrives_at_the_network_as_so_many_exact_values() {
    let pixels: Vec<u16> = (0..=u16::MAX).collect();
    let image = DecodedImage::U16(Image { width: 256, height: 256, channels: 1, pixels });
    let pipeline = pipeline(config(256, 1, None));
    let mut values = vec![0.0f32; 256 * 256];
    pipeline.render_evaluation(&image, &mut Scratch::default(), &mut values);
    for (level, value) in values.iter().enumerate() {
        let exact = (level as f64 / 65_535.0 - f64::from(0.485f32)) / f64::from(0.229f32);
        // Two roundings to f32, the first of a difference of numbers up to 1.
        assert!((f64::from(*value) - exact).abs() < 4e-7, "level {level}: {value}, {exact}");
        let in_f32 = (level as f32 / 65_535.0 - 0.485) / 0.229;
        assert_eq!(value.to_bits(), in_f32.to_bits(), "level {level}");
    }
    assert!(values.is_sorted_by(|a, b| a < b));
}

#[test]
fn resize_is_pillows_mode_f_bit_for_bit_at_220_random_draws() {
    let mut draws = 0;
    let scratch = std::cell::RefCell::new(DeepScratch::default());
    draws += hold_to("float_resize", |case| {
        let Size::Both([width, height]) = case.size else { panic!("{case:?} has no size") };
        let filter = if case.filter == "bicubic" { Filter::Bicubic } else { Filter::Bilinear };
        let deep = deep_picture(case.width, case.height, 1, case.cell);
        let image = DecodedImage::F32(deep.map(|v| f32::from(v) / 65_535.0));
        let window = CropBox { left: 0, top: 0, width, height };
        let resizing = Resizing { filter, to: [width, height], window };
        let range = SampleRange { low: 0.0, high: 1.0, is_bounded: false };
        let mut scratch = scratch.borrow_mut();
        resized(&image, range, case.crop(), 1, resizing, &mut scratch);
        let bytes: Vec<u8> = scratch.view.iter().flat_map(|v| v.to_le_bytes()).collect();
        (case.crc != Some(crc(&bytes))).then(|| "wrong checksum".into())
    });
    assert_eq!(draws, 220);
}

#[test]
fn colour_is_torchvisions_on_float_tensors() {
    let mut scratch = Scratch::default();
    let scratch = std::cell::RefCell::new(&mut scratch);
    hold_to("float_colour", |case| {
        let image = deep_picture(case.width, case.height, 3, case.cell);
        let parameters = ViewParameters { blur_sigma: None, ..case.parameters() };
        let parameters = ViewParameters { crop: whole(&image).crop, ..parameters };
        let pipeline = pipeline(config(case.width, 3, None));
        let image = DecodedImage::U16(image);
        let view = pipeline.apply(&image, 0, &parameters, &mut scratch.borrow_mut());
        let expected = case.expected().expect("samples");
        let expected: Vec<f32> =
            expected.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        // torchvision's grey has 0.2989 for red where Pillow and we have 0.299; doubled by the
        // largest saturation factor. What does not use grey differs by roundings.
        let has_grey =
            case.grayscale || case.order.iter().any(|o| o == "contrast" || o == "saturation");
        let tolerance = if has_grey { 1.01e-4 } else { 3e-6 };
        let plane = case.width * case.height;
        let worst = (0..expected.len())
            .map(|i| (floats(&view).pixels[i % plane * 3 + i / plane] - expected[i]).abs())
            .fold(0.0, f32::max);
        (worst > tolerance).then(|| format!("differs by {worst}"))
    });
}

/// Three passes of an extended box in each direction, from their definition.
fn blurred(plane: &[f64], side: usize, sigma: f64) -> Vec<f64> {
    let variance = sigma * sigma / 3.0;
    let whole = (((12.0 * variance + 1.0).sqrt() - 1.0) / 2.0).floor() as i64;
    // The part of the next pixel that gives the box, a sum of rectangles, this variance.
    let second_moment = |part: f64| {
        let inside: i64 = (-whole..=whole).map(|i| i * i).sum();
        let outside = 2.0 * part * ((whole + 1) * (whole + 1)) as f64;
        (inside as f64 + outside) / ((2 * whole + 1) as f64 + 2.0 * part)
    };
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if second_moment(middle) < variance { low = middle } else { high = middle }
    }
    let at = |plane: &[f64], x: i64, y: i64| {
        let inside = |v: i64| v.clamp(0, side as i64 - 1) as usize;
        plane[inside(y) * side + inside(x)]
    };
    let mut plane = plane.to_vec();
    for [dx, dy] in [[1, 0], [1, 0], [1, 0], [0, 1], [0, 1], [0, 1]] {
        let pixels = (0..side * side).map(|i| ((i % side) as i64, (i / side) as i64));
        plane = pixels
            .map(|(x, y)| {
                let sum: f64 = (-whole - 1..=whole + 1)
                    .map(|i| {
                        let weight = if i.abs() <= whole { 1.0 } else { low };
                        weight * at(&plane, x + i * dx, y + i * dy)
                    })
                    .sum();
                sum / ((2 * whole + 1) as f64 + 2.0 * low)
            })
            .collect();
    }
    plane
}

#[test]
fn blur_is_three_extended_boxes_of_the_right_variance() {
    let mut scratch = Scratch::default();
    for (side, sigma) in [(1, 1.0), (2, 0.7), (9, 0.1), (17, 0.5), (24, 1.3), (24, 2.0), (13, 11.0)]
    {
        let image = deep_picture(side, side, 1, 0);
        let plane: Vec<f64> = image.pixels.iter().map(|&v| f64::from(v) / 65_535.0).collect();
        let parameters = ViewParameters { blur_sigma: Some(sigma), ..whole(&image) };
        let image = DecodedImage::U16(image);
        let view = pipeline(config(side, 1, None)).apply(&image, 0, &parameters, &mut scratch);
        let expected = blurred(&plane, side, sigma);
        // Six roundings to f32.
        assert_close(&format!("{side} {sigma}"), &floats(&view).pixels, &expected, 6e-7);
    }
}

/// The same 8-bit images by both ways: what differs are the roundings to 8 bits on the one.
#[test]
fn both_ways_of_an_8_bit_image_differ_by_its_roundings() {
    let mut scratch = Scratch::default();
    let crop = CropBox { left: 3, top: 5, width: 50, height: 41 };
    let plain = ViewParameters::of_crop(crop);
    let [brightness, contrast, saturation, hue] = JitterOperation::ALL;
    let jitter = Jitter {
        order: [saturation, contrast, brightness, hue],
        brightness: None,
        contrast: None,
        saturation: None,
        hue: None,
        channel_brightness: vec![],
        channel_contrast: vec![],
    };
    let with = |jitter| ViewParameters { jitter: Some(jitter), ..plain.clone() };
    // In levels. Resizing rounds twice, by half a level, and the second pass adds up to a quarter to
    // what the first did; cutting off costs up to one more. Hue in 255 steps costs far more.
    let cases = [
        ("crop", plain.clone(), 1.2),
        ("flip", ViewParameters { flip: true, ..plain.clone() }, 1.2),
        ("turn", ViewParameters { quarter_turns: 1, vertical_flip: true, ..plain.clone() }, 1.2),
        ("brightness", with(Jitter { brightness: Some(0.8), ..jitter.clone() }), 2.2),
        ("contrast", with(Jitter { contrast: Some(1.3), ..jitter.clone() }), 3.0),
        ("saturation", with(Jitter { saturation: Some(0.7), ..jitter.clone() }), 3.0),
        ("hue", with(Jitter { hue: Some(0.08), ..jitter.clone() }), 12.0),
        ("grey", ViewParameters { grayscale: true, ..plain.clone() }, 1.7),
        ("blur", ViewParameters { blur_sigma: Some(1.5), ..plain.clone() }, 3.0),
        ("shuffle", ViewParameters { shuffle: Some(3), ..plain.clone() }, 1.2),
    ];
    let limits = RangeConfig::Limits([0.0, 255.0]);
    for channels in [1, 3] {
        // Away from 0 and 255, which the 8-bit way cuts off at between the passes of a resize.
        let image = DecodedImage::U8(picture(61, 47, channels, 3).map(|v| 64 + v / 2));
        let exact = pipeline(config(32, channels, None));
        let deep = pipeline(ViewPipelineConfig { range: limits, ..config(32, channels, None) });
        for (name, parameters, tolerance) in &cases {
            let expected = bytes(&exact.apply(&image, 0, parameters, &mut scratch));
            let expected: Vec<f64> =
                expected.pixels.iter().map(|&v| f64::from(v) / 255.0).collect();
            let found = deep.apply(&image, 0, parameters, &mut scratch);
            assert_close(name, &floats(&found).pixels, &expected, tolerance / 255.0);
        }
        let expected = bytes(&exact.evaluation(&image, &mut scratch));
        let expected: Vec<f64> = expected.pixels.iter().map(|&v| f64::from(v) / 255.0).collect();
        let found = deep.evaluation(&image, &mut scratch);
        assert_close("evaluation", &floats(&found).pixels, &expected, 1.01 / 255.0);
    }
}

#[test]
fn solarize_and_equalize_follow_their_definitions() {
    let mut scratch = Scratch::default();
    let image = deep_picture(16, 16, 1, 1);
    let values: Vec<f64> = image.pixels.iter().map(|&v| f64::from(v) / 65_535.0).collect();
    let pipeline = pipeline(config(16, 1, None));
    let mut made = |image: &DecodedImage, parameters: &ViewParameters| {
        floats(&pipeline.apply(image, 0, parameters, &mut scratch)).pixels.clone()
    };
    let solarized = ViewParameters { solarize: true, ..whole(&image) };
    let inverted: Vec<f64> = values.iter().map(|&v| if v >= 0.5 { 1.0 - v } else { v }).collect();
    assert_close("solarize", &made(&DecodedImage::U16(image.clone()), &solarized), &inverted, 1e-7);

    let equalized = ViewParameters { equalize: true, ..whole(&image) };
    let highest = values.iter().copied().fold(0.0, f64::max);
    let count = |is: &dyn Fn(f64) -> bool| values.iter().filter(|v| is(**v)).count() as f64;
    let shares: Vec<f64> =
        values.iter().map(|&v| count(&|o| o < v) / count(&|o| o < highest)).collect();
    assert_close("equalize", &made(&DecodedImage::U16(image.clone()), &equalized), &shares, 1e-7);
    // In whatever range the numbers are.
    let far = image.map(|v| f32::from(v) * 0.25 - 3000.0);
    assert_close("far", &made(&DecodedImage::F32(far), &equalized), &shares, 1e-7);
    let flat = Image { pixels: vec![77u16; 256], ..image };
    let same = [77.0 / 65_535.0; 256];
    assert_close("flat", &made(&DecodedImage::U16(flat), &equalized), &same, 1e-7);
}

#[test]
fn each_of_n_channels_has_its_own_brightness_and_contrast() {
    let (channels, side) = (5, 12);
    let image = deep_picture(side, side, channels, 1);
    let views = vec![ViewConfig {
        jitter_probability: 1.0,
        crop_scale: [1.0, 1.0],
        crop_ratio: [1.0, 1.0],
        flip_probability: 0.0,
        blur_probability: 0.0,
        solarize_probability: 0.0,
        ..ViewConfig::official_a()
    }];
    let pipeline = pipeline(ViewPipelineConfig { views, ..config(side, channels, None) });
    let mut scratch = Scratch::default();
    let decoded = DecodedImage::U16(image.clone());
    for position in 0..10 {
        let key = ViewKey { seed: 1, epoch: 0, position, view: 0 };
        let parameters = pipeline.draw(key, &decoded);
        let jitter = parameters.jitter.clone().expect("always jittered");
        assert_eq!([jitter.channel_brightness.len(), jitter.channel_contrast.len()], [5, 5]);
        let mut values = vec![0.0; channels * side * side];
        pipeline.render(&decoded, key, &mut scratch, &mut values);
        for (c, found) in values.chunks_exact(side * side).enumerate() {
            let mut plane: Vec<f64> = image.pixels[c..]
                .iter()
                .step_by(channels)
                .map(|&v| f64::from(v) / 65_535.0)
                .collect();
            for operation in jitter.order {
                let mean = plane.iter().sum::<f64>() / plane.len() as f64;
                let (degenerate, factor) = match operation {
                    JitterOperation::Brightness => (0.0, jitter.channel_brightness[c]),
                    JitterOperation::Contrast => (mean, jitter.channel_contrast[c]),
                    _ => continue,
                };
                for v in &mut plane {
                    *v = (degenerate + factor * (*v - degenerate)).clamp(0.0, 1.0);
                }
            }
            let (mean, std) = ([0.485, 0.456, 0.406][c % 3], [0.229, 0.224, 0.225][c % 3]);
            let expected: Vec<f64> = plane.iter().map(|v| (v - mean) / std).collect();
            assert_close(&format!("channel {c}"), found, &expected, 2e-6);
        }
    }
}

#[test]
fn floats_at_their_full_range_are_never_cut_off() {
    let side = 8;
    let image = deep_picture(side, side, 1, 0).map(|v| f32::from(v) - 30_000.0);
    let mean = image.pixels.iter().map(|&v| f64::from(v)).sum::<f64>() / 64.0;
    let jitter = Jitter {
        order: JitterOperation::ALL,
        brightness: Some(1.5),
        contrast: Some(0.5),
        saturation: None,
        hue: None,
        channel_brightness: vec![],
        channel_contrast: vec![],
    };
    let parameters = ViewParameters { jitter: Some(jitter), ..whole(&image) };
    let expected: Vec<f64> =
        image.pixels.iter().map(|&v| 1.5 * (mean + 0.5 * (f64::from(v) - mean))).collect();
    let pipeline = pipeline(config(side, 1, None));
    let image = DecodedImage::F32(image);
    let view = pipeline.apply(&image, 0, &parameters, &mut Scratch::default());
    assert_close("jitter", &floats(&view).pixels, &expected, 0.01);
}

#[test]
fn a_range_holds_for_views_evaluation_and_the_original_alike() {
    let (side, mut scratch) = (16, Scratch::default());
    let deep = deep_picture(side, side, 3, 1);
    let [low, high] = [5_000.0, 42_000.0];
    let range = RangeConfig::Limits([low, high]);
    let pipeline = pipeline(ViewPipelineConfig { range, ..config(side, 3, None) });
    let expected: Vec<f64> = deep
        .pixels
        .iter()
        .map(|&v| ((f64::from(v) - low) / (high - low)).clamp(0.0, 1.0))
        .collect();
    let image = DecodedImage::U16(deep.clone());
    let view = pipeline.apply(&image, 0, &whole(&deep), &mut scratch);
    assert_close("view", &floats(&view).pixels, &expected, 1e-7);
    let view = pipeline.evaluation(&image, &mut scratch);
    assert_close("evaluation", &floats(&view).pixels, &expected, 1e-7);
    let shown: Vec<f32> = pipeline
        .original(&image, &mut scratch)
        .pixels
        .iter()
        .map(|&v| f32::from(v) / 255.0)
        .collect();
    assert_close("original", &shown, &expected, 0.501 / 255.0);
}

#[test]
fn grey_becomes_colour_colour_becomes_grey_and_nothing_else_is_converted() {
    let mut scratch = Scratch::default();
    for (from, to) in [(1, 1), (1, 3), (3, 1), (3, 3), (2, 2), (7, 7), (64, 64)] {
        let deep = deep_picture(8, 8, from, 1);
        let image = DecodedImage::U16(deep.clone());
        let pipeline = pipeline(config(8, to, None));
        pipeline.check(&image).expect("convertible");
        let view = pipeline.evaluation(&image, &mut scratch);
        let value = |i: usize| f64::from(deep.pixels[i]) / 65_535.0;
        let expected: Vec<f64> = (0..64 * to)
            .map(|i| match (from, to) {
                (1, 3) => value(i / 3),
                (3, 1) => {
                    0.299 * value(3 * i) + 0.587 * value(3 * i + 1) + 0.114 * value(3 * i + 2)
                }
                _ => value(i),
            })
            .collect();
        assert_close(&format!("{from} to {to}"), &floats(&view).pixels, &expected, 1e-6);
    }
    for (from, to) in [(2, 3), (4, 3), (2, 1), (1, 2), (3, 4), (3, 64)] {
        let image = DecodedImage::U8(picture(4, 4, from, 0));
        let error = pipeline(config(4, to, None)).check(&image).expect_err("not convertible");
        assert!(matches!(error, ImageError::Channels { .. }) && error.kind() == "channels");
        let text = format!("the image has {from} channels, the views have {to}");
        assert_eq!(error.to_string(), text);
    }
}
