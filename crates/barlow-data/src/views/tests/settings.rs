//! What settings are refused, and how settings and parameters are written.

use crate::views::{
    CropBox, Jitter, JitterOperation, PixelShuffle, RangeConfig, ViewConfig, ViewParameters,
    ViewPipeline, ViewPipelineConfig, ViewProblem,
};

#[test]
fn every_wrong_setting_is_named() {
    let wrong = ViewPipelineConfig {
        image_size: 0,
        channels: 65,
        mean: vec![0.5],
        std: vec![0.0, 1.0],
        resize: Some(99_999),
        range: RangeConfig::Limits([1.0, 0.0]),
        evaluation_shuffle: None,
        views: vec![
            ViewConfig::official_a(),
            ViewConfig {
                image_size: Some(0),
                crop_scale: [0.0, 1.0],
                crop_ratio: [2.0, 1.0],
                flip_probability: 1.5,
                brightness: -0.1,
                hue: 0.6,
                blur_sigma: [-1.0, f64::NAN],
                rotation_probability: -0.5,
                erase_scale: [0.5, 1.5],
                erase_ratio: [0.0, 1.0],
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
            "range",
            "views.1.image_size",
            "views.1.flip_probability",
            "views.1.rotation_probability",
            "views.1.brightness",
            "views.1.hue",
            "views.1.crop_scale",
            "views.1.erase_scale",
            "views.1.crop_ratio",
            "views.1.erase_ratio",
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
        vertical_flip: false,
        quarter_turns: 3,
        jitter: Some(Jitter {
            order: [hue, contrast, brightness, saturation],
            brightness: Some(1.5),
            contrast: Some(0.75),
            saturation: None,
            hue: Some(-0.125),
            channel_brightness: vec![],
            channel_contrast: vec![],
        }),
        grayscale: false,
        blur_sigma: Some(0.5),
        solarize: false,
        equalize: true,
        shuffle: Some(5),
        erase: Some(CropBox { left: 0, top: 1, width: 2, height: 3 }),
    };
    let text = r#"{"crop":{"left":1,"top":2,"width":3,"height":4},"flip":true,"vertical_flip":false,"quarter_turns":3,"jitter":{"order":["hue","contrast","brightness","saturation"],"brightness":1.5,"contrast":0.75,"saturation":null,"hue":-0.125},"grayscale":false,"blur_sigma":0.5,"solarize":false,"equalize":true,"shuffle":5,"erase":{"left":0,"top":1,"width":2,"height":3}}"#;
    assert_eq!(serde_json::to_string(&parameters).expect("plain data"), text);
    assert_eq!(serde_json::from_str::<ViewParameters>(text).expect("our own output"), parameters);
}

#[test]
fn settings_without_the_keys_that_have_defaults_are_the_official_ones() {
    let text = r#"{"crop_scale":[0.08,1.0],"crop_ratio":[0.75,1.3333333333333333],"flip_probability":0.5,"jitter_probability":0.8,"brightness":0.4,"contrast":0.4,"saturation":0.2,"hue":0.1,"grayscale_probability":0.2,"blur_probability":1.0,"blur_sigma":[0.1,2.0],"solarize_probability":0.0}"#;
    let read: ViewConfig = serde_json::from_str(text).expect("all keys without default");
    assert_eq!(read, ViewConfig::official_a());
    let shuffled = text.replace('}', r#","shuffle":"fresh","image_size":96}"#);
    let read: ViewConfig = serde_json::from_str(&shuffled).expect("more keys");
    assert_eq!((read.shuffle, read.image_size), (PixelShuffle::Fresh, Some(96)));
    let unknown = text.replace('}', r#","solarise":1}"#);
    assert!(serde_json::from_str::<ViewConfig>(&unknown).is_err());
}

#[test]
fn only_three_channels_have_colour() {
    for channels in [1, 2, 4, 64] {
        let config = ViewConfig::official_a().for_channels(channels);
        let off = ViewConfig {
            saturation: 0.0,
            hue: 0.0,
            grayscale_probability: 0.0,
            ..ViewConfig::official_a()
        };
        assert_eq!(config, off, "{channels}");
    }
}
