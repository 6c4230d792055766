use barlow_objectives::{ConstantValue, Registry};
use clap::{CommandFactory, Parser};

use super::*;
use crate::settings::{keys, resolve};

fn parse(line: &str) -> Arguments {
    Arguments::try_parse_from(line.split_whitespace()).unwrap()
}

#[test]
fn the_grammar_is_sound() {
    Arguments::command().debug_assert();
}

#[test]
fn every_help_ends_with_an_example_that_parses() {
    let mut commands = vec![Arguments::command()];
    commands.extend(Arguments::command().get_subcommands().cloned());
    assert_eq!(commands.len(), 13);
    for mut command in commands {
        let help = command.render_long_help().to_string();
        let last = help.trim_end().lines().next_back().unwrap();
        let example = last.strip_prefix("Example: ").unwrap_or_else(|| panic!("{help}"));
        parse(example);
    }
}

#[test]
fn every_option_for_a_key_names_one_and_says_so_in_its_help() {
    let line = "barlow pretrain --data synthetic:512 --epochs 3 --encoder resnet34 --width 8 \
        --projector 64-32 --objective barlow-twins --lambda 0.1 --seed 5 --probe-train synthetic:9 \
        --probe-test synthetic:8 --image-size 40 --batch-size 16 --device cpu --precision f32 \
        --workers 3";
    let Command::Pretrain(arguments) = parse(line).command else { panic!("not pretrain") };
    let typed = arguments.typed();
    assert_eq!(typed.options.len(), 15);
    for option in &typed.options {
        let is_key = keys().iter().any(|key| key.name == option.key);
        assert!(is_key || option.key == "objective.lambda", "{option:?}");
    }
    let settings = resolve(&typed, &Registry::default()).unwrap().settings;
    assert_eq!(settings.data.source, "synthetic:512");
    assert_eq!(settings.schedule.epochs, 3);
    assert_eq!(settings.encoder.name.as_str(), "resnet34");
    assert_eq!(settings.encoder.width, 8);
    assert_eq!(settings.projector.widths.to_string(), "64-32");
    assert_eq!(settings.objective.constants.get("lambda"), Some(&ConstantValue::Number(0.1)));
    assert_eq!(settings.train.seed, 5);
    assert_eq!([settings.probe.train, settings.probe.test], ["synthetic:9", "synthetic:8"]);
    assert_eq!(settings.views.image_size, 40);
    assert_eq!(settings.train.batch_size, 16);
    assert_eq!([settings.train.device, settings.train.precision], ["cpu", "f32"]);
    assert_eq!(settings.data.workers, 3);
}

#[test]
fn negative_numbers_reach_the_table_of_keys() {
    let line = "barlow pretrain --lambda -0.5 --epochs -3 --set train.seed=-1";
    let Command::Pretrain(arguments) = parse(line).command else { panic!("not pretrain") };
    let problems = resolve(&arguments.typed(), &Registry::default()).unwrap_err();
    assert_eq!(problems.problems.len(), 3, "{problems}");
}

#[test]
fn resuming_and_overwriting_exclude_each_other() {
    let line = "barlow pretrain --resume --overwrite";
    let error = Arguments::try_parse_from(line.split_whitespace()).unwrap_err();
    assert_eq!(error.exit_code(), 2);
}

#[test]
fn knn_takes_the_protocol_of_training_and_reports_all_that_is_wrong() {
    let knn = |rest: &str| {
        let line = format!("barlow knn --weights w --train synthetic:9 {rest}");
        let Command::Knn(arguments) = parse(&line).command else { panic!("not knn") };
        arguments.check()
    };
    let settings = knn("--test fashion-mnist:test --resize 256").unwrap();
    assert_eq!((settings.encoder.resize, settings.encoder.image_size), (Some(256), None));
    assert!((settings.temperature - 0.07).abs() < 1e-15);
    let problems = knn("--test synthetic:0 --k 0 --temperature -1 --device moon").unwrap_err();
    assert_eq!(problems.problems.len(), 4, "{problems}");
}

#[test]
fn views_shows_the_first_positions_or_those_asked_for() {
    let views = |rest: &str| {
        let Command::Views(arguments) = parse(&format!("barlow views --out v.png {rest}")).command
        else {
            panic!("not views")
        };
        arguments.positions()
    };
    assert_eq!(views("--count 3"), [0, 1, 2]);
    assert_eq!(views("--index 5,2-3"), [5, 2, 3]);
}

#[test]
fn the_help_of_compare_names_every_study() {
    let mut arguments = Arguments::command();
    let compare = arguments.find_subcommand_mut("compare").unwrap();
    let help = compare.render_long_help().to_string();
    let words: Vec<&str> = help.split([' ', ',', '\n']).collect();
    for study in crate::studies::ALL {
        assert!(words.contains(&study.name), "{}", study.name);
    }
}
