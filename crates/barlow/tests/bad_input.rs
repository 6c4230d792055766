//! Bad input: each kind ends with a message that names it and the right exit code, and nothing of
//! the user's is lost.

#![allow(clippy::unwrap_used, reason = "helpers of tests end a test as the tests do")]

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{Ended, Playground, images, recorded_steps, tiny};

/// A few steps on the folder `images` with few options, whatever the images are.
const ON_FOLDER: [&str; 12] = [
    "pretrain",
    "--data=images",
    "--image-size=16",
    "--width=4",
    "--projector=16-16",
    "--batch-size=8",
    "--epochs=1",
    "--set=encoder.stem=small",
    "--set=optimizer.name=adamw",
    "--set=optimizer.base_learning_rate=0.001",
    "--out",
    "run",
];

fn on_folder<'a>(more: &[&'a str]) -> Vec<&'a str> {
    ON_FOLDER.iter().chain(more).copied().collect()
}

/// Refused with 1 and these words, before a run directory was made.
#[track_caller]
fn assert_refused(playground: &Playground, arguments: &[&str], said: &[&str]) -> Ended {
    let ended = playground.run(arguments);
    ended.assert(1, said);
    assert!(ended.stderr.lines().any(|line| line.starts_with("error: ")), "{}", ended.stderr);
    assert!(!playground.path("run").exists(), "a run directory was made");
    ended
}

#[test]
fn a_folder_that_is_missing_or_empty_is_refused() {
    let playground = Playground::barlow();
    assert_refused(&playground, &on_folder(&[]), &["`images`", "No such file"]);
    fs::create_dir(playground.path("images")).unwrap();
    assert_refused(&playground, &on_folder(&[]), &["no images in `images`", "*.jpg"]);
    fs::write(playground.path("images/notes.txt"), "no image").unwrap();
    assert_refused(&playground, &on_folder(&[]), &["no images in `images`", "1 other file"]);
}

#[test]
#[cfg(unix)]
fn a_folder_that_may_not_be_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let playground = Playground::barlow();
    let folder = playground.path("images");
    images::write(&folder, 16, false);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read_dir(&folder).is_ok() {
        println!("skipped: this user may read every folder");
    } else {
        assert_refused(&playground, &on_folder(&[]), &["`images`", "Permission denied"]);
    }
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_folder_without_one_decodable_image_is_refused() {
    let playground = Playground::barlow();
    let folder = playground.path("images");
    images::write(&folder, 16, false);
    for index in 0..16 {
        fs::write(folder.join(format!("{index:03}.png")), b"these bytes are no image").unwrap();
    }
    let said = ["none of 16 images", "`images/000.png`", "hint: see what the source holds"];
    assert_refused(&playground, &on_folder(&[]), &said);
}

/// 64 images of which three are bad: cut off, text by the name of an image, and a header that
/// declares 65535 x 65535 pixels; and one whose name tells the wrong format, which is no harm.
fn with_three_bad_images(folder: &Path) {
    images::write(folder, 64, false);
    fs::write(folder.join("003.png"), &images::png(3)[..500]).unwrap();
    fs::write(folder.join("010.png"), "<html>not found</html>").unwrap();
    fs::write(folder.join("040.png"), images::png_declaring(65_535)).unwrap();
    fs::rename(folder.join("020.png"), folder.join("020.jpg")).unwrap();
}

#[test]
fn bad_images_among_good_ones_are_skipped_counted_and_listed() {
    let playground = Playground::barlow();
    with_three_bad_images(&playground.path("images"));
    let ended = playground.run(&on_folder(&["--set=data.max_bad_image_fraction=0.1"]));
    ended.assert(
        0,
        &[
            "`images/003.png` is skipped",
            "`images/010.png` is skipped",
            "`images/040.png` is skipped",
        ],
    );
    assert!(
        ended.stdout.contains("3 images were skipped: run/bad_images.jsonl"),
        "{}",
        ended.stdout
    );

    let list = fs::read_to_string(playground.path("run/bad_images.jsonl")).unwrap();
    let mut records: Vec<Value> =
        list.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    records.sort_by_key(|record| record["id"].as_u64());
    let reasons = ["cut off", "not", "65535 x 65535 pixels"];
    for ((record, id), reason) in records.iter().zip([3, 10, 40]).zip(reasons) {
        assert_eq!(record["id"], id);
        assert_eq!(record["path"], format!("images/{id:03}.png"));
        assert!(record["reason"].as_str().unwrap().contains(reason), "{record}");
    }
    assert_eq!(records.len(), 3);
    assert_eq!(recorded_steps(&playground.path("run")), 8);
}

