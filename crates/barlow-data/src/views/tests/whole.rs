//! Whole views: conversion of channels, and the ways of making them held to each other.

use super::{bytes, config, picture, pipeline};
use crate::DecodedImage;
use crate::views::{
    CropBox, PixelShuffle, Scratch, ViewConfig, ViewKey, ViewParameters, ViewPipeline,
    ViewPipelineConfig, geometry,
};

#[test]
fn images_of_other_channels_are_converted_first() {
    let mut scratch = Scratch::default();
    for (from, to) in [(1, 3), (3, 1)] {
        let (image, pipeline) = (picture(31, 23, from, 1), pipeline(16, to, Some(18)));
        let converted = DecodedImage::U8(image.clone().with_channels(to));
        let image = DecodedImage::U8(image);
        for position in 0..8 {
            let key = ViewKey { seed: 3, epoch: 1, position, view: 1 };
            let parameters = pipeline.draw(key, &image);
            assert_eq!(
                pipeline.apply(&image, 1, &parameters, &mut scratch),
                pipeline.apply(&converted, 1, &parameters, &mut scratch),
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
    let (image, pipeline) = (DecodedImage::U8(picture(40, 30, 3, 2)), pipeline(20, 3, None));
    let (mean, std) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    let mut scratch = Scratch::default();
    let mut values = vec![0.0; 3 * 20 * 20];
    for view in 0..2 {
        let key = ViewKey { seed: 5, epoch: 2, position: 7, view };
        pipeline.render(&image, key, &mut scratch, &mut values);
        let parameters = pipeline.draw(key, &image);
        let expected = bytes(&pipeline.apply(&image, view, &parameters, &mut scratch));
        for (i, value) in values.iter().enumerate() {
            let (c, y, x) = (i / 400, i / 20 % 20, i % 20);
            let exact = (f64::from(expected.pixel(x, y)[c]) / 255.0 - mean[c]) / std[c];
            assert!((f64::from(*value) - exact).abs() < 1e-6, "{value} is not {exact}");
        }
    }
}

#[test]
fn each_view_has_its_own_size() {
    let small = ViewConfig { image_size: Some(9), ..ViewConfig::official_b() };
    let views = vec![ViewConfig::official_a(), small.clone(), small];
    let pipeline = ViewPipeline::new(ViewPipelineConfig { views, ..config(20, 3, None) });
    let (pipeline, mut scratch) = (pipeline.expect("right settings"), Scratch::default());
    let shapes: Vec<_> = (0..3).map(|view| pipeline.shape(view)).collect();
    assert_eq!(shapes, [[3, 20, 20], [3, 9, 9], [3, 9, 9]]);
    assert_eq!(pipeline.evaluation_shape(), [3, 20, 20]);
    let image = DecodedImage::U8(picture(40, 30, 3, 2));
    for (view, [channels, side, _]) in shapes.into_iter().enumerate() {
        let key = ViewKey { seed: 5, epoch: 2, position: 7, view };
        let alone = super::pipeline(side, 3, None);
        let parameters = pipeline.draw(key, &image);
        let made = pipeline.apply(&image, view, &parameters, &mut scratch);
        assert_eq!(made, alone.apply(&image, 0, &parameters, &mut scratch));
        let mut values = vec![0.0; channels * side * side];
        pipeline.render(&image, key, &mut scratch, &mut values);
    }
}

/// All crops the whole image, at its own size, and one more setting.
fn untouched(view: &ViewConfig) -> ViewPipeline {
    let still = ViewConfig {
        crop_scale: [1.0, 1.0],
        crop_ratio: [1.0, 1.0],
        flip_probability: 0.0,
        jitter_probability: 0.0,
        grayscale_probability: 0.0,
        blur_probability: 0.0,
        solarize_probability: 0.0,
        ..view.clone()
    };
    let config = ViewPipelineConfig { views: vec![still], ..config(32, 3, None) };
    ViewPipeline::new(config).expect("right settings")
}

fn sorted(view: &DecodedImage) -> Vec<[u8; 3]> {
    let mut pixels = bytes(view).pixels.as_chunks().0.to_vec();
    pixels.sort_unstable();
    pixels
}

/// The share of pixels whose right neighbour is the same one that it was in the original.
fn kept_neighbours(original: &DecodedImage, view: &DecodedImage) -> f64 {
    let (original, view) = (bytes(original), bytes(view));
    let place = |pixel: &[u8]| {
        let found = original.pixels.chunks_exact(3).position(|other| other == pixel);
        found.expect("no pixel is new")
    };
    let pairs = (0..32).flat_map(|y| (0..31).map(move |x| (x, y)));
    let kept =
        pairs.filter(|&(x, y)| place(view.pixel(x, y)) + 1 == place(view.pixel(x + 1, y))).count();
    kept as f64 / (32.0 * 31.0)
}

#[test]
fn a_pixel_shuffle_keeps_the_colours_and_loses_the_neighbours() {
    // Every pixel has a colour of its own.
    let mut image = picture(32, 32, 3, 0);
    for (n, pixel) in image.pixels.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        (pixel[0], pixel[1]) = (n as u8, (n >> 8) as u8);
    }
    let (image, mut scratch) = (DecodedImage::U8(image), Scratch::default());
    let mut view_of = |shuffle, seed, position| {
        let pipeline = untouched(&ViewConfig { shuffle, ..ViewConfig::official_a() });
        let key = ViewKey { seed, epoch: 0, position, view: 0 };
        pipeline.apply(&image, 0, &pipeline.draw(key, &image), &mut scratch)
    };
    assert_eq!(view_of(PixelShuffle::None, 1, 1), image);
    for shuffle in [PixelShuffle::Fixed, PixelShuffle::Fresh] {
        let (first, second) = (view_of(shuffle, 1, 1), view_of(shuffle, 1, 2));
        assert_eq!(first == second, shuffle == PixelShuffle::Fixed);
        assert_ne!(first, view_of(shuffle, 2, 1));
        for view in [&first, &second] {
            assert_eq!(sorted(view), sorted(&image));
            // One in 1024 by chance.
            assert!(kept_neighbours(&image, view) < 0.01);
        }
    }
    assert!(kept_neighbours(&image, &image) > 0.99);
}

#[test]
fn jitter_means_the_same_on_shuffled_pixels() {
    let (image, mut scratch) = (DecodedImage::U8(picture(32, 32, 3, 1)), Scratch::default());
    let views = vec![ViewConfig { jitter_probability: 1.0, ..ViewConfig::official_a() }];
    let pipeline = ViewPipeline::new(ViewPipelineConfig { views, ..config(24, 3, None) });
    let pipeline = pipeline.expect("right settings");
    let key = ViewKey { seed: 5, epoch: 2, position: 7, view: 0 };
    let plain = ViewParameters { blur_sigma: None, ..pipeline.draw(key, &image) };
    let shuffled = ViewParameters { shuffle: Some(77), ..plain.clone() };
    let plain = pipeline.apply(&image, 0, &plain, &mut scratch);
    let shuffled = pipeline.apply(&image, 0, &shuffled, &mut scratch);
    assert_ne!(plain, shuffled);
    assert_eq!(sorted(&plain), sorted(&shuffled));
}

#[test]
fn the_evaluation_view_is_shuffled_as_fixed_shuffled_views_are() {
    let (image, mut scratch) = (DecodedImage::U8(picture(32, 32, 3, 1)), Scratch::default());
    let views = untouched(&ViewConfig { shuffle: PixelShuffle::Fixed, ..ViewConfig::official_a() });
    let evaluation_shuffle = Some(9);
    let config = ViewPipelineConfig { evaluation_shuffle, ..config(32, 3, None) };
    let pipeline = ViewPipeline::new(config).expect("right settings");
    let key = ViewKey { seed: 9, epoch: 3, position: 7, view: 0 };
    let trained = views.apply(&image, 0, &views.draw(key, &image), &mut scratch);
    assert_eq!(pipeline.evaluation(&image, &mut scratch), trained);
}

#[test]
fn what_is_erased_is_zero_and_shows_as_the_mean() {
    let (image, mut scratch) = (DecodedImage::U8(picture(32, 32, 3, 1)), Scratch::default());
    let pipeline = untouched(&ViewConfig { erase_probability: 1.0, ..ViewConfig::official_a() });
    for position in 0..20 {
        let key = ViewKey { seed: 5, epoch: 2, position, view: 0 };
        let parameters = pipeline.draw(key, &image);
        let area = parameters.erase.expect("always erased");
        let CropBox { left, top, width, height } = area;
        let shown = bytes(&pipeline.apply(&image, 0, &parameters, &mut scratch));
        let mut values = vec![1.0f32; 3 * 32 * 32];
        pipeline.render(&image, key, &mut scratch, &mut values);
        for (i, value) in values.iter().enumerate() {
            let (c, y, x) = (i / 1024, i / 32 % 32, i % 32);
            let is_erased = (left..left + width).contains(&x) && (top..top + height).contains(&y);
            let shown = shown.pixel(x, y)[c];
            if is_erased {
                assert_eq!((value.to_bits(), shown), (0, [124, 116, 104][c]));
            } else {
                assert_eq!(shown, bytes(&image).pixel(x, y)[c]);
                assert_ne!(value.to_bits(), 0);
            }
        }
    }
}

#[test]
fn turns_are_against_the_clock_and_four_of_them_are_none() {
    let square: Vec<u32> = (0..9).collect();
    let turned = |quarters| {
        let mut pixels = square.clone();
        geometry::turn(&mut pixels, 3, quarters);
        pixels
    };
    assert_eq!(turned(1), [2, 5, 8, 1, 4, 7, 0, 3, 6]);
    assert_eq!(turned(2), [8, 7, 6, 5, 4, 3, 2, 1, 0]);
    assert_eq!(turned(3), [6, 3, 0, 7, 4, 1, 8, 5, 2]);
    assert_eq!([turned(0), turned(4)], [square.clone(), square.clone()]);
    let mut rows = square;
    geometry::flip_vertically(&mut rows, 3);
    assert_eq!(rows, [6, 7, 8, 3, 4, 5, 0, 1, 2]);
}
