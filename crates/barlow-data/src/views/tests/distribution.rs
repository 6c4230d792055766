//! Drawn parameters against their analytic laws; all seeds are fixed.

use std::collections::HashSet;

use crate::views::{Jitter, JitterOperation, PixelShuffle, ViewConfig, ViewKey, ViewParameters};

const DRAWS: u64 = 20_000;

fn draw(config: &ViewConfig, [width, height]: [usize; 2]) -> Vec<ViewParameters> {
    (0..DRAWS)
        .map(|position| {
            let key = ViewKey { seed: 11, epoch: 2, position, view: 1 };
            config.draw(key, [width, height], [3, 1000, 1000])
        })
        .collect()
}

/// Kolmogorov and Smirnov's test of values against a distribution function, at the 0.1 % level: the
/// largest distance of the distributions is below `1.9495 / sqrt(n)`.
pub(super) fn assert_follows(
    what: &str,
    values: impl Iterator<Item = f64>,
    law: impl Fn(f64) -> f64,
) {
    let mut values: Vec<f64> = values.map(law).collect();
    values.sort_by(f64::total_cmp);
    let n = values.len() as f64;
    let distance = values
        .iter()
        .enumerate()
        .map(|(i, v)| (v - i as f64 / n).abs().max(((i + 1) as f64 / n - v).abs()))
        .fold(0.0, f64::max);
    assert!(distance < 1.9495 / n.sqrt(), "{what}: distance {distance} of {n} values");
}

/// The same against the uniform law on `low..high`.
fn assert_uniform(what: &str, values: impl Iterator<Item = f64>, [low, high]: [f64; 2]) {
    assert_follows(what, values, |v| (v - low) / (high - low));
}

/// A share of `DRAWS` within four standard errors of a probability.
fn assert_share(what: &str, count: usize, probability: f64) {
    let share = count as f64 / DRAWS as f64;
    let error = (probability * (1.0 - probability) / DRAWS as f64).sqrt();
    assert!((share - probability).abs() <= 4.0 * error, "{what}: {share} is not {probability}");
}

#[test]
fn crop_area_log_ratio_and_place_are_uniform() {
    // Up to half of a square image, so that every rectangle fits at the first try.
    let config = ViewConfig { crop_scale: [0.08, 0.5], ..ViewConfig::official_a() };
    let side = 10_000;
    let crops: Vec<_> = draw(&config, [side, side]).into_iter().map(|p| p.crop).collect();
    let area = (side * side) as f64;
    assert_uniform("area", crops.iter().map(|c| (c.width * c.height) as f64 / area), [0.08, 0.5]);
    let ratio = crops.iter().map(|c| (c.width as f64 / c.height as f64).ln());
    assert_uniform("log ratio", ratio, config.crop_ratio.map(f64::ln));
    let left = crops.iter().map(|c| c.left as f64 / (side - c.width) as f64);
    assert_uniform("left", left, [0.0, 1.0]);
    let top = crops.iter().map(|c| c.top as f64 / (side - c.height) as f64);
    assert_uniform("top", top, [0.0, 1.0]);
}

#[test]
fn crops_lie_inside_images_of_any_shape() {
    for [width, height] in [[1, 1], [1, 2], [2, 1], [3, 2], [28, 28], [5, 400], [500, 333]] {
        for crop in draw(&ViewConfig::official_a(), [width, height]).iter().map(|p| p.crop) {
            assert!(crop.width > 0 && crop.left + crop.width <= width, "{crop:?}");
            assert!(crop.height > 0 && crop.top + crop.height <= height, "{crop:?}");
        }
    }
}

#[test]
fn factors_and_sigmas_are_uniform_and_operations_happen_as_often_as_configured() {
    for config in [ViewConfig::official_a(), ViewConfig::official_b()] {
        let drawn = draw(&config, [64, 48]);
        let count = |is: fn(&ViewParameters) -> bool| drawn.iter().filter(|p| is(p)).count();
        assert_share("flip", count(|p| p.flip), 0.5);
        assert_share("jitter", count(|p| p.jitter.is_some()), 0.8);
        assert_share("grayscale", count(|p| p.grayscale), 0.2);
        assert_share("blur", count(|p| p.blur_sigma.is_some()), config.blur_probability);
        assert_share("solarize", count(|p| p.solarize), config.solarize_probability);
        assert_uniform("sigma", drawn.iter().filter_map(|p| p.blur_sigma), [0.1, 2.0]);
        let jitter = || drawn.iter().filter_map(|p| p.jitter.as_ref());
        assert_uniform("brightness", jitter().filter_map(|j| j.brightness), [0.6, 1.4]);
        assert_uniform("contrast", jitter().filter_map(|j| j.contrast), [0.6, 1.4]);
        assert_uniform("saturation", jitter().filter_map(|j| j.saturation), [0.8, 1.2]);
        assert_uniform("hue", jitter().filter_map(|j| j.hue), [-0.1, 0.1]);
    }
}

