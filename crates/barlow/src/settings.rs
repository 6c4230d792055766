//! From what a user typed to [`Settings`]: defaults, preset, file and options, in this order.
//!
//! Every key is described once, in [`keys`]. Layers are merged as single values that remember where
//! they came from; only what is left after merging is judged, key by key and then together, so that
//! all problems are reported at once and an option can replace a value that does not fit this
//! machine. Serde comes last, when nothing can be wrong any more.

mod allowed;
mod checked;
mod document;
mod given;
mod key;
mod layers;
mod nearest;
mod problem;
mod reading;
mod rules;
mod table;
mod vocabulary;

use std::path::PathBuf;

use barlow_data::source::{SourceKind, SourceSpec};
use barlow_objectives::Registry;
use barlow_train::settings::Settings;
use toml::Value;

pub use checked::CheckedOptions;
pub use document::{changed_keys, from_config_toml, to_config_toml};
pub use given::Origin;
pub use key::{Key, Kind, keys};
pub(crate) use nearest::nearest;
pub use problem::{Problem, SettingsProblems};

use crate::presets;
use given::{Given, last};
use layers::Layers;
use vocabulary::Vocabulary;

/// Settings as typed: nothing is judged yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TypedSettings {
    /// `--preset`.
    pub preset: Option<String>,
    /// `--config`.
    pub config: Option<PathBuf>,
    /// Options that stand for one key each.
    pub options: Vec<TypedOption>,
    /// Each `--set`, as `key=value`.
    pub set: Vec<String>,
}

/// An option that stands for one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypedOption {
    /// As typed, `--epochs`.
    pub flag: &'static str,
    /// The key, `schedule.epochs`.
    pub key: &'static str,
    /// The value's text.
    pub value: String,
}

/// Settings as resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolution {
    /// Every value; warm-up as [`effective`] leaves it.
    pub settings: Settings,
    /// The preset that filled the gaps.
    pub preset: String,
    /// What the user should be told once: choices made for them, and values that were changed.
    pub notes: Vec<String>,
}

/// Merges defaults, preset, file and options, and judges the result.
///
/// `registry` has the objectives that this program knows; naming one brings its recipe, beneath the
/// layer that names it. Where no preset is named, the images choose it ([`presets::for_source`]).
///
/// # Errors
/// If anything is wrong; the error lists everything that is.
pub fn resolve(typed: &TypedSettings, registry: &Registry) -> Result<Resolution, SettingsProblems> {
    let mut problems = Vec::new();
    let mut notes = Vec::new();
    let vocabulary = Vocabulary::of(registry);
    let options = reading::options(typed, &vocabulary, &mut problems);
    let file = typed.config.as_deref().map(|path| reading::file(path, &vocabulary, &mut problems));
    let file = file.unwrap_or_default();

    let source = last(&options, "data.source").or_else(|| last(&file, "data.source"));
    let is_source_given = source.is_some();
    let preset = match &typed.preset {
        Some(name) => presets::find(name),
        None => Some(preset_for(source)),
    };
    if let (None, Some(name)) = (preset, &typed.preset) {
        problems.push(Problem::unknown_preset(name));
    }
    let preset_layer = preset.map(|preset| reading::preset(preset, &vocabulary, &mut problems));

    let mut layers = Layers::of_defaults();
    for layer in [preset_layer.unwrap_or_default(), file, options] {
        layers.add_with_recipe(layer, registry, |entry| {
            reading::recipe(entry, &vocabulary, &mut problems)
        });
    }
    let objective = layers.text(vocabulary::NAME).and_then(|name| registry.find(name));
    if let Some(entry) = objective {
        layers.settle_constants(entry, &mut problems);
        vocabulary.suggest_for(entry, &mut problems);
    }
    let judged = layers.judge(&registry.names(), &mut problems);
    if !problems.iter().any(Problem::hides_values) {
        rules::check(&judged, &mut problems);
    }
    if judged.suffices_for_objective() {
        rules::objective(&judged, registry, &mut problems);
    }
    if !problems.is_empty() {
        return Err(SettingsProblems { problems });
    }

    let preset = preset.map_or("", |preset| preset.name).to_owned();
    if !is_source_given && typed.preset.is_none() {
        notes.push("no `--data`: training on the built-in synthetic images".to_owned());
    }
    if typed.preset.is_none() && layers.takes_from_preset() {
        notes.push(format!("preset `{preset}`, chosen by the images (`--preset` overrides)"));
    }
    let mut settings = judged.settings();
    let asked = settings.schedule.warmup_epochs;
    if effective(&mut settings) && layers.is_explicit("schedule.warmup_epochs") {
        notes.push(format!(
            "warm-up shortened from {asked} to {} of {} epochs: it is at most a tenth of the run",
            settings.schedule.warmup_epochs, settings.schedule.epochs
        ));
    }
    Ok(Resolution { settings, preset, notes })
}

/// Holds the warm-up to a tenth of the run, at least one epoch; 0 stays 0. Says whether that
/// changed anything.
pub fn effective(settings: &mut Settings) -> bool {
    let schedule = &mut settings.schedule;
    let longest = (schedule.epochs / 10).max(1);
    let is_changed = schedule.warmup_epochs > longest;
    schedule.warmup_epochs = schedule.warmup_epochs.min(longest);
    is_changed
}

/// The preset for images that were named, or for the built-in ones.
fn preset_for(source: Option<&Given>) -> &'static presets::Preset {
    let kind = match source.and_then(|given| given.value.as_ref()).and_then(Value::as_str) {
        None => SourceKind::Synthetic,
        Some(text) => SourceSpec::parse(text).map_or(SourceKind::Directory, |spec| spec.kind()),
    };
    presets::for_source(kind)
}

#[cfg(test)]
mod tests;
