mod recipes;

use barlow_train::settings::{Auto, ChannelValues};
use std::collections::BTreeSet;
use std::fs;

use super::layers::values_of;
use super::*;

fn registry() -> Registry {
    Registry::default()
}

fn set(assignments: &[&str]) -> TypedSettings {
    let set = assignments.iter().map(|&text| text.to_owned()).collect();
    TypedSettings { set, ..TypedSettings::default() }
}

fn resolved(assignments: &[&str]) -> Resolution {
    resolve(&set(assignments), &registry()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn refused(assignments: &[&str]) -> String {
    let problems = resolve(&set(assignments), &registry()).unwrap_err();
    assert_eq!(problems.problems.len(), assignments.len(), "{problems}");
    problems.to_string()
}

fn in_file(text: &str, preset: Option<&str>) -> Result<Resolution, SettingsProblems> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run.toml");
    fs::write(&path, text).unwrap();
    let preset = preset.map(str::to_owned);
    resolve(&TypedSettings { config: Some(path), preset, ..TypedSettings::default() }, &registry())
}

#[test]
fn the_table_has_exactly_the_keys_of_the_settings() {
    fn leaves(table: &toml::Table, section: &str, into: &mut BTreeSet<String>) {
        for (name, value) in table {
            let name = format!("{section}{name}");
            match value {
                Value::Table(table) => leaves(table, &format!("{name}."), into),
                _ => drop(into.insert(name)),
            }
        }
    }
    let mut fields = BTreeSet::new();
    leaves(&toml::Table::try_from(Settings::default()).unwrap(), "", &mut fields);
    let table: BTreeSet<String> = keys().iter().map(|key| key.name.clone()).collect();
    assert_eq!(table, fields);
    assert_eq!(table.len(), keys().len(), "a key is in the table twice");
}

#[test]
fn defaults_are_allowed_by_the_table() {
    let imagenet = TypedSettings { preset: Some("imagenet".into()), ..TypedSettings::default() };
    let mut expected = Settings::default();
    expected.optimizer.base_learning_rate_biases = 0.0003;
    for constant in registry().find("barlow-twins").unwrap().constants {
        expected.objective.constants.set(constant.name, constant.default.clone());
    }
    assert_eq!(resolve(&imagenet, &registry()).unwrap().settings, expected);
}

#[test]
fn every_preset_resolves_to_a_configuration_of_its_own() {
    let mut seen: Vec<Settings> = Vec::new();
    for preset in presets::ALL {
        let typed = TypedSettings { preset: Some(preset.name.into()), ..TypedSettings::default() };
        let resolution = resolve(&typed, &registry()).unwrap_or_else(|p| panic!("{p}"));
        assert_eq!(resolution.preset, preset.name);
        assert_eq!(resolution.notes, [""; 0], "{}", preset.name);
        assert!(!seen.contains(&resolution.settings), "{}", preset.name);
        seen.push(resolution.settings);
    }
}

#[test]
fn presets_state_only_differences_from_the_defaults() {
    let defaults = values_of(&Settings::default(), &registry());
    for preset in presets::ALL {
        for (key, given) in reading::preset(&preset, &Vocabulary::of(&registry()), &mut Vec::new())
        {
            // Probabilities of the official views and constants of an objective are worth stating
            // again.
            if key.name.starts_with("views.") || key.name.starts_with("objective.") {
                continue;
            }
            let (_, default) = defaults.iter().find(|(known, _)| known.name == key.name).unwrap();
            let is_same = given.value.as_ref() == Some(default);
            assert!(!is_same, "{}: {}", preset.name, key.name);
        }
    }
}

#[test]
fn every_preset_says_how_to_run_it_and_what_to_expect() {
    for preset in presets::ALL {
        for field in ["# command: ", "# hardware: ", "# cost: ", "# score: ", "# source: "] {
            assert!(preset.text.contains(field), "{}: {field}", preset.name);
        }
    }
}

#[test]
fn the_images_choose_the_preset() {
    for (source, preset) in [
        ("synthetic:600", "quick"),
        ("fashion-mnist:train", "fashion-mnist"),
        ("some/folder", "small-data"),
        ("idx:a,b", "small-data"),
    ] {
        let resolution = resolved(&[&format!("data.source={source}")]);
        assert_eq!(resolution.preset, preset, "{source}");
        assert_eq!(resolution.settings.data.source, source);
        assert_eq!(resolution.notes.len(), 1, "{:?}", resolution.notes);
    }
    let without = resolved(&[]);
    assert_eq!(without.preset, "quick");
    assert!(without.notes[0].contains("synthetic"), "{:?}", without.notes);
}

#[test]
fn options_go_before_the_file_before_the_preset_before_defaults() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run.toml");
    fs::write(&path, "[encoder]\nwidth = 24\n[train]\nbatch_size = 64\nseed = 3\n").unwrap();
    let typed = TypedSettings {
        preset: Some("quick".into()),
        config: Some(path),
        options: vec![TypedOption { flag: "--seed", key: "train.seed", value: "4".into() }],
        set: vec!["train.batch_size=32".into()],
    };
    let settings = resolve(&typed, &registry()).unwrap().settings;
    assert_eq!((settings.train.seed, settings.train.batch_size), (4, 32), "options");
    assert_eq!(settings.encoder.width, 24, "file");
    assert_eq!(settings.views.image_size, 32, "preset");
    assert!((settings.optimizer.momentum - 0.9).abs() < 1e-15, "default");
}

