//! `barlow views`: the contact sheet, and any of its images again by position.

#![allow(clippy::unwrap_used, reason = "helpers of tests end a test as the tests do")]

mod support;

use std::fs;

use image::RgbImage;
use serde_json::Value;
use support::{Playground, images};

/// Around a sheet's groups, and between them, pixels.
const MARGIN: u32 = 16;
/// Between the lines of a sheet, pixels.
const LINE_GAP: u32 = 8;

fn sheet(playground: &Playground, more: &[&str]) -> RgbImage {
    let arguments = ["views", "--data=synthetic:40", "--preset=quick", "--out=views.png"];
    let arguments: Vec<&str> = arguments.iter().chain(more).copied().collect();
    playground.run(&arguments).assert(0, &["views.png: "]);
    image::load_from_memory(&fs::read(playground.path("views.png")).unwrap()).unwrap().to_rgb8()
}

fn parameters(playground: &Playground, more: &[&str]) -> Vec<Value> {
    let arguments = ["views", "--data=synthetic:40", "--preset=quick", "--json"];
    let arguments: Vec<&str> = arguments.iter().chain(more).copied().collect();
    playground.run(&arguments).json().as_array().unwrap().clone()
}

fn part(image: &RgbImage, [x, y]: [u32; 2], [width, height]: [u32; 2]) -> Option<RgbImage> {
    let fits = x + width <= image.width() && y + height <= image.height();
    fits.then(|| image::imageops::crop_imm(image, x, y, width, height).to_image())
}

#[test]
fn one_position_alone_gives_the_pictures_of_a_longer_sheet() {
    let playground = Playground::barlow();
    let long = sheet(&playground, &["--count=12"]);
    for position in 0..12_u32 {
        let alone = sheet(&playground, &[&format!("--index={position}")]);
        let group = [alone.width() - 2 * MARGIN, alone.height() - 2 * MARGIN];
        let pictures = part(&alone, [MARGIN; 2], group);
        let pitch = [group[0] + MARGIN, group[1] + LINE_GAP];
        let columns = (long.width() - MARGIN) / pitch[0];
        let [line, column] = [position / columns, position % columns];
        let corner = [MARGIN + column * pitch[0], MARGIN + line * pitch[1]];
        assert!(pictures.is_some() && pictures == part(&long, corner, group), "{position}");
    }
    assert_ne!(sheet(&playground, &["--index=5"]), sheet(&playground, &["--index=6"]));
}

#[test]
fn the_parameters_of_a_position_depend_on_seed_and_epoch_only() {
    let playground = Playground::barlow();
    let all = parameters(&playground, &["--count=12"]);
    assert_eq!(all.len(), 24);
    assert_eq!(parameters(&playground, &["--index=5"]), all[10..12]);
    assert_eq!(parameters(&playground, &["--index=5,2-3"]), [&all[10..12], &all[4..8]].concat());
    assert_eq!(parameters(&playground, &["--count=12"]), all);
    for other in ["--epoch=1", "--seed=1"] {
        assert_ne!(parameters(&playground, &["--count=12", other]), all);
    }
    for (index, drawn) in all.iter().enumerate() {
        assert_eq!([&drawn["position"], &drawn["view"]], [index / 2, index % 2]);
        let parameters = drawn["parameters"].as_object().unwrap();
        let names: Vec<&str> = parameters.keys().map(String::as_str).collect();
        let expected = [
            "blur_sigma",
            "crop",
            "equalize",
            "erase",
            "flip",
            "grayscale",
            "jitter",
            "quarter_turns",
        ];
        assert_eq!(names[..8], expected);
        assert_eq!(names[8..], ["shuffle", "solarize", "vertical_flip"]);
        // The quick preset never solarises the first view.
        assert!(drawn["view"] == 1 || parameters["solarize"] == false);
    }
    let ids: std::collections::BTreeSet<_> = all.iter().map(|drawn| drawn["id"].as_u64()).collect();
    assert_eq!(ids.len(), 12);
}

#[test]
fn the_sheet_of_any_folder_is_drawn_and_what_is_bad_is_named() {
    let playground = Playground::barlow();
    images::write(&playground.path("images"), 6, false);
    fs::write(playground.path("images/002.png"), "no image").unwrap();
    let arguments = ["views", "--data=images", "--out=sheet.png"];
    let said = ["warning: `images/002.png` is skipped", "sheet.png: 5 images of epoch 0"];
    playground.run(&arguments).assert(0, &said);
    image::load_from_memory(&fs::read(playground.path("sheet.png")).unwrap()).unwrap();
}

#[test]
fn a_position_that_is_not_there_is_refused_with_those_that_are() {
    let playground = Playground::barlow();
    let arguments = ["views", "--data=synthetic:40", "--index=40", "--out=views.png"];
    playground.run(&arguments).assert(1, &["no position 40", "positions 0 to 39"]);
    assert!(!playground.path("views.png").exists());
}

#[test]
fn a_sheet_that_cannot_be_written_is_an_error() {
    let playground = Playground::barlow();
    let arguments = ["views", "--data=synthetic:40", "--out=missing/views.png"];
    playground.run(&arguments).assert(1, &["cannot be written to `missing/views.png`"]);
}
