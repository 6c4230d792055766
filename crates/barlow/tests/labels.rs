//! Judging with labels: `probe` in its protocols, `finetune`, sets with several labels an image.

#![allow(clippy::unwrap_used, reason = "helpers of tests end a test as the tests do")]

mod support;

use std::fs;

use safetensors::SafeTensors;
use serde_json::Value;
use support::{images, trained};

const TRAIN: &str = "synthetic:400";
const TEST: &str = "synthetic:200:1";
const WEIGHTS: &str = "run/encoder.safetensors";

fn line<'a>(command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let line = [command, "--weights", WEIGHTS, "--train", TRAIN, "--test", TEST];
    [&line[..], more].concat()
}

/// Labels and vectors of a source, as `embed` writes them.
fn embedded(source: &str, out: &str) -> Vec<(String, Vec<f64>)> {
    let arguments = ["embed", "--weights", WEIGHTS, "--data", source, "--out", out, "--overwrite"];
    trained().run(&arguments).assert(0, &[]);
    let text = fs::read_to_string(trained().path(out)).unwrap();
    let row = |line: &str| {
        let mut cells = line.split(',').skip(1);
        let label = cells.next().unwrap().to_owned();
        (label, cells.map(|cell| cell.parse().unwrap()).collect())
    };
    text.lines().skip(1).map(row).collect()
}

/// Weights, bias and classes of a classifier's file.
fn classifier(name: &str) -> (Vec<f32>, Vec<f32>, Vec<String>) {
    let bytes = fs::read(trained().path(name)).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let floats = |name: &str| {
        let tensor = file.tensor(name).unwrap();
        tensor.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    };
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let facts = &metadata.metadata().as_ref().unwrap()["barlow"];
    let facts: Value = serde_json::from_str(facts).unwrap();
    let classes = serde_json::from_value(facts["classes"].clone()).unwrap();
    (floats("fc.weight"), floats("fc.bias"), classes)
}

#[test]
fn the_classifier_that_is_saved_has_the_accuracy_that_is_printed() {
    let playground = trained();
    for protocol in ["fast", "sgd"] {
        let out = format!("probe-{protocol}");
        let found = playground
            .run(&line("probe", &["--protocol", protocol, "--out", &out, "--json"]))
            .json();
        let (weights, bias, classes) = classifier(&format!("{out}/classifier.safetensors"));
        let rows = embedded(TEST, &format!("{protocol}.csv"));
        let right = rows.iter().filter(|(label, vector)| {
            let score = |class: usize| -> f64 {
                let weights = &weights[class * vector.len()..];
                let products = vector.iter().zip(weights).map(|(x, w)| x * f64::from(*w));
                products.sum::<f64>() + f64::from(bias[class])
            };
            let best = (0..classes.len()).max_by(|&a, &b| score(a).total_cmp(&score(b))).unwrap();
            classes[best] == *label
        });
        let accuracy = right.count() as f64 / rows.len() as f64;
        assert!((found["accuracy"].as_f64().unwrap() - accuracy).abs() < 1e-9, "{protocol}");
        assert_eq!(found["test_images"], 200);
        assert_eq!(found["protocol"]["train_images"], 400);
        let scores = fs::read_to_string(playground.path(&format!("{out}/scores.json"))).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&scores).unwrap(), found);
        // Rows of the confusion matrix hold each class's images.
        let classes = found["classes"].as_array().unwrap();
        let taken_for = |class: &Value| -> u64 {
            class["predicted"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum()
        };
        assert_eq!(classes.iter().map(taken_for).sum::<u64>(), 200);
    }
}

#[test]
fn settings_are_chosen_without_the_test_images() {
    let fast = |test: &str| {
        let line = ["probe", "--weights", WEIGHTS, "--train", TRAIN, "--test", test, "--json"];
        trained().run(&line).json()["protocol"].clone()
    };
    let protocol = fast(TEST);
    assert_eq!(protocol["tried"].as_array().unwrap().len(), 6);
    assert_eq!(protocol["held_out_images"], 40);
    assert_eq!(protocol, fast("synthetic:50:7"));
}

