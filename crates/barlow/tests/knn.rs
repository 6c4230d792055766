//! `barlow knn`: a frozen encoder judged by nearest neighbours.

#![allow(clippy::unwrap_used, reason = "helpers of tests end a test as the tests do")]

mod support;

use std::sync::OnceLock;

use serde_json::{Value, json};
use support::{Ended, Playground, metrics, tiny};

const TRAIN: &str = "synthetic:300";
const TEST: &str = "synthetic:200:1";

/// A run that was measured on [`TRAIN`] and [`TEST`] along the way.
fn trained() -> &'static Playground {
    static WORKPLACE: OnceLock<Playground> = OnceLock::new();
    WORKPLACE.get_or_init(|| {
        let playground = Playground::barlow();
        let probe = ["--probe-train", TRAIN, "--probe-test", TEST];
        playground.run(&tiny(&probe)).assert(0, &["of 200 images against 300"]);
        playground
    })
}

fn knn(more: &[&str]) -> Ended {
    let weights = ["knn", "--weights", "run/encoder.safetensors", "--train", TRAIN, "--test", TEST];
    trained().run(&weights.iter().chain(more).copied().collect::<Vec<_>>())
}

#[test]
fn a_program_reads_the_accuracy_and_the_protocol_as_json() {
    let result = knn(&["--json"]).json();
    let accuracy = result["accuracy"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&accuracy), "{accuracy}");
    for (key, expected) in [
        ("k", json!(20)),
        ("temperature", json!(0.07)),
        ("train_images", json!(300)),
        ("test_images", json!(200)),
    ] {
        assert_eq!(result[key], expected, "{key}");
    }
}

#[test]
fn the_accuracy_is_the_one_that_the_run_measured() {
    let records = metrics(&trained().path("run"));
    let last = records.iter().rev().find_map(|record| record.get("knn"));
    assert_eq!(Some(&knn(&["--json"]).json()["accuracy"]), last);
}

#[test]
fn batch_size_and_workers_change_nothing() {
    let expected = knn(&["--json"]).json();
    for more in [["--batch-size=7", "--workers=1"], ["--batch-size=512", "--workers=7"]] {
        let found = knn(&[&more[..], &["--json"]].concat()).json();
        assert_eq!(found, expected, "{more:?}");
    }
}

#[test]
fn options_change_the_protocol_and_are_reported() {
    let result = knn(&["--json", "--k=3", "--temperature=0.5", "--max-images=100"]).json();
    let found = ["k", "temperature", "train_images", "test_images"].map(|key| &result[key]);
    assert_eq!(found.map(Value::to_string), ["3", "0.5", "100", "100"]);
    let result = knn(&["--json", "--image-size=24", "--resize=28"]).json();
    assert_eq!([&result["image_size"], &result["resize"]], [24, 28]);
}

#[test]
fn people_read_a_line() {
    let ended = knn(&[]);
    let percent = 100.0 * knn(&["--json"]).json()["accuracy"].as_f64().unwrap();
    let expected = format!("k-NN accuracy: {percent:.2} % of 200 images (k 20, temperature 0.07");
    assert!(ended.stdout.starts_with(&expected), "{}", ended.stdout);
    assert_eq!(ended.stdout.lines().count(), 1);
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_with_its_own_code() {
    let line = ["knn", "--weights", "run/encoder.safetensors", "--train", "synthetic:60000"];
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let mut child = trained().start(&line);
        std::thread::sleep(std::time::Duration::from_millis(700));
        support::signal(&child, signal);
        assert_eq!(child.wait().unwrap().code(), Some(code));
    }
}

#[test]
fn several_k_come_from_one_search() {
    let result = knn(&["--json", "--k=1,20,200"]).json();
    let results = result["results"].as_array().unwrap();
    assert_eq!(results.iter().map(|r| &r["k"]).collect::<Vec<_>>(), [1, 20, 200]);
    for (index, k) in ["--k=1", "--k=20", "--k=200"].into_iter().enumerate() {
        assert_eq!(knn(&["--json", k]).json()["accuracy"], results[index]["accuracy"], "{k}");
    }
}

/// Path, label and vector of each line that `embed` wrote.
fn embedded(source: &str) -> Vec<(String, Vec<f64>)> {
    let arguments = ["embed", "--weights=run/encoder.safetensors", "--data", source, "--out=e.csv"];
    trained().run(&[&arguments[..], &["--overwrite"]].concat()).assert(0, &[]);
    let text = std::fs::read_to_string(trained().path("e.csv")).unwrap();
    let row = |line: &str| {
        let mut cells = line.split(',').skip(1);
        let label = cells.next().unwrap().to_owned();
        (label, cells.map(|cell| cell.parse().unwrap()).collect())
    };
    text.lines().skip(1).map(row).collect()
}

#[test]
fn without_test_images_each_is_judged_by_all_others() {
    let rows = embedded(TEST);
    let cosine = |a: &[f64], b: &[f64]| {
        let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    };
    // k 1: the class of the nearest other.
    let right = rows.iter().enumerate().filter(|(i, (label, vector))| {
        let others = rows.iter().enumerate().filter(|(j, _)| j != i).map(|(_, other)| other);
        let nearest =
            others.max_by(|a, b| cosine(&a.1, vector).total_cmp(&cosine(&b.1, vector))).unwrap();
        nearest.0 == *label
    });
    let expected = right.count() as f64 / rows.len() as f64;
    let weights = "--weights=run/encoder.safetensors";
    for arguments in [
        vec!["knn", weights, "--train", TEST, "--k=1", "--json"],
        vec!["knn", weights, "--train", TEST, "--test", TEST, "--k=1", "--json"],
    ] {
        let result = trained().run(&arguments).json();
        assert_eq!(result["leave_one_out"], true);
        assert_eq!(result["accuracy"], expected);
    }
}