#[test]
fn more_bad_images_than_allowed_end_the_run() {
    let playground = Playground::barlow();
    let folder = playground.path("images");
    images::write(&folder, 64, false);
    // The loader tolerates 19 whatever the share.
    for index in 0..24 {
        fs::write(folder.join(format!("{index:03}.png")), "no image").unwrap();
    }
    let said = ["of 64 images cannot be decoded", "the allowed fraction of 0.02"];
    let limited = on_folder(&["--set=data.max_bad_image_fraction=0.02"]);
    playground.run(&limited).assert(1, &said);
    let list = || fs::read_to_string(playground.path("run/bad_images.jsonl")).unwrap();
    let first = list();
    assert!(first.lines().count() >= 20, "{first}");
    playground.run(&[&limited[..], &["--resume"]].concat()).assert(1, &said);
    assert!(list().starts_with(&first), "a resumed run lost what was listed");

    let generous = on_folder(&["--set=data.max_bad_image_fraction=0.5", "--overwrite"]);
    playground.run(&generous).assert(0, &["is skipped"]);
    assert_eq!(list().lines().count(), 24, "each image is listed once");
}

#[test]
fn a_probe_without_labels_is_refused() {
    let playground = Playground::barlow();
    images::write(&playground.path("images"), 16, false);
    images::write(&playground.path("labelled"), 16, true);
    let said = ["`images`", "no labels", "folder of its own"];
    assert_refused(&playground, &tiny(&["--probe-test=images"]), &said);
    assert_refused(&playground, &on_folder(&["--probe-train=images"]), &said);
    let ended = playground.run(&on_folder(&["--probe-test=labelled"]));
    ended.assert(1, &["`probe.test` needs labelled images", "hint: name labelled images with"]);
    assert!(!playground.path("run").exists());
}

#[test]
fn a_probe_of_which_nothing_decodes_is_an_error_and_not_a_panic() {
    let playground = Playground::barlow();
    for class in ["a", "b"] {
        fs::create_dir_all(playground.path("broken").join(class)).unwrap();
        fs::write(playground.path("broken").join(class).join("1.png"), "no image").unwrap();
    }
    let ended = playground.run(&tiny(&["--probe-train=broken"]));
    ended.assert(1, &["none of 2 images can be used", "1.png"]);
}

#[test]
fn settings_that_no_memory_holds_are_refused_before_anything_is_made() {
    let playground = Playground::barlow();
    // Three terabytes of projector alone.
    let projector = ["65536"; 64].join("-");
    for huge in [
        &["--data=synthetic:1000000", "--image-size=16384", "--batch-size=1000000"][..],
        &["--projector", &projector],
    ] {
        let ended = playground.run(&[&["pretrain", "--out=run"], huge].concat());
        ended.assert(2, &["need at least", "GiB of memory", "hint: lower"]);
        assert!(!playground.path("run").exists());
    }
}

#[test]
fn fewer_images_than_a_batch_are_refused_with_what_to_do() {
    let playground = Playground::barlow();
    images::write(&playground.path("images"), 7, false);
    let ended = playground.run(&on_folder(&[]));
    ended.assert(1, &["7 images", "batch takes 8", "at most 7, or more images"]);
    assert!(playground.checkpoints().is_empty());
}

