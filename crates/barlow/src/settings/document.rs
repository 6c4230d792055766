//! Settings as `config.toml`: written with every default and its meaning, read back to the same.

use std::fmt::Debug;
use std::path::Path;

use barlow_objectives::Registry;
use barlow_train::settings::Settings;
use toml::Value;

use super::key::{Key, Kind};
use super::layers::{Layers, values_of};
use super::problem::SettingsProblems;
use super::reading;
use super::vocabulary::Vocabulary;

/// The settings as a file that `--config` takes back: every key with its help above it.
///
/// `header` goes on top as comments, line by line; `registry` knows what the objective's constants
/// mean.
pub fn to_config_toml(settings: &Settings, header: &str, registry: &Registry) -> String {
    let mut lines: Vec<String> = header.lines().map(|line| format!("# {line}")).collect();
    let mut section = String::new();
    for (key, value) in values_of(settings, registry) {
        let (table, name) = key.name.rsplit_once('.').unwrap_or(("", &key.name));
        if table != section {
            if !lines.is_empty() {
                lines.push(String::new());
            }
            lines.push(format!("[{table}]"));
            table.clone_into(&mut section);
        }
        lines.push(format!("# {}", key.help));
        lines.push(format!("{name} = {}", written(key.kind, &value)));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// A value as TOML. Numbers per channel have 32 bits and are written as such: 0.286, not the
/// 0.28600000381469727 that they become on the way to 64.
fn written(kind: Kind, value: &Value) -> String {
    match (kind, value) {
        (Kind::PerChannel(_), Value::Array(numbers)) => {
            list(numbers.iter().filter_map(Value::as_float).map(|number| number as f32))
        }
        (_, Value::Array(numbers)) => list(numbers.iter().filter_map(Value::as_float)),
        (_, Value::Float(number)) => format!("{number:?}"),
        _ => value.to_string(),
    }
}

/// Numbers with as few digits as tell them from all others, small ones as 1e-6.
fn list(numbers: impl Iterator<Item = impl Debug>) -> String {
    let numbers: Vec<String> = numbers.map(|number| format!("{number:?}")).collect();
    format!("[{}]", numbers.join(", "))
}

/// The settings of a run from the text of its `config.toml`.
///
/// The objective and whatever else depends on this program and machine is not judged; a key that
/// is missing has its default, so that configurations of older versions can be read.
///
/// # Errors
/// If it is not TOML, or has unknown keys or impossible values; `path` is what messages call it.
pub fn from_config_toml(text: &str, path: &Path) -> Result<Settings, SettingsProblems> {
    let mut problems = Vec::new();
    let mut layers = Layers::of_defaults();
    layers.add(reading::document(text, path, &Vocabulary::of_any_program(), &mut problems));
    layers.settle_foreign_constants();
    let taken = layers.judge_what_is_portable(&mut problems);
    if problems.is_empty() { Ok(taken.settings()) } else { Err(SettingsProblems { problems }) }
}

/// Keys whose values differ, as `(key, old, new)`, without those that may differ when a run is
/// resumed: threads, device, logging.
pub fn changed_keys(old: &Settings, new: &Settings) -> Vec<(String, String, String)> {
    let nobody = Registry::empty();
    let [old, new] = [old, new].map(|settings| values_of(settings, &nobody));
    let mut names: Vec<&Key> = old.iter().map(|(key, _)| key).collect();
    let is_known = |names: &[&Key], key: &Key| names.iter().any(|known| known.name == key.name);
    for (key, _) in &new {
        if !is_known(&names, key) {
            names.push(key);
        }
    }
    let value_in = |values: &[(Key, Value)], key: &Key| {
        let value = values.iter().find(|(known, _)| known.name == key.name);
        value.map_or_else(|| "nothing".to_owned(), |(key, value)| written(key.kind, value))
    };
    let changes = names
        .into_iter()
        .filter(|key| !key.may_change_on_resume)
        .map(|key| (key.name.clone(), value_in(&old, key), value_in(&new, key)));
    changes.filter(|(_, old, new)| old != new).collect()
}

#[cfg(test)]
mod tests {
    use super::super::keys;
    use barlow_train::settings::ChannelValues;

    use super::*;

    fn unusual() -> Settings {
        let mut settings = Settings::default();
        settings.data.source = "a \"quoted\" path\\with\nline".to_owned();
        settings.views.mean = ChannelValues::Given(vec![0.286]);
        settings.views.std = ChannelValues::Given(vec![0.353]);
        settings.views.a.crop_scale = [0.1, 1.0 / 3.0];
        settings.optimizer.weight_decay = 1.5e-6;
        settings.train.seed = i64::MAX as u64;
        settings.train.device = "cuda:7".to_owned();
        settings.objective.name = "of-another-version".to_owned();
        settings.projector.widths = "512-64".parse().unwrap();
        settings
    }

    #[test]
    fn written_settings_read_back_to_the_same() {
        for settings in [Settings::default(), unusual()] {
            let text = to_config_toml(&settings, "barlow\npreset: quick", &Registry::default());
            let read = from_config_toml(&text, Path::new("config.toml")).unwrap();
            assert_eq!(read, settings, "{text}");
        }
    }

    #[test]
    fn every_key_is_written_with_its_help() {
        let text = to_config_toml(&unusual(), "", &Registry::default());
        for key in keys() {
            let name = key.name.rsplit('.').next().unwrap();
            let expected = format!("# {}\n{name} = ", key.help);
            assert!(text.contains(&expected), "{expected} in\n{text}");
        }
        assert!(text.starts_with("[data]\n"), "{text}");
        assert!(text.contains("mean = [0.286]\n"), "{text}");
        assert!(text.contains("weight_decay = 1.5e-6\n"), "{text}");
    }

    #[test]
    fn a_change_is_named_unless_it_changes_no_result() {
        let old = Settings::default();
        let mut new = old.clone();
        new.data.workers = 7;
        new.train.device = "cpu".to_owned();
        new.train.log_every_steps = 50;
        assert_eq!(changed_keys(&old, &new), []);
        new.train.seed = 1;
        new.data.source = "synthetic:4000".to_owned();
        let change = |key: &str, old: &str, new: &str| (key.into(), old.into(), new.into());
        assert_eq!(
            changed_keys(&old, &new),
            [
                change("data.source", "\"synthetic\"", "\"synthetic:4000\""),
                change("train.seed", "0", "1")
            ]
        );
    }
}