#[test]
fn all_problems_are_reported_at_once_with_their_origins() {
    let text = "[objective]\nlambd = 0.1\n[train]\nbatch_size = 1\nprecision = 32\n";
    let problems = in_file(text, Some("quik")).unwrap_err();
    assert_eq!(problems.problems.len(), 4, "{problems}");
    let text = problems.to_string();
    for part in [
        "the configuration has 4 problems\n",
        "key `objective.lambd` (`0.1`, from `",
        "run.toml` line 2) is unknown\n    hint: did you mean `objective.lambda`?",
        "preset `quik` is unknown, expected one of `quick`, ",
        "hint: did you mean `quick`?",
        "key `train.batch_size` is `1` (from `",
        "line 4), expected an integer from 2 to 1048576",
        "key `train.precision` is `32` (from `",
        "expected one of `auto`, `f32`",
    ] {
        assert!(text.contains(part), "{part:?} in\n{text}");
    }
}

#[test]
fn values_out_of_range_are_refused() {
    for assignment in [
        "train.batch_size=0",
        "train.batch_size=1",
        "train.batch_size=-256",
        "train.batch_size=999999999999999999999999",
        "train.batch_size=many",
        "train.batch_size=",
        "train.batch_size=2.5",
        "schedule.epochs=0",
        "schedule.warmup_epochs=-1",
        "train.seed=-1",
        "train.seed=18446744073709551615",
        "objective.lambda=-0.1",
        "objective.lambda=nan",
        "optimizer.base_learning_rate=inf",
        "optimizer.momentum=1.5",
        "probe.temperature=0",
        "encoder.zero_init_residual=maybe",
        "encoder.stem=tiny",
        "views.image_size=7",
        "views.image_size=1000000",
        "views.a.crop_scale=[0,1]",
        "views.a.crop_scale=[0.9,0.1]",
        "views.a.crop_scale=[0.1,0.2,0.3]",
        "views.b.blur_sigma=1",
        "views.mean=automatic",
        "data.include=[a",
        "data.fraction=0",
        "data.fraction=1.1",
        "data.decode.alpha=white",
        "views.range=0-1",
        "views.range_ends=[5]",
        "views.small.hue=0.6",
        "views.b.shuffle=some",
        "views.std=[0]",
        "data.channels=65",
        "data.source=synthetic:0",
        "data.source=",
        "data.source=cifar10:",
        "projector.widths=512-",
        "projector.widths=512-0",
        "projector.widths=65537",
        "projector.widths=wide",
        "objective.name=simcrl",
        "train.device=moon",
        "train.precision=f16",
    ] {
        let text = refused(&[assignment]);
        let key = assignment.split_once('=').unwrap().0;
        assert!(text.contains(&format!("key `{key}` is ")), "{text}");
        assert!(text.contains(", expected "), "{text}");
    }
}

#[test]
fn refusals_say_what_was_meant_or_what_is_wrong() {
    for (assignment, hint) in [
        ("objective.name=barlow-twin", "did you mean `barlow-twins`?"),
        ("encoder.name=resnet81", "did you mean `resnet18`?"),
        ("projector.widths=512-x-64", "`x` is not a width"),
        ("train.device=cpu:3", "`cpu` takes no number"),
        ("data.source=synthetic:x", "expected `synthetic[:N[:SEED]]"),
    ] {
        assert!(refused(&[assignment]).contains(hint), "{}", refused(&[assignment]));
    }
    let text = refused(&["epoch=3"]);
    assert!(text.contains("did you mean `schedule.epochs`?"), "{text}");
}

