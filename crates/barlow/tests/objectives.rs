//! Every objective, killed and resumed, ends as if it had been left alone: networks, queues,
//! prototypes, labels and moving averages are all part of a checkpoint.

#![allow(clippy::unwrap_used, reason = "helpers of tests end a test as the tests do")]

mod support;

use barlow::objectives::Registry;
use support::kills::run_with_kills;
use support::{Playground, tiny};

const KILLS: u64 = 5;

/// What an objective wants for batches of 16 images and embeddings of 32 dimensions.
fn options(objective: &str) -> &'static [&'static str] {
    match objective {
        "byol" => &["--set=objective.predictor=32-32"],
        "simsiam" => &["--set=objective.predictor=16-32", "--set=projector.final_norm=true"],
        "moco" => &["--set=objective.queue=48", "--set=objective.batch_norm_groups=4"],
        "swav" => &[
            "--set=objective.prototypes=20",
            "--set=objective.queue=32",
            "--set=objective.queue_from_step=10",
            "--set=objective.frozen_steps=5",
        ],
        "deepcluster" => &["--set=objective.prototypes=8"],
        "sela" => &["--set=objective.heads=2", "--set=objective.clusters=8"],
        // More images in a slice than dimensions.
        "w-mse" => &[
            "--set=projector.widths=32-8",
            "--set=objective.slice=16",
            "--set=objective.epsilon=0.1",
        ],
        _ => &[],
    }
}

fn assert_kills_change_nothing(objective: &str, options: &[&str]) {
    let name = format!("--objective={objective}");
    let mut more = vec![name.as_str()];
    more.extend(options);
    let alone = Playground::barlow();
    alone.run(&tiny(&more)).assert(0, &["finished after 72 steps"]);
    let killed = Playground::barlow();
    let tally = run_with_kills(&killed, &more, KILLS, 1);
    assert_eq!(tally.kills, KILLS as usize, "{objective}");
    assert_eq!(killed.metrics(), alone.metrics(), "{objective}");
    assert!(killed.encoder() == alone.encoder(), "{objective}: the encoder has other bytes");
}

/// Half of the objectives, so that two threads share the work.
fn half(rest: usize) {
    let names = Registry::default().names();
    assert!(names.contains(&"barlow-twins"));
    let names = names.iter().skip(rest).step_by(2);
    names.for_each(|name| assert_kills_change_nothing(name, options(name)));
}

#[test]
fn an_averaged_target_with_predictor_and_small_views_survives_five_kills() {
    assert_kills_change_nothing(
        "barlow-twins",
        &["--set=objective.averaged_target=true", "--set=objective.predictor=32-32"],
    );
    let small = ["--set=views.small_views=2", "--set=views.small_image_size=8"];
    assert_kills_change_nothing("barlow-twins", &small);
}

#[test]
fn every_second_objective_survives_five_kills() {
    half(0);
}

#[test]
fn every_other_objective_survives_five_kills() {
    half(1);
}
