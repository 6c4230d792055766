//! Folders as users have them: every format, nested, some of it broken.

#![allow(clippy::unwrap_used, reason = "helpers of tests end a test as the tests do")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::{Playground, images};

/// Files of one image each, 1 or 3 channels of 8 or 16 bits, by the folder they go to.
const FILES: [(&str, &[&str]); 4] = [
    ("plants/leaves/2024", &["rgba.png", "palette_trns.png", "grey16.png", "bits.png", "cmyk.jpg"]),
    ("plants", &["progressive.jpg", "grey.jpg", "orientation_6.jpg", "ycck.jpg", "lossy.webp"]),
    ("stones/a b", &["animation.gif", "rgba.bmp", "wide.ppm", "plain.pbm", "rgba.pam"]),
    ("stones/ü", &["palette.tif", "tiles.tif", "big_endian.tif", "lzw.tif", "little_u2.npy"]),
];

/// Where the files of all formats are.
fn formats() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../reference/data/formats")
}

/// The files of [`FILES`], three broken ones, and some that are no images.
fn write_messy_folder(root: &Path) {
    for (folder, names) in FILES {
        fs::create_dir_all(root.join(folder)).unwrap();
        for name in names {
            fs::copy(formats().join(name), root.join(folder).join(name)).unwrap();
        }
    }
    let cut_off = &images::png(3)[..300];
    for (path, bytes) in [
        ("plants/cut_off.png", cut_off),
        ("plants/empty.jpg", b""),
        ("stones/text.tif", b"these bytes are no image"),
        ("stones/readme.txt", b"about stones"),
        ("stones/.hidden.png", b"hidden"),
    ] {
        fs::write(root.join(path), bytes).unwrap();
    }
}

#[test]
fn data_says_what_a_messy_folder_holds() {
    let playground = Playground::barlow();
    write_messy_folder(&playground.path("images"));
    let ended = playground.run(&["data", "images", "--json"]);
    ended.assert(0, &[]);
    let found: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!([&found["images"], &found["decodable"]], [&json!(23), &json!(20)]);
    assert_eq!(
        found["classes"],
        json!([{"name": "plants", "images": 12}, {"name": "stones", "images": 11}])
    );
    assert_eq!(found["channels"], json!({"1": 5, "3": 15}));
    assert_eq!(found["depths"], json!({"8 bit": 16, "16 bit": 4}));
    assert_eq!(
        found["formats"],
        json!({"JPEG": 5, "PNG": 5, "TIFF": 4, "PNM": 3, "GIF": 1, "BMP": 1, "WebP": 1, "npy": 1})
    );
    assert_eq!(found["bad"], json!({"truncated": 2, "not-an-image": 1}));
    assert_eq!(found["pretrain"]["channels"], 3);
    assert_eq!(found["pretrain"]["preset"], "small-data");
    assert_eq!(found["pretrain"]["measured_std"].as_array().unwrap().len(), 3);
    let text = playground.run(&["data", "images"]);
    text.assert(0, &[]);
    for said in ["images: 23", "20 can be decoded", "plants 12", "cut_off.png", "small-data"] {
        assert!(text.stdout.contains(said), "{said} in {}", text.stdout);
    }
}

/// A few steps on the folder `images`.
fn pretrain<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let few = [
        "pretrain",
        "--data=images",
        "--out=run",
        "--image-size=16",
        "--width=4",
        "--projector=16-16",
        "--batch-size=8",
        "--epochs=3",
        "--set=encoder.stem=small",
        "--set=optimizer.name=adamw",
        "--set=optimizer.base_learning_rate=0.001",
    ];
    few.iter().chain(more).copied().collect()
}