#[test]
fn several_sets_make_one_table() {
    let more = ["--train", "synthetic:300:2", "--test", "synthetic:100:3"];
    let ended = trained().run(&line("probe", &more));
    ended.assert(0, &[]);
    let rows: Vec<Vec<&str>> =
        ended.stdout.lines().rev().take(3).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[2], ["train", "test", "top-1,", "%"]);
    assert_eq!(rows[1][..2], [TRAIN, TEST]);
    assert_eq!(rows[0][..2], ["synthetic:300:2", "synthetic:100:3"]);
    let results = trained().run(&line("probe", &[&more[..], &["--json"]].concat())).json();
    let accuracy = results["results"][1]["accuracy"].as_f64().unwrap();
    assert_eq!(rows[0][2], format!("{:.2}", 100.0 * accuracy));
    trained()
        .run(&line("probe", &["--train", TRAIN]))
        .assert(2, &["2 `--train` and 1 `--test` make no pairs"]);
}

#[test]
fn options_that_mean_nothing_are_refused() {
    for (more, said) in [
        (vec!["--epochs=3"], "`--epochs` means nothing"),
        (vec!["--learning-rate=3"], "`--learning-rate` means nothing"),
        (vec!["--protocol=slow"], "expected one of `fast`, `sgd`, `paper`"),
    ] {
        trained().run(&line("probe", &more)).assert(2, &[said]);
    }
}

#[test]
fn the_papers_probe_leaves_the_encoder_as_it_is() {
    let playground = trained();
    let before = playground.encoder();
    let more = ["--protocol=paper", "--epochs=3", "--out=paper", "--json"];
    let found = playground.run(&line("probe", &more)).json();
    assert_eq!(found["protocol"]["encoder"], "frozen");
    assert_eq!(found["protocol"]["classifier_learning_rate"], 0.3);
    assert_eq!(found["protocol"]["weight_decay"], 1e-6);
    assert_eq!(found["training"].as_array().unwrap().len(), 3);
    assert_eq!(playground.encoder(), before);
    assert!(!playground.path("paper/encoder.safetensors").exists());
    assert_eq!(classifier("paper/classifier.safetensors").0.len(), 10 * 32);
}

#[test]
fn a_tenth_of_the_labels_lies_within_a_fifth_and_is_written_out() {
    let playground = trained();
    let names = |percent: &str, out: &str| -> Vec<String> {
        let more = ["--percent", percent, "--epochs=1", "--out", out];
        playground.run(&line("finetune", &more)).assert(0, &[]);
        let text = fs::read_to_string(playground.path(&format!("{out}/images.txt"))).unwrap();
        text.lines().map(str::to_owned).collect()
    };
    let (tenth, fifth) = (names("10", "tenth"), names("20", "fifth"));
    assert_eq!((tenth.len(), fifth.len()), (40, 80));
    assert!(tenth.iter().all(|name| fifth.contains(name)));
}

