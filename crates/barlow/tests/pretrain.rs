//! What `barlow pretrain` leaves behind and says.

#![allow(clippy::unwrap_used, reason = "helpers of tests end a test as the tests do")]

mod support;

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use support::{Playground, TINY, TINY_STEPS, images, metrics, tiny};

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn set<const N: usize>(names: [&'static str; N]) -> BTreeSet<&'static str> {
    names.into()
}

#[test]
fn the_configuration_that_a_run_wrote_gives_the_same_encoder() {
    let playground = Playground::barlow();
    playground.run(&tiny(&["--seed=3", "--set=views.a.hue=0.2"])).assert(0, &[]);
    let (encoder, metrics) = (playground.encoder(), playground.metrics());
    fs::rename(playground.path("run"), playground.path("first")).unwrap();
    let again = ["pretrain", "--config=first/config.toml", "--out=run"];
    playground.run(&again).assert(0, &[]);
    assert!(playground.encoder() == encoder, "the encoder has other bytes");
    assert_eq!(playground.metrics(), metrics);
    let settings = |run: &str| {
        let text = fs::read_to_string(playground.path(run).join("config.toml")).unwrap();
        text.parse::<toml::Table>().unwrap()
    };
    assert_eq!(settings("first"), settings("run"));

    playground.run(&[
        "pretrain",
        "--config=first/config.toml",
        "--out=run",
        "--overwrite",
        "--seed=4",
    ]);
    assert!(playground.encoder() != encoder, "an option is not above the file");
}

#[test]
fn a_run_directory_holds_the_designed_files_and_no_others() {
    let playground = Playground::barlow();
    playground.run(&tiny(&[])).assert(0, &[]);
    let files = playground.files();
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    let expected = [
        "bad_images.jsonl",
        "checkpoints/latest",
        "checkpoints/step-00000069/MANIFEST.json",
        "checkpoints/step-00000069/state.bin",
        "checkpoints/step-00000072/MANIFEST.json",
        "checkpoints/step-00000072/state.bin",
        "config.toml",
        "encoder.safetensors",
        "metrics.jsonl",
        "status.json",
        "train.log",
    ];
    assert_eq!(names, expected);
    let text = |name: &str| String::from_utf8(files[name].0.clone()).unwrap();
    assert_eq!(text("checkpoints/latest").trim(), "step-00000072");
    assert_eq!(text("bad_images.jsonl"), "");
    let status: Value = serde_json::from_str(&text("status.json")).unwrap();
    assert_eq!(keys(&status), set(["state", "pid", "host", "step", "heartbeat", "reason"]));
    assert_eq!((&status["state"], &status["step"]), (&"done".into(), &TINY_STEPS.into()));
    let tables = text("config.toml").parse::<toml::Table>().unwrap();
    let tables: BTreeSet<&str> = tables.keys().map(String::as_str).collect();
    let expected = [
        "data",
        "views",
        "encoder",
        "projector",
        "objective",
        "optimizer",
        "schedule",
        "train",
        "probe",
        "checkpoint",
    ];
    assert_eq!(tables, set(expected));
    for said in ["barlow 0.", "objective: barlow-twins", "finished after 72 steps"] {
        assert!(text("train.log").contains(said), "{said:?} in\n{}", text("train.log"));
    }
}

#[test]
fn the_metrics_have_the_designed_fields() {
    let playground = Playground::barlow();
    playground.run(&tiny(&[])).assert(0, &[]);
    let records = metrics(&playground.path("run"));
    let (steps, epochs): (Vec<&Value>, Vec<&Value>) =
        records.iter().partition(|record| record["kind"] == "step");

    assert_eq!(steps.len() as u64, TINY_STEPS);
    let designed = [
        "kind",
        "step",
        "epoch",
        "images",
        "loss",
        "terms",
        "measures",
        "floor",
        "learning_rates",
        "images_per_second",
        "data_wait_fraction",
    ];
    for (index, step) in (0_u64..).zip(&steps) {
        assert_eq!(keys(step), set(designed));
        assert_eq!(keys(&step["terms"]), set(["invariance", "redundancy_reduction"]));
        assert_eq!(
            [&step["step"], &step["epoch"], &step["images"]],
            [index, index / 6, 16 * (index + 1)]
        );
        // The loss is what its terms make, at λ 0.0051, and the floor λ·d·(d-1)/n.
        let term = |name: &str| step["terms"][name].as_f64().unwrap();
        let loss = term("invariance") + 0.0051 * term("redundancy_reduction");
        assert!((step["loss"].as_f64().unwrap() - loss).abs() <= 1e-9 * loss, "{step}");
        let floor = 0.0051 * 32.0 * 31.0 / 16.0;
        assert!((step["floor"].as_f64().unwrap() - floor).abs() <= 1e-12, "{step}");
        let wait = step["data_wait_fraction"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&wait), "{step}");
    }

    assert_eq!(records[0]["kind"], "epoch", "the untrained encoder comes first");
    assert_eq!(epochs.len(), 13);
    for (index, epoch) in (0_u64..).zip(&epochs) {
        // TINY asks for k-NN after every fourth epoch.
        let mut designed = set(["kind", "epoch", "step", "effective_rank", "health"]);
        designed.extend(index.is_multiple_of(4).then_some("knn"));
        assert_eq!(keys(epoch), designed);
        assert_eq!([&epoch["epoch"], &epoch["step"]], [index, 6 * index]);
        assert_eq!(keys(&epoch["effective_rank"]), set(["representation", "embedding"]));
        assert_eq!(keys(&epoch["health"]), set(["verdict", "reason"]));
    }
}

#[test]
fn a_program_reads_the_end_of_a_run_as_json() {
    let playground = Playground::barlow();
    let summary = playground.run(&tiny(&["--json"])).json();
    let designed =
        ["run", "end", "encoder", "steps", "knn", "skipped_steps", "bad_images", "seconds"];
    assert_eq!(keys(&summary), set(designed));
    assert_eq!((&summary["end"], &summary["steps"]), (&"finished".into(), &TINY_STEPS.into()));
    assert_eq!(summary["encoder"], "run/encoder.safetensors");
    let records = metrics(&playground.path("run"));
    let measured: Vec<&Value> = records.iter().filter_map(|record| record.get("knn")).collect();
    assert_eq!(summary["knn"]["before"], *measured[0]);
    assert_eq!(summary["knn"]["after"], **measured.last().unwrap());

    let again = playground.run(&["pretrain", "--out=run", "--resume", "--json"]).json();
    assert_eq!((&again["end"], &again["knn"]), (&"already finished".into(), &summary["knn"]));
}

#[test]
fn results_go_to_standard_output_and_progress_does_not() {
    let playground = Playground::barlow();
    let ended = playground.run(&tiny(&[]));
    ended.assert(0, &["preset `quick`, chosen by the images", "epoch 0 of 12: k-NN", "step 1 "]);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert!(lines[0].starts_with("k-NN accuracy: "), "{}", ended.stdout);
    assert_eq!(lines[1], "encoder: run/encoder.safetensors");
    assert!(lines[2].starts_with("evaluate it: barlow knn --weights run/encoder.safetensors"));
    assert_eq!(lines.len(), 3);
}

#[test]
fn without_a_directory_the_first_free_number_is_taken() {
    let playground = Playground::barlow();
    let arguments = &TINY[..TINY.len() - 2];
    for number in ["001", "002"] {
        playground.run(arguments).assert(0, &[&format!("run directory: runs/quick-{number}")]);
        assert!(playground.path(&format!("runs/quick-{number}/encoder.safetensors")).exists());
    }
}

#[test]
fn images_without_labels_train_without_k_nn() {
    let playground = Playground::barlow();
    images::write(&playground.path("images"), 32, false);
    let mut arguments = tiny(&["--json"]);
    arguments[1] = "--data=images";
    let ended = playground.run(&arguments);
    ended.assert(0, &["no labels, so no k-NN"]);
    assert_eq!(ended.json()["knn"]["after"], Value::Null);
    assert!(metrics(&playground.path("run")).iter().all(|record| record.get("knn").is_none()));
    let mut arguments = tiny(&["--overwrite"]);
    images::write(&playground.path("classes"), 32, true);
    arguments[1] = "--data=classes";
    playground.run(&arguments).assert(0, &["a seeded tenth of 32 is held out"]);
    assert!(metrics(&playground.path("run"))[0].get("knn").is_some());
}