#[test]
fn flips_turns_equalize_and_shuffles_happen_as_often_as_configured() {
    let config = ViewConfig {
        vertical_flip_probability: 0.3,
        rotation_probability: 0.6,
        equalize_probability: 0.15,
        shuffle: PixelShuffle::Fresh,
        ..ViewConfig::official_a()
    };
    let drawn = draw(&config, [64, 48]);
    let count = |is: &dyn Fn(&ViewParameters) -> bool| drawn.iter().filter(|p| is(p)).count();
    assert_share("vertical flip", count(&|p| p.vertical_flip), 0.3);
    for (quarters, probability) in [(0, 0.55), (1, 0.15), (2, 0.15), (3, 0.15)] {
        assert_share("turn", count(&|p| p.quarter_turns == quarters), probability);
    }
    assert_share("equalize", count(&|p| p.equalize), 0.15);
    // Independent of each other.
    assert_share("both", count(&|p| p.vertical_flip && p.flip && p.equalize), 0.3 * 0.5 * 0.15);
    let numbers: HashSet<_> = drawn.iter().map(|p| p.shuffle).collect();
    assert_eq!(numbers.len() as u64, DRAWS);
    let fixed = ViewConfig { shuffle: PixelShuffle::Fixed, ..config };
    let numbers: HashSet<_> = draw(&fixed, [64, 48]).iter().map(|p| p.shuffle).collect();
    assert_eq!(numbers.len(), 1);
}

#[test]
fn erased_areas_log_ratios_and_places_are_uniform() {
    // Up to a quarter of a square view at most twice as high as wide, so that the first rectangle
    // fits; rounding to pixels of 1000 moves areas and ratios by less than the test sees.
    let config = ViewConfig {
        erase_probability: 0.7,
        erase_scale: [0.02, 0.25],
        erase_ratio: [0.5, 2.0],
        ..ViewConfig::official_a()
    };
    let erased: Vec<_> = draw(&config, [64, 48]).into_iter().filter_map(|p| p.erase).collect();
    assert_share("erase", erased.len(), 0.7);
    let area = erased.iter().map(|c| (c.width * c.height) as f64 / 1e6);
    assert_uniform("area", area, [0.02, 0.25]);
    let ratio = erased.iter().map(|c| (c.height as f64 / c.width as f64).ln());
    assert_uniform("log ratio", ratio, config.erase_ratio.map(f64::ln));
    // A place has one of a few hundred values: spread over its pixel by a fixed sequence.
    let spread = |i: usize| (i as f64 * 0.618_033_988_749_895).fract();
    let left = erased.iter().enumerate();
    let left = left.map(|(i, c)| (c.left as f64 + spread(i)) / (1001 - c.width) as f64);
    assert_uniform("left", left, [0.0, 1.0]);
    let top = erased.iter().enumerate();
    let top = top.map(|(i, c)| (c.top as f64 + spread(i)) / (1001 - c.height) as f64);
    assert_uniform("top", top, [0.0, 1.0]);
    // As wide or as high as the view never, and then nothing is erased.
    let all = ViewConfig { erase_scale: [1.0, 1.0], erase_ratio: [1.0, 1.0], ..config };
    assert!(draw(&all, [64, 48]).iter().all(|p| p.erase.is_none()));
}

#[test]
fn each_channel_s_factors_are_uniform_and_independent() {
    let config = ViewConfig { jitter_probability: 1.0, ..ViewConfig::official_a() };
    let drawn: Vec<Jitter> = (0..DRAWS)
        .map(|position| {
            let key = ViewKey { seed: 11, epoch: 2, position, view: 1 };
            config.draw(key, [64, 48], [4, 9, 9]).jitter.expect("always jittered")
        })
        .collect();
    for channel in 0..4 {
        let brightness = drawn.iter().map(|j| j.channel_brightness[channel]);
        assert_uniform("brightness", brightness, [0.6, 1.4]);
        assert_uniform("contrast", drawn.iter().map(|j| j.channel_contrast[channel]), [0.6, 1.4]);
    }
    let product = |j: &Jitter| (j.channel_brightness[0] - 1.0) * (j.channel_brightness[3] - 1.0);
    let mean = drawn.iter().map(product).sum::<f64>() / DRAWS as f64;
    // The variance of a factor is 0.8² / 12; four standard errors.
    assert!(mean.abs() < 4.0 * (0.64 / 12.0) / (DRAWS as f64).sqrt(), "{mean}");
    assert!(drawn.iter().all(|j| (j.brightness, j.hue, j.saturation) == (None, None, None)));
}