#[test]
fn fine_tuning_that_was_interrupted_ends_with_the_same_bytes() {
    let playground = trained();
    let options = ["--epochs=6", "--batch-size=20", "--percent=50"];
    let whole = [&options[..], &["--out=whole"]].concat();
    playground.run(&line("finetune", &whole)).assert(0, &[]);
    let stopped = [&options[..], &["--out=stopped"]].concat();
    let resumed = [&stopped[..], &["--resume"]].concat();
    let checkpoints = || support::checkpoints(&playground.path("stopped")).len();
    for (signal, wanted, code) in [("INT", 1, 130), ("KILL", 2, 0), ("TERM", 2, 143)] {
        let options = if checkpoints() == 0 { &stopped } else { &resumed };
        let mut child = playground.start(&line("finetune", options));
        let last = support::checkpoints(&playground.path("stopped")).last().copied();
        while checkpoints() < wanted
            || support::checkpoints(&playground.path("stopped")).last().copied() == last
        {
            assert!(child.try_wait().unwrap().is_none(), "ended before {signal}");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        support::signal(&child, signal);
        let status = child.wait().unwrap();
        assert!(signal == "KILL" || status.code() == Some(code), "{signal}: {status}");
    }
    playground.run(&line("finetune", &resumed)).assert(0, &["going on behind step"]);
    for name in ["encoder.safetensors", "classifier.safetensors", "images.txt"] {
        let [whole, stopped] = ["whole", "stopped"]
            .map(|folder| fs::read(playground.path(&format!("{folder}/{name}"))));
        assert!(whole.unwrap() == stopped.unwrap(), "{name} differs");
    }
    let other = [&["--epochs=7"], &options[1..], &["--out=stopped", "--resume"]].concat();
    playground
        .run(&line("finetune", &other))
        .assert(2, &["was begun with other options", "`epochs`: 6 then, 7 now"]);
    playground
        .run(&line("finetune", &stopped))
        .assert(1, &["`stopped` is not empty", "--resume", "--overwrite"]);
}

#[test]
fn from_scratch_begins_with_other_weights_and_the_same_images() {
    let playground = trained();
    let more = ["--percent=10", "--epochs=1", "--json"];
    let run = |more: &[&str]| playground.run(&line("finetune", more)).json();
    let tuned = run(&[&more[..], &["--out=tuned"]].concat());
    let scratch = run(&[&more[..], &["--out=scratch", "--from-scratch"]].concat());
    assert_eq!(tuned["protocol"]["encoder_learning_rate"], 0.005);
    assert_eq!(scratch["protocol"]["encoder_learning_rate"], 0.1);
    assert_eq!(tuned["protocol"]["train"], scratch["protocol"]["train"]);
    assert_ne!(tuned["training"], scratch["training"]);
}

#[test]
fn several_labels_an_image_are_judged_by_average_precision() {
    let playground = trained();
    images::write(&playground.path("photos"), 24, false);
    let list = |name: &str, range: std::ops::Range<usize>| {
        let row = |i: usize| {
            let labels =
                [(2, "even"), (3, "third")].into_iter().filter(|(n, _)| i.is_multiple_of(*n));
            let labels: Vec<&str> = labels.map(|(_, label)| label).collect();
            format!("photos/{i:03}.png,{}\n", labels.join(";"))
        };
        let rows: String = range.map(row).collect();
        fs::write(playground.path(name), format!("path,labels\n{rows}")).unwrap();
    };
    list("train.csv", 0..18);
    list("test.csv", 18..24);
    let arguments = [
        "probe",
        "--weights",
        WEIGHTS,
        "--multi-label",
        "--train=train.csv",
        "--test=test.csv",
        "--json",
    ];
    let found = playground.run(&arguments).json();
    let classes = found["classes"].as_array().unwrap();
    let names: Vec<&Value> = classes.iter().map(|class| &class["name"]).collect();
    assert_eq!(names, ["even", "third"]);
    let precisions = classes.iter().map(|class| class["average_precision"].as_f64().unwrap());
    let mean = precisions.sum::<f64>() / 2.0;
    assert!((found["mean_average_precision"].as_f64().unwrap() - mean).abs() < 1e-12);
    assert_eq!(found["protocol"]["folds"], 3);
    // Too few images of a class.
    list("few.csv", 0..5);
    let few = [&arguments[..4], &["--train=few.csv", "--test=test.csv"]].concat();
    playground.run(&few).assert(1, &["3 show `even` and 2 do not", "needs 3 of each"]);
    // A mistake in a list is named by its line.
    fs::write(playground.path("bad.csv"), "path,even\nphotos/001.png,5\n").unwrap();
    let arguments =
        ["probe", "--weights", WEIGHTS, "--multi-label", "--train=bad.csv", "--test=test.csv"];
    playground.run(&arguments).assert(1, &["bad.csv", "line 2"]);
}

#[test]
fn images_without_labels_cannot_judge() {
    let playground = trained();
    images::write(&playground.path("plain"), 4, false);
    for command in ["probe", "finetune"] {
        let arguments =
            [command, "--weights", WEIGHTS, "--train", "plain", "--test", TEST, "--out", "none"];
        playground.run(&arguments).assert(1, &["`plain` have no labels", "folder of its own"]);
    }
    assert!(!playground.path("none").exists());
}