#[test]
fn a_full_disk_keeps_the_previous_checkpoint_and_the_run_can_be_resumed() {
    let whole = Playground::barlow();
    whole.run(&tiny(&[])).assert(0, &[]);

    let playground = Playground::barlow();
    let mut child = playground.start_and_wait(&tiny(&[]), 8);
    support::signal(&child, "TERM");
    child.wait().unwrap();
    let saved = playground.checkpoints();
    let state = fs::metadata(playground.checkpoint_file(saved[1], "state.bin")).unwrap().len();
    let ended = playground.run_with_full_disk(state / 1024 / 2, &tiny(&["--resume"]));
    ended.assert(
        1,
        &["warning: ", "cannot be saved; the previous checkpoint is kept", "File too large"],
    );
    assert_eq!(playground.checkpoints(), saved);
    let status = fs::read_to_string(playground.path("run/status.json")).unwrap();
    assert!(status.contains("failed"), "{status}");

    playground.run(&tiny(&["--resume"])).assert(0, &["finished after 72 steps"]);
    assert!(playground.encoder() == whole.encoder(), "the encoder has other bytes");
    assert_eq!(playground.metrics(), whole.metrics());
}

#[test]
fn a_directory_that_is_not_empty_is_refused_and_files_of_others_are_never_removed() {
    let playground = Playground::barlow();
    let run = playground.path("run");
    fs::create_dir(&run).unwrap();
    fs::write(run.join("thesis.tex"), "years of work").unwrap();
    let thesis = || fs::read_to_string(run.join("thesis.tex")).unwrap();
    let files = || fs::read_dir(&run).unwrap().count();

    playground.run(&tiny(&[])).assert(1, &["`run` is not empty", "--resume", "--overwrite"]);
    playground.run(&tiny(&["--resume"])).assert(1, &["no run to resume", "`thesis.tex`"]);
    playground.run(&tiny(&["--overwrite"])).assert(1, &["is not overwritten", "`thesis.tex`"]);
    assert_eq!((thesis().as_str(), files()), ("years of work", 1));

    fs::remove_file(run.join("thesis.tex")).unwrap();
    playground.run(&tiny(&["--set=train.seed=1"])).assert(0, &[]);
    let first = playground.encoder();
    playground.run(&tiny(&[])).assert(1, &["`run` is not empty"]);
    fs::write(run.join("thesis.tex"), "years of work").unwrap();
    playground.run(&tiny(&["--overwrite"])).assert(1, &["is not overwritten", "`thesis.tex`"]);
    assert!(playground.encoder() == first, "a refused overwrite changed the encoder");

    fs::remove_file(run.join("thesis.tex")).unwrap();
    playground.run(&tiny(&["--overwrite"])).assert(0, &[]);
    assert!(playground.encoder() != first, "another seed, the same encoder");
}

#[test]
fn weights_that_cannot_be_read_are_refused() {
    let playground = Playground::barlow();
    playground.run(&tiny(&[])).assert(0, &[]);
    let encoder = playground.encoder();
    let knn = |weights: &str| {
        playground.run(&[
            "knn",
            "--weights",
            weights,
            "--train=synthetic:50",
            "--test=synthetic:20:1",
        ])
    };
    knn("run/encoder.safetensors").assert(0, &[]);
    let write = |name: &str, bytes: &[u8]| fs::write(playground.path(name), bytes).unwrap();
    write("cut.safetensors", &encoder[..encoder.len() / 2]);
    write("empty.safetensors", b"");
    write("text.safetensors", b"these bytes are no weights");
    // A safetensors file of another program: a header of 8 + 2 bytes, `{}`.
    write("other.safetensors", b"\x02\0\0\0\0\0\0\0{}");
    for (file, said) in [
        ("missing.safetensors", "No such file"),
        ("cut.safetensors", "caused by"),
        ("empty.safetensors", "caused by"),
        ("text.safetensors", "caused by"),
        ("other.safetensors", "none of its 0 tensors is a ResNet"),
    ] {
        let ended = knn(file);
        ended.assert(1, &[&format!("`{file}` cannot be used"), said]);
        assert!(ended.stdout.is_empty(), "{file}: {}", ended.stdout);
    }
}