#[test]
fn all_orders_of_jitter_are_equally_likely() {
    let config = ViewConfig { jitter_probability: 1.0, ..ViewConfig::official_a() };
    let mut counts = [0u32; 256];
    for parameters in draw(&config, [32, 32]) {
        let order = parameters.jitter.expect("always jittered").order;
        counts[order.iter().fold(0, |code, &operation| code * 4 + operation as usize)] += 1;
    }
    let expected = DRAWS as f64 / 24.0;
    let seen: Vec<f64> = counts.iter().filter(|&&n| n > 0).map(|&n| f64::from(n)).collect();
    assert_eq!(seen.len(), 24);
    let chi_squared: f64 = seen.iter().map(|n| (n - expected).powi(2) / expected).sum();
    // The 99 % point of chi squared with 23 degrees of freedom.
    assert!(chi_squared < 41.638, "chi squared {chi_squared}");
}

#[test]
fn switching_one_operation_off_leaves_the_draws_of_all_others() {
    let all = ViewConfig {
        jitter_probability: 1.0,
        grayscale_probability: 0.5,
        blur_probability: 0.5,
        solarize_probability: 0.5,
        ..ViewConfig::official_a()
    };
    let key = |position| ViewKey { seed: 1, epoch: 0, position, view: 0 };
    for position in 0..200 {
        let before = all.draw(key(position), [40, 30], [3, 9, 9]);
        let with = |config: ViewConfig| config.draw(key(position), [40, 30], [3, 9, 9]);
        assert_eq!(
            with(ViewConfig { flip_probability: 0.0, ..all.clone() }),
            ViewParameters { flip: false, ..before.clone() },
        );
        assert_eq!(
            with(ViewConfig { jitter_probability: 0.0, ..all.clone() }),
            ViewParameters { jitter: None, ..before.clone() },
        );
        assert_eq!(
            with(ViewConfig { blur_probability: 0.0, ..all.clone() }),
            ViewParameters { blur_sigma: None, ..before.clone() },
        );
        let mut without_brightness = before.clone();
        without_brightness.jitter.as_mut().expect("always jittered").brightness = None;
        assert_eq!(with(ViewConfig { brightness: 0.0, ..all.clone() }), without_brightness);
        for on in [
            ViewConfig { vertical_flip_probability: 1.0, ..all.clone() },
            ViewConfig { rotation_probability: 1.0, ..all.clone() },
            ViewConfig { equalize_probability: 1.0, ..all.clone() },
            ViewConfig { shuffle: PixelShuffle::Fresh, ..all.clone() },
            ViewConfig { erase_probability: 1.0, ..all.clone() },
        ] {
            let ViewParameters { crop, flip, jitter, grayscale, blur_sigma, solarize, .. } =
                with(on);
            let plain = ViewParameters::of_crop(crop);
            let old = ViewParameters { flip, jitter, grayscale, blur_sigma, solarize, ..plain };
            assert_eq!(old, before);
        }
        let whole = with(ViewConfig { crop_scale: [1.0, 1.0], ..all.clone() });
        assert_eq!(ViewParameters { crop: before.crop, ..whole }, before);
    }
}

#[test]
fn seed_epoch_position_and_view_each_change_what_is_drawn() {
    let config = ViewConfig { jitter_probability: 1.0, ..ViewConfig::official_a() };
    let key = ViewKey { seed: 1, epoch: 2, position: 3, view: 0 };
    let first = config.draw(key, [300, 200], [3, 9, 9]);
    assert_eq!(first, config.draw(key, [300, 200], [3, 9, 9]));
    for other in [
        ViewKey { seed: 2, ..key },
        ViewKey { epoch: 3, ..key },
        ViewKey { position: 4, ..key },
        ViewKey { view: 1, ..key },
    ] {
        let drawn = config.draw(other, [300, 200], [3, 9, 9]);
        assert_ne!(drawn.crop, first.crop);
        assert_ne!(drawn.jitter, first.jitter);
        assert_ne!(drawn.blur_sigma, first.blur_sigma);
    }
}

#[test]
fn one_channel_draws_neither_saturation_nor_hue_nor_grey() {
    let config = ViewConfig::official_a().for_channels(1);
    for parameters in draw(&config, [28, 28]) {
        assert!(!parameters.grayscale);
        if let Some(jitter) = parameters.jitter {
            assert_eq!((jitter.saturation, jitter.hue), (None, None));
            assert_eq!(jitter.order.len(), JitterOperation::ALL.len());
            assert!(jitter.brightness.is_some() && jitter.contrast.is_some());
        }
    }
    assert_eq!(ViewConfig::official_b().for_channels(3), ViewConfig::official_b());
}
