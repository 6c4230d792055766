//! A run that was stopped, killed or damaged, and resumed, ends as one that was left alone: the same
//! bytes of `encoder.safetensors`, the same metrics.
//!
//! The real programs: `barlow` for Barlow Twins, and the example with objectives of its own.

#![allow(clippy::unwrap_used, reason = "helpers of tests end a test as the tests do")]

mod support;

use std::fs;
use std::sync::OnceLock;

use serde_json::Value;
use support::kills::run_with_kills;
use support::{Playground, TINY_STEPS, recorded_steps, signal, tiny};

const KILLS: u64 = 20;

/// Bytes of the encoder and the metrics of a run that was left alone.
type Result = (Vec<u8>, Vec<Value>);

fn uninterrupted(playground: &Playground, more: &[&str]) -> Result {
    playground.run(&tiny(more)).assert(0, &["finished after 72 steps"]);
    (playground.encoder(), playground.metrics())
}

/// That of Barlow Twins, computed once.
fn expected() -> &'static Result {
    static RESULT: OnceLock<Result> = OnceLock::new();
    RESULT.get_or_init(|| uninterrupted(&Playground::barlow(), &[]))
}

#[track_caller]
fn assert_same(playground: &Playground, (encoder, records): &Result) {
    let found = playground.metrics();
    for (found, expected) in found.iter().zip(records) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), records.len());
    assert!(&playground.encoder() == encoder, "the encoder has other bytes");
}

/// Barlow Twins, stopped by a signal once so many steps are recorded; two checkpoints are there.
fn stopped(steps: u64) -> Playground {
    let playground = Playground::barlow();
    let mut child = playground.start_and_wait(&tiny(&[]), steps);
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_eq!(playground.checkpoints().len(), 2);
    playground
}

fn resumed(playground: &Playground, said: &[&str]) {
    playground.run(&tiny(&["--resume"])).assert(0, said);
    assert_same(playground, expected());
}

fn assert_kills_change_nothing(program: fn() -> Playground, more: &[&str]) {
    let seed = std::env::var("BARLOW_KILL_SEED").map_or(1, |seed| seed.parse().unwrap());
    let expected = uninterrupted(&program(), more);
    let playground = program();
    let tally = run_with_kills(&playground, more, KILLS, seed);
    assert_eq!(tally.kills, KILLS as usize);
    assert!(tally.lost_steps >= 5, "hardly any kill came between two saves: {tally:?}");
    assert_same(&playground, &expected);

    let steps: Vec<u64> = expected.1.iter().filter(|r| r["kind"] == "step").map(step).collect();
    assert_eq!(steps, (0..TINY_STEPS).collect::<Vec<_>>());
    let loss = |steps: &[Value]| -> f64 {
        let losses = steps.iter().filter_map(|record| record["loss"].as_f64());
        losses.sum::<f64>()
    };
    let records = &expected.1;
    let (first, last) = (loss(&records[..13]), loss(&records[records.len() - 13..]));
    assert!(last < 0.95 * first, "{more:?} does not train: {first} to {last}");
}

fn step(record: &Value) -> u64 {
    record["step"].as_u64().unwrap()
}

#[test]
fn barlow_twins_survives_twenty_kills() {
    assert_kills_change_nothing(
        Playground::barlow,
        &["--set=optimizer.name=lars", "--set=optimizer.base_learning_rate=4"],
    );
}

#[test]
fn a_queue_survives_twenty_kills() {
    assert_kills_change_nothing(Playground::own_objective, &["--objective=queue"]);
}

#[test]
fn a_signal_finishes_the_step_saves_and_resuming_continues_it() {
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let playground = Playground::barlow();
        let mut child = playground.start_and_wait(&tiny(&[]), 7);
        signal(&child, name);
        assert_eq!(child.wait().unwrap().code(), Some(code));
        let done = recorded_steps(&playground.path("run"));
        assert!((7..TINY_STEPS).contains(&done), "{done}");
        assert_eq!(playground.checkpoints().last(), Some(&done));
        let status = fs::read(playground.path("run/status.json")).unwrap();
        let status: Value = serde_json::from_slice(&status).unwrap();
        assert_eq!((&status["state"], step(&status)), (&"interrupted".into(), done));
        let log = fs::read_to_string(playground.path("run/train.log")).unwrap();
        assert!(log.contains(&format!("interrupted after step {done} of 72")), "{log}");
        resumed(&playground, &[&format!("resuming after step {done} of 72")]);
    }
}

