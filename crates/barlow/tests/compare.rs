//! Studies of many runs: the tables say what the runs measured, nothing is trained twice, and a study
//! that was killed ends as one that was left alone.
//!
//! The real program on a study of two arms and two seeds of eight steps each.

#![allow(clippy::unwrap_used, reason = "helpers of tests end a test as the tests do")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use barlow::objectives::Registry;
use barlow::report::{Recipes, Study};
use barlow::settings::{TypedSettings, resolve};
use barlow::studies;
use serde_json::Value;
use support::{Playground, metrics, recorded_steps, signal};

const STUDY: &str = r#"
title = "Lambda"
claim = "It matters."
preset = "quick"
seeds = [0, 1]

[settings]
data.source = "synthetic:64"
probe.train = "synthetic:60"
probe.test = "synthetic:50:1"
views.image_size = 16
encoder.width = 4
projector.widths = "16-16"
train.batch_size = 16
checkpoint.every_steps = 2

[sizing]
schedule.epochs = 2

[[arm]]
name = "usual"
baseline = true
paper = 71.4
[[arm]]
name = "none"
set = { objective.lambda = 0 }
paper = 57.3
"#;

fn playground(study: &str) -> Playground {
    let playground = Playground::barlow();
    fs::write(playground.path("study.toml"), study).unwrap();
    playground
}

/// A folder in which the study is finished.
fn finished(study: &str) -> Playground {
    let playground = playground(study);
    playground.run(&["compare", "study.toml"]).assert(0, &["run 4 of 4: `none`, seed 1"]);
    playground
}

fn run_of(playground: &Playground, arm: &str, seed: u64) -> PathBuf {
    playground.path(&format!("studies/study/runs/{arm}/seed-{seed}"))
}

fn json(playground: &Playground) -> Value {
    serde_json::from_slice(&fs::read(playground.path("studies/study/study.json")).unwrap()).unwrap()
}

/// k-NN accuracies of a run, as its metrics have them.
fn knn(run: &Path) -> Vec<f64> {
    metrics(run).iter().filter_map(|record| record["knn"].as_f64()).collect()
}

/// Every file below a folder but locks, with what is in it and when it was written.
fn files(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if !path.ends_with(".lock") {
            let written = path.metadata().unwrap().modified().unwrap();
            files.insert(path.clone(), (fs::read(&path).unwrap(), written));
        }
    }
    files
}

#[test]
fn tables_say_what_the_runs_measured_and_a_second_call_trains_nothing() {
    let playground = finished(STUDY);
    let found = json(&playground);
    let csv = fs::read_to_string(playground.path("studies/study/table.csv")).unwrap();
    for (index, arm) in ["usual", "none"].into_iter().enumerate() {
        let runs = [0, 1].map(|seed| knn(&run_of(&playground, arm, seed)));
        for (seed, run) in runs.iter().enumerate() {
            assert_eq!(run.len(), 3, "before, and after each of two epochs");
            let row = &found["arms"][index]["runs"][seed];
            assert_eq!(row["knn_before"], run[0]);
            assert_eq!(row["knn"], run[2]);
            assert_eq!((&row["state"], &row["steps"]), (&"finished".into(), &8.into()));
        }
        let [a, b] = [runs[0][2], runs[1][2]];
        let spread = &found["arms"][index]["knn"];
        assert!((spread["mean"].as_f64().unwrap() - f64::midpoint(a, b)).abs() < 1e-12);
        // Of two numbers the deviation of a sample is their distance over the root of two.
        let deviation = spread["deviation"].as_f64().unwrap();
        assert!((deviation - (a - b).abs() / 2f64.sqrt()).abs() < 1e-12);
        let line = csv.lines().find(|line| line.starts_with(&format!("{arm},"))).unwrap();
        let cells: Vec<&str> = line.split(',').collect();
        let mean: f64 = cells[4].parse().unwrap();
        assert!((mean - 50.0 * (a + b)).abs() < 1e-9, "{line}");
        assert_eq!(cells[6], "2", "{line}");
    }
    assert!((found["arms"][1]["paper_difference"].as_f64().unwrap() + 14.1).abs() < 1e-9);
    let protocol = found["arms"][0]["protocol"].as_str().unwrap();
    assert!(protocol.contains("`synthetic:50:1` against") && protocol.contains("2 epochs of"));
    let markdown = fs::read_to_string(playground.path("studies/study/table.md")).unwrap();
    assert!(markdown.contains("| 2 |") && markdown.contains("baseline | 71.4"), "{markdown}");
    assert!(
        fs::read_to_string(playground.path("studies/study/plot.svg")).unwrap().contains("<svg")
    );
    let runs = fs::read_to_string(playground.path("studies/study/runs.csv")).unwrap();
    assert_eq!(runs.lines().count(), 5, "{runs}");

    let before = files(&playground.path("studies"));
    let ended = playground.run(&["compare", "study.toml"]);
    assert!(!ended.assert(0, &[]).stderr.contains("run 1 of 4"), "{}", ended.stderr);
    assert!(ended.stdout.contains("# Lambda"), "{}", ended.stdout);
    assert_eq!(files(&playground.path("studies")), before);

    let encoders =
        [0, 1].map(|seed| run_of(&playground, "usual", seed).join("encoder.safetensors"));
    let [a, b] = encoders.map(|path| fs::read(path).unwrap());
    assert!(a != b, "seeds differ");
    playground.run(&["compare", "study.toml", "--set", "encoder.width=8"]).assert(
        2,
        &["seed-0`: the run was begun with other settings", "`encoder.width`: 4 then, 8"],
    );
}

