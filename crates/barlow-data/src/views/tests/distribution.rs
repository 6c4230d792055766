//! Drawn parameters against their analytic laws; all seeds are fixed.

use crate::views::{
    CropBox, Jitter, JitterOperation, ViewConfig, ViewKey, ViewParameters, ViewPipeline,
    ViewPipelineConfig, ViewProblem,
};

const DRAWS: u64 = 20_000;

fn draw(config: &ViewConfig, [width, height]: [usize; 2]) -> Vec<ViewParameters> {
    (0..DRAWS)
        .map(|position| {
            let key = ViewKey { seed: 11, epoch: 2, position, view: 1 };
            config.draw(key, width, height)
        })
        .collect()
}

/// Kolmogorov and Smirnov's test of values against the uniform law on `low..high`, at the 1 %
/// level: the largest distance of the distributions is below `1.63 / sqrt(n)`.
fn assert_uniform(what: &str, values: impl Iterator<Item = f64>, [low, high]: [f64; 2]) {
    let mut values: Vec<f64> = values.map(|v| (v - low) / (high - low)).collect();
    values.sort_by(f64::total_cmp);
    let n = values.len() as f64;
    let distance = values
        .iter()
        .enumerate()
        .map(|(i, v)| (v - i as f64 / n).abs().max(((i + 1) as f64 / n - v).abs()))
        .fold(0.0, f64::max);
    assert!(distance < 1.63 / n.sqrt(), "{what}: distance {distance} of {n} values");
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
        let before = all.draw(key(position), 40, 30);
        let with = |config: ViewConfig| config.draw(key(position), 40, 30);
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
        let whole = with(ViewConfig { crop_scale: [1.0, 1.0], ..all.clone() });
        assert_eq!(ViewParameters { crop: before.crop, ..whole }, before);
    }
}

#[test]
fn seed_epoch_position_and_view_each_change_what_is_drawn() {
    let config = ViewConfig { jitter_probability: 1.0, ..ViewConfig::official_a() };
    let key = ViewKey { seed: 1, epoch: 2, position: 3, view: 0 };
    let first = config.draw(key, 300, 200);
    assert_eq!(first, config.draw(key, 300, 200));
    for other in [
        ViewKey { seed: 2, ..key },
        ViewKey { epoch: 3, ..key },
        ViewKey { position: 4, ..key },
        ViewKey { view: 1, ..key },
    ] {
        let drawn = config.draw(other, 300, 200);
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

#[test]
fn every_wrong_setting_is_named() {
    let wrong = ViewPipelineConfig {
        image_size: 0,
        channels: 2,
        mean: vec![0.5],
        std: vec![0.0, 1.0],
        resize: Some(99_999),
        views: vec![
            ViewConfig::official_a(),
            ViewConfig {
                crop_scale: [0.0, 1.0],
                crop_ratio: [2.0, 1.0],
                flip_probability: 1.5,
                brightness: -0.1,
                hue: 0.6,
                blur_sigma: [-1.0, f64::NAN],
                ..ViewConfig::official_b()
            },
        ],
    };
    let error = ViewPipeline::new(wrong).expect_err("all of this is wrong");
    let keys: Vec<&str> = error.problems.iter().map(|ViewProblem { key, .. }| &**key).collect();
    assert_eq!(
        keys,
        [
            "image_size",
            "channels",
            "mean",
            "std",
            "resize",
            "views.1.flip_probability",
            "views.1.brightness",
            "views.1.hue",
            "views.1.crop_scale",
            "views.1.crop_ratio",
            "views.1.blur_sigma",
        ]
    );
    assert!(error.to_string().contains("`views.1.hue` is 0.6, allowed: 0 to 0.5"), "{error}");
}

#[test]
fn json_of_parameters_names_all_that_was_drawn_in_the_order_of_the_operations() {
    let [brightness, contrast, saturation, hue] = JitterOperation::ALL;
    let parameters = ViewParameters {
        crop: CropBox { left: 1, top: 2, width: 3, height: 4 },
        flip: true,
        jitter: Some(Jitter {
            order: [hue, contrast, brightness, saturation],
            brightness: Some(1.5),
            contrast: Some(0.75),
            saturation: None,
            hue: Some(-0.125),
        }),
        grayscale: false,
        blur_sigma: Some(0.5),
        solarize: false,
    };
    let text = r#"{"crop":{"left":1,"top":2,"width":3,"height":4},"flip":true,"jitter":{"order":["hue","contrast","brightness","saturation"],"brightness":1.5,"contrast":0.75,"saturation":null,"hue":-0.125},"grayscale":false,"blur_sigma":0.5,"solarize":false}"#;
    assert_eq!(serde_json::to_string(&parameters).expect("plain data"), text);
    assert_eq!(serde_json::from_str::<ViewParameters>(text).expect("our own output"), parameters);
}