#[test]
fn values_that_disagree_are_refused() {
    for (assignments, key) in [
        (&["encoder.stem=standard", "views.image_size=31"][..], "views.image_size"),
        (&["views.image_size=64", "views.resize=63"], "views.resize"),
        (&["data.channels=1", "views.mean=1,2,3"], "views.mean"),
        (&["data.channels=3", "views.std=1"], "views.std"),
        (&["views.mean=1", "views.std=1,2,3"], "views.std"),
        (&["train.batch_size=64", "data.max_images=63"], "data.max_images"),
        (&["views.range=percentiles", "views.range_ends=-1,99"], "views.range_ends"),
        (&["views.range=percentiles", "views.range_ends=5,5"], "views.range_ends"),
        (&["views.range=limits", "views.range_ends=7,7"], "views.range_ends"),
        (&["data.synthetic_version=999999"], "data.synthetic_version"),
    ] {
        let problems = resolve(&set(assignments), &registry()).unwrap_err();
        assert_eq!(problems.problems.len(), 1, "{problems}");
        assert!(problems.to_string().contains(&format!("key `{key}` is ")), "{problems}");
    }
    let other_data = ["data.synthetic_version=999999", "data.source=folder"];
    assert_eq!(resolved(&other_data).settings.data.synthetic_version, 999_999);
}

#[test]
fn lists_may_be_typed_with_and_without_brackets() {
    for text in ["0.25,1", "[0.25, 1]", " [ 0.25 , 1.0 ] "] {
        let settings = resolved(&[&format!("views.a.crop_scale={text}")]).settings;
        assert_eq!(settings.views.a.crop_scale.map(f64::to_bits), [0.25, 1.0].map(f64::to_bits));
    }
    for text in ["", "[]"] {
        let settings = resolved(&["data.source=fashion-mnist", &format!("views.mean={text}")]);
        assert!(settings.settings.views.mean.values().is_empty());
    }
}

#[test]
fn mean_and_std_may_be_left_to_the_images() {
    let resolution = resolved(&["data.source=folder", "views.mean=auto", "views.std=[0.2, 0.3]"]);
    assert_eq!(resolution.settings.views.mean, ChannelValues::Measured(Auto::Auto));
    assert_eq!(resolution.settings.views.std, ChannelValues::Given(vec![0.2, 0.3]));
    let again =
        in_file(&to_config_toml(&resolution.settings, "header", &registry()), None).unwrap();
    assert_eq!(again.settings, resolution.settings);
}

#[test]
fn patterns_may_be_typed_with_and_without_brackets() {
    for text in ["*.png,a/**", "[\"*.png\", \"a/**\"]"] {
        let settings = resolved(&["data.source=folder", &format!("data.include={text}")]).settings;
        assert_eq!(settings.data.include, ["*.png", "a/**"], "{text}");
    }
}

#[test]
fn a_set_without_a_value_and_a_contradiction_are_problems() {
    let mut typed = set(&["seed", "train.seed=5"]);
    typed.options = vec![TypedOption { flag: "--seed", key: "train.seed", value: "4".into() }];
    let problems = resolve(&typed, &registry()).unwrap_err().to_string();
    assert!(
        problems.contains("`--set seed` sets nothing, expected `--set key=value`"),
        "{problems}"
    );
    assert!(
        problems.contains("key `train.seed` is both `4` (from `--seed`) and `5` (from `--set`)"),
        "{problems}"
    );
}

#[test]
fn a_file_that_is_not_toml_is_refused_with_its_place() {
    let problems = in_file("[train]\nseed = 1\nbatch_size == 2\n", None).unwrap_err();
    let [Problem::Syntax { line, column, .. }] = &problems.problems[..] else {
        panic!("{problems}");
    };
    assert_eq!((*line, *column), (3, 13), "{problems}");
    let missing = TypedSettings { config: Some("no/such.toml".into()), ..TypedSettings::default() };
    let problems = resolve(&missing, &registry()).unwrap_err();
    assert!(matches!(problems.problems[..], [Problem::Unreadable { .. }]), "{problems}");
}