/// What must not depend on interruptions.
fn without_timing(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            fields.retain(|key, _| key != "seconds" && key != "images_per_second");
            for field in fields.values_mut() {
                *field = without_timing(field.take());
            }
        }
        Value::Array(items) => {
            for item in items {
                *item = without_timing(item.take());
            }
        }
        _ => {}
    }
    value
}

/// Starts the study and returns once a run of it has so many steps.
fn start_and_wait(playground: &Playground, run: &Path, steps: u64) -> std::process::Child {
    let mut child = playground.start(&["compare", "study.toml"]);
    let begin = Instant::now();
    while recorded_steps(run) < steps {
        assert!(child.try_wait().unwrap().is_none(), "ended before step {steps}");
        assert!(begin.elapsed() < Duration::from_mins(4), "no step {steps}");
        std::thread::sleep(Duration::from_millis(1));
    }
    child
}

#[test]
fn a_study_that_was_killed_and_interrupted_ends_as_one_left_alone() {
    let study = STUDY.replace("epochs = 2", "epochs = 5");
    let expected = finished(&study);
    let playground = playground(&study);
    let mut child = start_and_wait(&playground, &run_of(&playground, "none", 0), 3);
    let locked = format!("`studies/study` is in use by process {}", child.id());
    playground.run(&["compare", "study.toml"]).assert(1, &[&locked]);
    child.kill().unwrap();
    child.wait().unwrap();
    let mut child = start_and_wait(&playground, &run_of(&playground, "usual", 1), 3);
    signal(&child, "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let partly = json(&playground);
    assert_eq!(partly["arms"][0]["knn"]["seeds"], 1, "what is done is in the tables");
    assert_eq!(partly["arms"][0]["runs"][1]["state"], "begun");
    playground.run(&["compare", "study.toml"]).assert(0, &["resuming after step"]);
    assert_eq!(without_timing(json(&playground)), without_timing(json(&expected)));
}

#[test]
fn a_dry_run_says_what_is_left_and_writes_nothing() {
    let playground = playground(STUDY);
    let ended = playground.run(&["compare", "study.toml", "--dry-run"]);
    ended.assert(0, &[]);
    for part in [
        "usual  0 of 2 runs done, 128 pairs a run",
        "order: all arms with seed 0, then all with seed 1",
        "4 runs left; their cost is unknown before the first is done",
    ] {
        assert!(ended.stdout.contains(part), "{part:?} in\n{}", ended.stdout);
    }
    assert!(!playground.path("studies").exists());
    let options =
        ["compare", "study.toml", "--dry-run", "--json", "--seeds", "7,8,9", "--only", "none"];
    let plan = playground.run(&options).json();
    assert_eq!(plan["order"], serde_json::json!([["none", 7], ["none", 8], ["none", 9]]));
    assert_eq!(plan["arms"][0]["pairs"], 128);
    let stated = STUDY.replace("seeds = [0, 1]", "seeds = [0, 1]\nseconds_a_run = 45");
    fs::write(playground.path("stated.toml"), stated).unwrap();
    let ended = playground.run(&["compare", "stated.toml", "--dry-run"]);
    assert!(ended.stdout.contains("4 runs left, about 3 minutes, as the"), "{}", ended.stdout);
    playground.run(&["compare", "study.toml", "--only", "none", "--seeds", "1"]).assert(0, &[]);
    let ended = playground.run(&["compare", "study.toml", "--dry-run"]);
    for part in ["none   1 of 2 runs done", "3 runs left, about "] {
        assert!(ended.stdout.contains(part), "{part:?} in\n{}", ended.stdout);
    }
}

#[test]
fn a_preset_leaves_the_sizing_out_and_other_images_the_probe() {
    let set = "set = { objective.lambda = 0 }";
    let of_an_arm = format!("{set}\nsizing = {{ schedule.epochs = 3 }}");
    let study = STUDY.replace(set, &of_an_arm).replace("quick", "cifar");
    let playground = playground(&study);
    let pairs = |options: &[&str]| {
        let plan = ["compare", "study.toml", "--dry-run", "--json"];
        let plan = playground.run(&[&plan[..], options].concat()).json();
        [0, 1].map(|arm| plan["arms"][arm]["pairs"].as_u64().unwrap())
    };
    assert_eq!(pairs(&[]), [2 * 64, 3 * 64]);
    assert_eq!(pairs(&["--preset", "cifar"]), [64_000; 2], "its 1000 epochs of 64 images");
    let options = ["compare", "study.toml", "--data", "synthetic:80", "--only", "usual", "--json"];
    let report = playground.run(&[&options[..], &["--seeds", "3"]].concat()).json();
    let protocol = report["arms"][0]["protocol"].as_str().unwrap();
    assert!(
        protocol.contains("a seeded tenth of at most 10000 images of `synthetic:80`, held out"),
        "{protocol}"
    );
    assert_eq!(report["arms"][0]["runs"][0]["state"], "finished");
    assert_eq!(report["arms"][1]["runs"][0]["state"], "missing");
    let missing = ["compare", "study.toml", "--data", "nowhere", "--dry-run"];
    playground.run(&missing).assert(1, &["the images of `nowhere` cannot be opened"]);
    let differ =
        STUDY.replace("set = { objective", "set = { data.source = \"synthetic:9\", objective");
    fs::write(playground.path("study.toml"), differ).unwrap();
    playground
        .run(&["compare", "study.toml", "--data", "synthetic:80", "--dry-run"])
        .assert(2, &["arms of the study differ in their images (`data.source`)"]);
}

#[test]
fn images_that_an_objective_cannot_work_with_are_refused_before_anything_is_written() {
    let arm =
        "[[arm]]\nname = \"sela\"\nset = { objective.name = \"sela\", objective.clusters = 70 }\n";
    let playground = playground(&format!("{STUDY}{arm}"));
    let expected = "`objective.clusters` is 70, more than the 64 images to label";
    let studied = playground.run(&["compare", "study.toml", "--out", "out"]);
    studied.assert(1, &["arm `sela`", expected]);
    let others = ["compare", "study.toml", "--only", "usual", "--dry-run"];
    playground.run(&others).assert(0, &[]);
    let run = ["pretrain", "--data", "synthetic:64", "--objective", "sela", "--batch-size", "16"];
    let run = [&run[..], &["--set", "objective.clusters=70", "--out", "out"]].concat();
    playground.run(&run).assert(1, &[expected]);
    assert!(!playground.path("out").exists());
}

#[test]
fn a_reference_has_an_objective_of_its_own() {
    let reference = "[[reference]]\nname = \"ceiling\"\nlike = \"supervised\"\n";
    let playground = playground(&format!("{STUDY}{reference}"));
    let plan = ["compare", "study.toml", "--dry-run", "--set", "objective.invariance_weight=0.5"];
    let ended = playground.run(&plan);
    assert!(ended.assert(0, &[]).stdout.contains("ceiling  0 of 2"), "{}", ended.stdout);
}

#[test]
fn tables_hold_every_run_of_the_folder_that_is_an_arms_and_can_be_read() {
    let playground = playground(STUDY);
    let run = |options: &[&str]| playground.run(&[&["compare", "study.toml"], options].concat());
    run(&["--only", "usual", "--seeds", "1"]).assert(0, &[]);
    run(&["--only", "usual", "--seeds", "0"]).assert(0, &[]);
    let found = json(&playground);
    assert_eq!(found["seeds"], serde_json::json!([0, 1]));
    assert_eq!(found["arms"][0]["finished"], 2, "the earlier seed as well");

    fs::write(run_of(&playground, "usual", 1).join("metrics.jsonl"), "no JSON\n{}\n").unwrap();
    fs::create_dir(playground.path("studies/study/runs/former")).unwrap();
    run(&["--only", "usual"]).assert(
        1,
        &["arms that the study does not have", "`former`", "`usual`, seed 1 failed", "line 1 of"],
    );
    let found = json(&playground);
    let states = [0, 1].map(|seed| found["arms"][0]["runs"][seed]["state"].clone());
    assert_eq!(states, ["finished", "failed"]);
}

#[test]
fn everything_wrong_with_a_study_is_said_before_anything_runs() {
    let study = r#"
titel = "t"
claim = "c"
preset = "quick"
[settings]
train.seed = 3
[[arm]]
name = "a"
set = { objective.lambd = 1 }
[[arm]]
name = "b"
set = { encoder.width = 0 }
"#;
    let playground = playground(study);
    let said = [
        "the study `study.toml` has 5 problems",
        "line 2: key `titel` is unknown, expected one of `title`",
        "line 1: the study has no `title`",
        "line 6: key `train.seed` is not an arm's",
        "key `objective.lambd` (`1`, from `study.toml` line 9) is unknown (arm `a`)",
        "did you mean `objective.lambda`?",
        "key `encoder.width` is `0` (from `study.toml` line 12), expected an integer from 1",
    ];
    playground.run(&["compare", "study.toml"]).assert(2, &said);
    assert!(!playground.path("studies").exists());
}

#[test]
fn options_that_make_no_sense_are_wrong_usage() {
    let playground = playground(STUDY);
    for (options, said) in [
        (&["compare", "table55"][..], &["`table5`, `table6`", "did you mean `table5`?"][..]),
        (&["compare", "no.toml"], &["cannot read `no.toml`"]),
        (
            &["compare", "study.toml", "--only", "non"],
            &["`usual`, `none`", "did you mean `none` for `non`?"],
        ),
        (
            &["compare", "study.toml", "--only", "non", "usua"],
            &[
                "no such arms are in the study: `non`, `usua`",
                "did you mean `none` for `non`, `usual` for `usua`?",
            ],
        ),
        (&["compare", "study.toml", "--seeds", "0,a"], &["expected whole numbers from 0 to"]),
        (&["compare", "study.toml", "--seeds", "1,1"], &["`--seeds` has 1 twice"]),
        (&["compare", "study.toml", "--set", "objective.lambda=1"], &["arms of the study differ"]),
        (&["compare", "study.toml", "--set", "train.seed=1"], &["each run has a seed of its own"]),
        (&["compare", "study.toml", "--set", "train.sed=1"], &["did you mean `train.seed`?"]),
        (&["compare", "study.toml", "--preset", "quik"], &["did you mean `quick`?"]),
        (&["compare", "study.toml", "--data", "synthetic:x"], &["synthetic[:N[:SEED]]"]),
    ] {
        playground.run(options).assert(2, said);
    }
    assert!(!playground.path("studies").exists());
}

#[test]
fn a_run_that_fails_is_told_and_the_others_go_on() {
    let study = STUDY.replace("set = { objective", "set = { probe.test = \"nowhere\", objective");
    let playground = playground(&study);
    let ended = playground.run(&["compare", "study.toml", "--seeds", "0"]);
    ended.assert(1, &["`none`, seed 0 failed", "nowhere", "1 of 2 runs failed"]);
    assert!(ended.stdout.contains("failed"), "{}", ended.stdout);
    let found = json(&playground);
    assert_eq!(found["arms"][0]["runs"][0]["state"], "finished");
    assert_eq!(found["arms"][1]["runs"][0]["state"], "failed");
}

#[test]
fn a_run_without_finite_numbers_is_a_result() {
    // Each step multiplies the weights by -60,000: within ten steps they overflow.
    let wild = "set = { optimizer.name = \"sgd\", optimizer.base_learning_rate = 10000, \
                optimizer.weight_decay = 100, objective";
    let study = STUDY.replace("set = { objective", wild).replace("epochs = 2", "epochs = 20");
    let playground = playground(&study);
    let ended = playground.run(&["compare", "study.toml", "--seeds", "0", "--only", "none"]);
    ended.assert(0, &[]);
    let run = &json(&playground)["arms"][1];
    let state = run["runs"][0]["state"].as_str().unwrap();
    let health = &run["health"]["findings"][0]["what"];
    assert!(state == "diverged" && health == "not finite", "{run:#}");
    assert_eq!(run["knn"], Value::Null, "no accuracy of weights that were lost");
    let again = playground.run(&["compare", "study.toml", "--seeds", "0", "--only", "none"]);
    assert!(!again.assert(0, &[]).stderr.contains("run 1"), "{}", again.stderr);
}

#[test]
fn a_grid_of_ones_own_has_the_right_arms() {
    let study = r#"
title = "t"
claim = "c"
preset = "quick"
[[axis]]
name = "optimizer"
values = [{ name = "lars" }, { name = "sgd", set = { optimizer.name = "sgd" } }]
[[axis]]
name = "width"
values = [
    { name = "8", x = 8, set = { encoder.width = 8 } },
    { name = "16", x = 16, set = { encoder.width = 16 } },
]
"#;
    let playground = playground(study);
    let plan = playground.run(&["compare", "study.toml", "--dry-run", "--json"]).json();
    let arms: Vec<&str> =
        plan["arms"].as_array().unwrap().iter().map(|arm| arm["arm"].as_str().unwrap()).collect();
    assert_eq!(arms, ["lars-8", "lars-16", "sgd-8", "sgd-16"]);
    assert_eq!(plan["runs_left"], 12);
}

#[test]
fn every_arm_of_every_named_study_resolves_and_help_names_them_all() {
    let registry = Registry::default();
    let help = Playground::barlow().run(&["compare", "--help"]).stdout;
    let mut arms = 0;
    for named in studies::ALL {
        let mut words = help.split(|c: char| c.is_whitespace() || c == ',');
        assert!(words.any(|word| word == named.name), "{}", named.name);
        let (study, problems) = Study::read(named.text, studies::recipes());
        assert!(problems.is_empty(), "{}: {problems:?}", named.name);
        assert_eq!(study.seeds, [0, 1, 2], "{}", named.name);
        for arm in &study.arms {
            let settings = [&study.settings[..], &arm.settings].concat();
            let typed = TypedSettings {
                preset: study.preset.clone(),
                set: settings.iter().map(|s| format!("{}={}", s.key, s.text())).collect(),
                ..TypedSettings::default()
            };
            arms += 1;
            if let Err(found) = resolve(&typed, &registry) {
                panic!("{}, arm {}: {found}", named.name, arm.name);
            }
        }
    }
    assert_eq!(arms, 169 + 11, "and the supervised one in each but `methods`, which counts it");
}

#[test]
fn recipes_are_the_arms_of_the_study_of_methods() {
    let (methods, _) = Study::read(studies::find("methods").unwrap().text, &Recipes::new());
    assert_eq!(studies::recipes().len(), methods.arms.len());
    let byol = &studies::recipes()["byol"];
    assert!(byol.iter().any(|setting| setting.key == "objective.name" && setting.text() == "byol"));
}
