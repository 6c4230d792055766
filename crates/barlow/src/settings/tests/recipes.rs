//! Recipes and constants of objectives as settings.

use barlow_objectives::{
    Bounds, Constant, ConstantValue, Entry, Layer, ObjectiveConfig, Scope, Unfit,
};

use super::*;

/// An objective with a recipe of its own, which behaves as Barlow Twins.
static CONTRAST: Entry = Entry {
    name: "contrast",
    summary: "",
    layer: Layer::Embedding,
    constants: &[
        Constant::number("temperature", 0.2, Bounds::above(0.0, 10.0), "how soft"),
        Constant::widths("predictor", "", "behind the projector"),
    ],
    preset: "[projector]\nwidths = \"64-16\"\n[objective]\ntemperature = 0.5\n",
    create: |_, scope: &Scope| {
        if scope.batch_size < 8 {
            let allowed = "at least 8".to_owned();
            return Err(Unfit::Key { key: "train.batch_size", allowed });
        }
        let barlow_twins = Registry::default().create(&ObjectiveConfig::default(), scope);
        Ok(barlow_twins.unwrap())
    },
};

fn registry() -> Registry {
    let mut registry = Registry::default();
    registry.insert(&CONTRAST);
    registry
}

fn with(preset: Option<&str>, file: Option<&str>, options: &[&str]) -> Resolution {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.toml");
    fs::write(&path, file.unwrap_or_default()).unwrap();
    let typed = TypedSettings {
        preset: preset.map(str::to_owned),
        config: file.map(|_| path),
        ..set(options)
    };
    resolve(&typed, &registry()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn temperature(resolution: &Resolution) -> Option<&ConstantValue> {
    resolution.settings.objective.constants.get("temperature")
}

#[test]
fn naming_an_objective_brings_its_recipe_beneath_what_names_it() {
    let named = with(Some("quick"), None, &["objective.name=contrast"]);
    assert_eq!(named.settings.projector.widths.to_string(), "64-16");
    assert_eq!(temperature(&named), Some(&ConstantValue::Number(0.5)));
    assert_eq!(named.settings.train.batch_size, 32, "the preset's");

    let both = ["objective.name=contrast", "objective.temperature=0.1", "projector.widths=8"];
    let overridden = with(Some("quick"), None, &both);
    assert_eq!(overridden.settings.projector.widths.to_string(), "8");
    assert_eq!(temperature(&overridden), Some(&ConstantValue::Number(0.1)));
}

#[test]
fn a_recipe_goes_above_what_lies_below_the_name() {
    let file = "[objective]\nlambda = 3.0\n[projector]\nwidths = \"9-9\"\n";
    let named = with(None, Some(file), &["objective.name=contrast"]);
    assert_eq!(named.settings.projector.widths.to_string(), "64-16");
    assert_eq!(named.settings.objective.constants.get("lambda"), None);
}

#[test]
fn naming_the_same_objective_again_changes_nothing() {
    let file =
        "[objective]\nname = \"contrast\"\ntemperature = 0.3\n[projector]\nwidths = \"9-9\"\n";
    let again = with(None, Some(file), &["objective.name=contrast"]);
    assert_eq!(again.settings.projector.widths.to_string(), "9-9");
    assert_eq!(temperature(&again), Some(&ConstantValue::Number(0.3)));
}

#[test]
fn constants_are_written_with_their_help_and_read_back() {
    let settings = with(None, None, &["objective.name=contrast"]).settings;
    let text = to_config_toml(&settings, "", &registry());
    assert!(text.contains("# how soft\ntemperature = 0.5\n"), "{text}");
    assert!(text.contains("# behind the projector\npredictor = \"\"\n"), "{text}");
    assert!(!text.contains("lambda"), "{text}");
    let path = std::path::Path::new("config.toml");
    assert_eq!(from_config_toml(&text, path).unwrap(), settings);
    assert_eq!(with(None, Some(&text), &[]).settings, settings);

    let changed = with(None, Some(&text), &["objective.temperature=0.4"]).settings;
    let change = ("objective.temperature".to_owned(), "0.5".to_owned(), "0.4".to_owned());
    assert_eq!(changed_keys(&settings, &changed), [change]);
}

#[test]
fn a_constant_of_another_objective_is_refused_with_those_that_there_are() {
    let typed = set(&["objective.name=contrast", "objective.lambda=0.1"]);
    let text = resolve(&typed, &registry()).unwrap_err().to_string();
    let expected = "key `objective.lambda` (`0.1`, from `--set`) is no constant of objective \
                    `contrast`, whose are: `objective.temperature`, `objective.predictor`";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn what_an_objective_cannot_work_with_is_refused_by_key() {
    let typed = set(&["objective.name=contrast", "train.batch_size=4"]);
    let text = resolve(&typed, &registry()).unwrap_err().to_string();
    let expected = "key `train.batch_size` is `4` (from `--set`), expected at least 8";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn everything_that_an_objective_cannot_work_with_is_found_at_once() {
    let typed = set(&[
        "objective.name=moco",
        "objective.queue=3",
        "objective.batch_norm_groups=64",
        "objective.temperature=-1",
        "objective.lambda=1",
        "views.small_views=1",
        "optimiser.momentum=1",
    ]);
    let text = resolve(&typed, &Registry::default()).unwrap_err().to_string();
    for key in [
        "`objective.queue` is `3`",
        "`objective.batch_norm_groups` is `64`",
        "`objective.temperature` is `-1`",
        "`objective.lambda` (`1`, from `--set`) is no constant",
        "`views.small_views` is `1`",
        "`optimiser.momentum` (`1`, from `--set`) is unknown",
    ] {
        assert!(text.contains(key), "{key} in\n{text}");
    }
    assert!(text.starts_with("the configuration has 6 problems"), "{text}");
}