#[test]
fn sections_and_keys_are_not_mistaken_for_each_other() {
    let text = "train = 5\n[views.c]\nhue = 0.1\n[schedule.epochs]\nmany = true\n[empty]\n";
    let problems = in_file(text, None).unwrap_err();
    let text = problems.to_string();
    assert_eq!(problems.problems.len(), 4, "{text}");
    assert!(text.contains("key `train` is `5` "), "{text}");
    assert!(text.contains("key `views.c.hue` ("), "{text}");
    assert!(text.contains("key `schedule.epochs` is "), "{text}");
    assert!(text.contains("key `empty` ("), "{text}");
}

#[test]
fn an_option_replaces_a_value_that_does_not_fit_this_machine() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run.toml");
    fs::write(&path, "train.device = \"elsewhere:3\"\n").unwrap();
    let mut typed = TypedSettings { config: Some(path), ..TypedSettings::default() };
    assert!(resolve(&typed, &registry()).is_err());
    typed.set = vec!["train.device=cpu".into()];
    assert_eq!(resolve(&typed, &registry()).unwrap().settings.train.device, "cpu");
}

#[test]
fn warm_up_is_at_most_a_tenth_of_the_run_and_at_least_an_epoch() {
    for (epochs, asked, expected) in
        [(1000, 10, 10), (100, 11, 10), (19, 10, 1), (4, 10, 1), (1, 1, 1), (5, 0, 0), (50, 3, 3)]
    {
        let epochs = format!("schedule.epochs={epochs}");
        let asked_text = format!("schedule.warmup_epochs={asked}");
        let resolution = resolved(&["data.source=folder", &epochs, &asked_text]);
        assert_eq!(resolution.settings.schedule.warmup_epochs, expected, "{epochs} {asked}");
        let says_so = resolution.notes.iter().any(|note| note.contains("warm-up"));
        assert_eq!(says_so, asked != expected, "{:?}", resolution.notes);
    }
    let silent = resolved(&["data.source=folder", "schedule.epochs=5"]);
    assert_eq!(silent.settings.schedule.warmup_epochs, 1);
    assert_eq!(silent.notes.len(), 1, "a default that is shortened is no news: {:?}", silent.notes);
}

#[test]
fn a_resolved_configuration_resolves_to_itself() {
    for preset in presets::ALL {
        let typed = TypedSettings { preset: Some(preset.name.into()), ..TypedSettings::default() };
        let settings = resolve(&typed, &registry()).unwrap().settings;
        let again = in_file(&to_config_toml(&settings, "header", &registry()), None).unwrap();
        assert_eq!(again.settings, settings, "{}", preset.name);
        assert!(again.notes.is_empty(), "{:?}", again.notes);
    }
}

#[test]
fn every_choice_is_one_that_serde_takes() {
    for key in keys() {
        let Kind::Choice(words) = key.kind else {
            continue;
        };
        for word in words {
            let settings = resolved(&["data.source=folder", &format!("{}={word}", key.name)]);
            let values = values_of(&settings.settings, &registry());
            let (_, value) = values.iter().find(|(known, _)| known.name == key.name).unwrap();
            assert_eq!(value.as_str(), Some(*word));
        }
    }
}

#[test]
fn every_recipe_states_keys_that_there_are_and_resolves_with_every_preset() {
    let registry = registry();
    for entry in registry.entries() {
        // Not those that name an objective themselves.
        for preset in presets::ALL.iter().filter(|preset| !preset.text.contains("[objective]")) {
            let typed = TypedSettings {
                preset: Some(preset.name.into()),
                ..set(&[&format!("objective.name={}", entry.name)])
            };
            let resolution = resolve(&typed, &registry).unwrap_or_else(|p| panic!("{p}"));
            assert_eq!(resolution.settings.objective.name, entry.name);
        }
        for field in ["# command: ", "# cost: ", "# score: ", "# source: "] {
            let has_no_recipe = entry.preset.is_empty();
            assert!(has_no_recipe || entry.preset.contains(field), "{}: {field}", entry.name);
        }
    }
}

#[test]
fn objectives_that_share_a_constants_name_share_its_type() {
    let mut kinds = std::collections::BTreeMap::new();
    let registry = registry();
    for (entry, constant) in
        registry.entries().flat_map(|entry| entry.constants.iter().map(move |c| (entry, c)))
    {
        let kind = std::mem::discriminant(&constant.allowed);
        assert_eq!(*kinds.entry(constant.name).or_insert(kind), kind, "{}", entry.name);
        assert!(constant.allowed.takes(&constant.default), "{} {}", entry.name, constant.name);
    }
}
