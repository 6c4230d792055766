//! What the program says to wrong usage and configuration, and that it ends with 2; and its help.
//!
//! The real binary in an empty folder, which wrong usage must leave empty.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const COMMANDS: [&str; 4] = ["pretrain", "knn", "views", "doctor"];

fn barlow(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_barlow"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the binary starts")
}

/// Standard error of a command that is refused with 2 before it did anything.
fn refused(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder for the test");
    refused_in(folder.path(), arguments)
}

fn refused_in(folder: &Path, arguments: &[&str]) -> String {
    let files = || fs::read_dir(folder).expect("the folder can be read").count();
    let before = files();
    let output = barlow(folder, arguments);
    let stderr = String::from_utf8(output.stderr).expect("messages are UTF-8");
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
    assert!(stderr.starts_with("error: "), "{stderr}");
    assert!(output.stdout.is_empty(), "{arguments:?}: stdout is for data");
    assert_eq!(files(), before, "{arguments:?}: nothing may be written");
    stderr
}

fn assert_contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} in\n{text}");
    }
}

#[test]
fn all_configuration_errors_are_reported_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = "[objective]\nlambd = 0.01\n[views.a]\nhue = 0.7\n";
    fs::write(folder.path().join("run.toml"), file).unwrap();
    let stderr = refused_in(
        folder.path(),
        &[
            "pretrain",
            "--config",
            "run.toml",
            "--epochs",
            "0",
            "--lambda",
            "-1",
            "--projector",
            "512-wide",
            "--set",
            "train.sede=3",
            "--encoder",
            "resnet20",
            "--preset",
            "cifr",
        ],
    );
    assert_contains(
        &stderr,
        &[
            "8 problems",
            "`objective.lambd` (`0.01`, from `run.toml` line 2) is unknown",
            "did you mean `objective.lambda`?",
            "`views.a.hue` is `0.7` (from `run.toml` line 4), expected a number from 0 to 0.5",
            "`schedule.epochs` is `0` (from `--epochs`), expected an integer from 1 to 1000000",
            "`objective.lambda` is `-1` (from `--lambda`), expected a number from 0",
            "`projector.widths` is `512-wide` (from `--projector`), expected widths such as",
            "`wide` is not a width",
            "`train.sede` (`3`, from `--set`) is unknown",
            "did you mean `train.seed`?",
            "`encoder.name` is `resnet20` (from `--encoder`), expected one of `resnet18`",
            "preset `cifr` is unknown, expected one of `quick`",
            "did you mean `cifar`?",
        ],
    );
}

#[test]
fn zero_negative_and_huge_values_are_refused() {
    for (option, key) in [
        ("--batch-size", "train.batch_size"),
        ("--epochs", "schedule.epochs"),
        ("--width", "encoder.width"),
        ("--image-size", "views.image_size"),
    ] {
        for value in ["0", "-8", "1000000000000", "99999999999999999999999999", "1e400", "x"] {
            let stderr = refused(&["pretrain", option, value]);
            assert_contains(&stderr, &[key, value, option, "expected an integer from"]);
        }
    }
    for value in ["-1", "1e300", "inf", "nan", "x"] {
        let stderr = refused(&["pretrain", "--set", &format!("objective.lambda={value}")]);
        assert_contains(&stderr, &["objective.lambda", value, "expected a number from 0"]);
    }
}

#[test]
fn a_projector_that_does_not_parse_says_which_part() {
    for (widths, part) in [("512-", "``"), ("512-0-64", "`0`"), ("a", "`a`"), ("70000", "`70000`")]
    {
        let stderr = refused(&["pretrain", "--projector", widths]);
        assert_contains(&stderr, &["projector.widths", &format!("{part} is not a width")]);
    }
}

#[test]
fn unknown_names_are_refused_with_what_there_is() {
    assert_contains(&refused(&["pretrain", "--preset", "moon"]), &["`quick`", "`imagenet`"]);
    assert_contains(&refused(&["pretrain", "--objective", "barlow-twin"]), &["`barlow-twins`"]);
    assert_contains(&refused(&["pretrain", "--device", "moon"]), &["`cpu`"]);
    assert_contains(&refused(&["views", "--out", "v.png", "--set", "views.a.heu=0"]), &["a.hue"]);
    assert_contains(&refused(&["pretran"]), &["pretrain"]);
    assert_contains(&refused(&["pretrain", "--epoch", "3"]), &["--epochs"]);
}

#[test]
fn a_source_that_is_none_is_found_before_any_data_is_opened() {
    assert_contains(&refused(&["pretrain", "--data", "synthetic:none"]), &["synthetic[:N[:SEED]]"]);
    assert_contains(
        &refused(&["knn", "--weights", "w", "--train", "fashion-mnist:x", "--test", "idx:"]),
        &["2 problems", "--train", "--test"],
    );
}

#[test]
fn a_set_without_a_value_is_refused() {
    assert_contains(&refused(&["pretrain", "--set", "train.seed"]), &["--set key=value"]);
}

#[test]
fn a_configuration_file_that_is_not_toml_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bad.toml"), "[train]\nseed = 1\nbatch_size == 8\n").unwrap();
    let stderr = refused_in(folder.path(), &["pretrain", "--config", "bad.toml"]);
    assert_contains(&stderr, &["`bad.toml` is not TOML, line 3, column 13"]);
    let stderr = refused_in(folder.path(), &["pretrain", "--config", "no.toml"]);
    assert_contains(&stderr, &["cannot read `no.toml`"]);
}

#[test]
fn options_that_exclude_each_other_are_refused() {
    let stderr = refused(&["pretrain", "--out", "run", "--resume", "--overwrite"]);
    assert_contains(&stderr, &["--resume", "--overwrite"]);
}

#[test]
fn no_command_shows_the_help_and_is_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    let output = barlow(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(2));
    assert_contains(&String::from_utf8(output.stderr).unwrap(), &["Usage: barlow", "pretrain"]);
}

#[test]
fn the_help_of_every_command_ends_with_an_example() {
    let folder = tempfile::tempdir().unwrap();
    for command in COMMANDS {
        let output = barlow(folder.path(), &[command, "--help"]);
        assert_eq!(output.status.code(), Some(0));
        let help = String::from_utf8(output.stdout).unwrap();
        let last = help.trim_end().lines().next_back().unwrap();
        assert!(last.starts_with(&format!("Example: barlow {command}")), "{help}");
    }
    let output = barlow(folder.path(), &["--version"]);
    assert_contains(&String::from_utf8(output.stdout).unwrap(), &[env!("CARGO_PKG_VERSION")]);
}

#[test]
fn doctor_describes_the_machine_to_people_and_programs() {
    let folder = tempfile::tempdir().unwrap();
    let output = barlow(folder.path(), &["doctor", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["version"], env!("CARGO_PKG_VERSION"));
    assert!(report["processor"]["threads"].as_u64().unwrap() >= 1);
    assert!(report["memory"]["total_bytes"].as_u64().unwrap() > 0);
    let devices = report["devices"].as_array().unwrap();
    assert!(devices.iter().any(|device| device["kind"] == "cpu" && device["built_in"] == true));
    let output = barlow(folder.path(), &["doctor"]);
    assert_contains(&String::from_utf8(output.stdout).unwrap(), &["processor", "memory", "cpu"]);
}