#[test]
fn training_on_a_messy_folder_completes_and_names_what_was_skipped() {
    let playground = Playground::barlow();
    write_messy_folder(&playground.path("images"));
    let more = ["--set=views.mean=auto", "--set=views.std=auto", "--set=views.small_views=2"];
    let ended =
        playground.run(&pretrain(&[&more[..], &["--set=views.small_image_size=8"]].concat()));
    ended.assert(0, &["passed over 1 file"]);
    let bad = fs::read_to_string(playground.path("run/bad_images.jsonl")).unwrap();
    assert_eq!(bad.lines().count(), 3, "{bad}");
    for name in ["cut_off.png", "empty.jpg", "text.tif"] {
        assert!(bad.lines().any(|line| line.contains(name)), "{name} in {bad}");
    }
    let config = fs::read_to_string(playground.path("run/config.toml")).unwrap();
    let config: toml::Table = config.parse().unwrap();
    assert_eq!(config["data"]["channels"].as_integer(), Some(3));
    assert_eq!(config["views"]["mean"].as_array().unwrap().len(), 3, "measured and written out");
    assert_eq!(support::recorded_steps(&playground.path("run")), 6);
}

#[test]
fn channels_and_ranges_of_science_reach_the_network() {
    let playground = Playground::barlow();
    let folder = playground.path("images");
    fs::create_dir_all(&folder).unwrap();
    for index in 0..8 {
        for name in ["five_u16.tif", "planar_5.tif", "hwc.npy"] {
            fs::copy(formats().join(name), folder.join(format!("{index}_{name}"))).unwrap();
        }
    }
    let ended = playground.run(&pretrain(&[
        "--set=views.range=percentiles",
        "--set=views.range_ends=1,99",
        "--set=views.a.vertical_flip_probability=0.5",
        "--set=views.a.rotation_probability=1",
    ]));
    ended.assert(0, &[]);
    let config = fs::read_to_string(playground.path("run/config.toml")).unwrap();
    let config: toml::Table = config.parse().unwrap();
    assert_eq!(config["data"]["channels"].as_integer(), Some(5));
    assert_eq!(config["views"]["std"].as_array().unwrap().len(), 5, "measured: no ImageNet for 5");
    // One with colour among them: the user must say what is wanted.
    fs::copy(formats().join("rgba.png"), folder.join("z.png")).unwrap();
    let ended = playground.run(&["data", "images"]);
    ended.assert(0, &[]);
    assert!(ended.stdout.contains("different numbers of channels"), "{}", ended.stdout);
}

#[test]
fn patterns_and_fractions_choose_images() {
    let playground = Playground::barlow();
    images::write(&playground.path("images"), 40, true);
    let count = |more: &[&str]| {
        let ended = playground.run(&[&["data", "images", "--json"][..], more].concat());
        ended.assert(0, &[]);
        serde_json::from_str::<Value>(&ended.stdout).unwrap()["images"].as_u64().unwrap()
    };
    assert_eq!(count(&[]), 40);
    assert_eq!(count(&["--set=data.include=cats/**"]), 20);
    assert_eq!(count(&["--set=data.exclude=0[01]*.png"]), 20);
    assert_eq!(count(&["--set=data.fraction=0.25"]), 10);
    let ended = playground.run(&["data", "images", "--set=data.include=*.tif"]);
    ended.assert(1, &["the patterns leave no image"]);
}

#[test]
fn a_cache_of_decoded_images_changes_nothing_but_where_they_come_from() {
    let playground = Playground::barlow();
    images::write(&playground.path("images"), 16, false);
    let cached = ["--set=data.cache_folder=decoded"];
    let mut encoders = Vec::new();
    for more in [&[][..], &cached, &cached] {
        let ended = playground.run(&pretrain(&[&["--overwrite"], more].concat()));
        ended.assert(0, &[]);
        encoders.push(playground.encoder());
    }
    assert!(encoders.iter().all(|encoder| *encoder == encoders[0]));
    let kept: Vec<_> = fs::read_dir(playground.path("decoded")).unwrap().collect();
    assert_eq!(kept.len(), 1, "one folder for the one source");
}