#[test]
fn a_run_killed_before_its_first_checkpoint_starts_at_step_0_and_says_so() {
    let playground = Playground::barlow();
    let rarely = ["--set=checkpoint.every_steps=1000"];
    let mut child = playground.start_and_wait(&tiny(&rarely), 4);
    child.kill().unwrap();
    child.wait().unwrap();
    let resume = tiny(&["--set=checkpoint.every_steps=1000", "--resume"]);
    playground.run(&resume).assert(0, &["no checkpoint yet: starting at step 0"]);
    assert_same(&playground, expected());

    let playground = Playground::barlow();
    resumed(&playground, &["no run to resume here: starting at step 0"]);
}

#[test]
fn resuming_a_finished_run_changes_no_file() {
    let playground = Playground::barlow();
    uninterrupted(&playground, &[]);
    let before = playground.files();
    let ended = playground.run(&["pretrain", "--out=run", "--resume"]);
    ended.assert(0, &[]);
    assert!(ended.stdout.contains("the run is finished: 72 steps are done"), "{}", ended.stdout);
    assert!(playground.files() == before, "a file changed");
}

#[test]
fn what_the_last_moments_of_a_run_left_undone_is_done_by_resuming() {
    let playground = Playground::barlow();
    uninterrupted(&playground, &[]);
    let status = playground.path("run/status.json");
    let done = fs::read_to_string(&status).unwrap();
    // As a kill between the last checkpoint and the encoder leaves them.
    fs::write(&status, done.replace("done", "running")).unwrap();
    fs::write(playground.path("run/encoder.safetensors"), b"of an earlier checkpoint").unwrap();
    playground.run(&["pretrain", "--out=run", "--resume"]).assert(0, &[]);
    assert_same(&playground, expected());
    assert!(fs::read_to_string(&status).unwrap().contains("done"));
}

#[test]
fn a_changed_key_is_refused_by_name_except_those_that_change_no_result() {
    let playground = stopped(10);
    let before = playground.files();
    let refused = playground.run(&tiny(&["--resume", "--lambda=0.1", "--seed=9"]));
    refused
        .assert(2, &["other settings", "`objective.lambda`: 0.0051 then, 0.1 now", "`train.seed`"]);
    let refused = playground.run(&["pretrain", "--out=run", "--resume", "--epochs=13"]);
    refused.assert(2, &["`schedule.epochs`: 12 then, 13 now"]);
    assert!(playground.files() == before, "a refused resume changed a file");

    let free =
        ["--resume", "--set=data.workers=5", "--device=cpu", "--set=train.log_every_steps=2"];
    playground.run(&tiny(&free)).assert(0, &["resuming after step"]);
    assert!(playground.encoder() == expected().0, "the encoder has other bytes");
}

#[test]
fn a_damaged_checkpoint_is_passed_over_aloud_for_the_one_before() {
    type Damage = fn(&mut Vec<u8>);
    let damage: [(&str, Damage); 4] = [
        ("state.bin", |bytes| *bytes.last_mut().unwrap() ^= 1),
        ("state.bin", |bytes| bytes.truncate(1000)),
        ("state.bin", Vec::clear),
        ("MANIFEST.json", |bytes| bytes[20] ^= 4),
    ];
    for (file, damage) in damage {
        let playground = stopped(10);
        let newest = *playground.checkpoints().last().unwrap();
        let path = playground.checkpoint_file(newest, file);
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
        let name = format!("step-{newest:08}");
        resumed(&playground, &["warning: a checkpoint is passed over", &name, file]);
    }
}

#[test]
fn with_every_checkpoint_damaged_nothing_is_started_anew() {
    let playground = stopped(10);
    for step in playground.checkpoints() {
        fs::write(playground.checkpoint_file(step, "state.bin"), b"lost").unwrap();
    }
    let before = playground.files();
    let ended = playground.run(&tiny(&["--resume"]));
    ended.assert(1, &["the run cannot be resumed", "no checkpoint in", "state.bin"]);
    assert!(playground.files() == before, "a file changed");
}

#[test]
fn a_second_process_is_kept_out_of_the_directory() {
    let playground = Playground::barlow();
    let mut child = playground.start_and_wait(&tiny(&[]), 1);
    for option in ["--resume", "--overwrite"] {
        let pid = child.id().to_string();
        playground.run(&tiny(&[option])).assert(1, &["`run` is in use by", &pid]);
    }
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_same(&playground, expected());
}

#[test]
fn the_number_of_workers_changes_no_byte() {
    for workers in ["--set=data.workers=1", "--set=data.workers=7"] {
        let playground = Playground::barlow();
        playground.run(&tiny(&[workers])).assert(0, &[]);
        assert_same(&playground, expected());
    }
}
