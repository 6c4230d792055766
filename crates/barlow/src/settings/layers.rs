//! Layers merged key by key, and what is left of them judged.

use std::collections::BTreeMap;

use barlow_train::settings::Settings;
use toml::{Table, Value};

use super::allowed::Refusal;
use super::given::{Given, Layer, Origin};
use super::key::{Key, Kind, keys};
use super::problem::Problem;
use super::reading::flatten;

/// One value for every key.
#[derive(Debug)]
pub(super) struct Layers {
    given: BTreeMap<&'static str, Given>,
}

impl Layers {
    /// The program's defaults.
    pub(super) fn of_defaults() -> Self {
        let mut problems = Vec::new();
        let table = table_of(&Settings::default());
        let layer = flatten(table, "", &|_| Origin::Default, &mut problems);
        assert!(problems.is_empty(), "every field of the settings is in the table of keys");
        let mut layers = Self { given: BTreeMap::new() };
        layers.add(layer);
        layers
    }

    /// Puts a layer above.
    pub(super) fn add(&mut self, layer: Layer) {
        self.given.extend(layer.into_iter().map(|(key, given)| (key.name.as_str(), given)));
    }

    /// Whether a preset's value is left anywhere.
    pub(super) fn takes_from_preset(&self) -> bool {
        self.given.values().any(|given| matches!(given.origin, Origin::Preset(_)))
    }

    /// Whether the user stated this key.
    pub(super) fn is_explicit(&self, key: &str) -> bool {
        let given = self.given.get(key);
        given.is_some_and(|g| !matches!(g.origin, Origin::Default | Origin::Preset(_)))
    }

    /// Judges each value by its key.
    pub(super) fn judge(&self, objectives: &[&str], problems: &mut Vec<Problem>) -> Judged<'_> {
        self.judge_with(|key, given| judge(key, given, objectives), problems)
    }

    /// Judges each value by its key, except texts that another program or machine may know.
    pub(super) fn judge_what_is_portable(&self, problems: &mut Vec<Problem>) -> Judged<'_> {
        let judge_one = |key: &Key, given: &Given| match (key.kind, &given.value) {
            (Kind::Objective | Kind::Device | Kind::Source { .. }, Some(Value::String(text))) => {
                Ok(Value::String(text.clone()))
            }
            _ => judge(key, given, &[]),
        };
        self.judge_with(judge_one, problems)
    }

    fn judge_with(
        &self,
        judge: impl Fn(&Key, &Given) -> Result<Value, Box<Problem>>,
        problems: &mut Vec<Problem>,
    ) -> Judged<'_> {
        let mut values = BTreeMap::new();
        for key in keys() {
            match judge(key, &self.given[key.name.as_str()]) {
                Ok(value) => {
                    values.insert(key.name.as_str(), value);
                }
                Err(problem) => problems.push(*problem),
            }
        }
        Judged { values, layers: self }
    }
}

/// Judges one value by its key.
pub(super) fn judge(key: &Key, given: &Given, objectives: &[&str]) -> Result<Value, Box<Problem>> {
    let refusal = match &given.value {
        Some(value) => match key.kind.judge(value, objectives) {
            Ok(value) => return Ok(value),
            Err(refusal) => refusal,
        },
        None => Refusal { allowed: key.kind.allowed(objectives), hint: None },
    };
    Err(Box::new(Problem::Value {
        key: key.name.clone(),
        value: given.shown.clone(),
        origin: given.origin.clone(),
        allowed: refusal.allowed,
        hint: refusal.hint,
    }))
}

/// Values that are right by themselves; those of other keys are missing.
#[derive(Debug)]
pub(super) struct Judged<'a> {
    values: BTreeMap<&'static str, Value>,
    layers: &'a Layers,
}

impl Judged<'_> {
    pub(super) fn integer(&self, key: &str) -> Option<i64> {
        self.values.get(key)?.as_integer()
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.values.get(key)?.as_str()
    }

    pub(super) fn length(&self, key: &str) -> Option<usize> {
        self.values.get(key)?.as_array().map(Vec::len)
    }

    pub(super) fn numbers(&self, key: &str) -> Option<Vec<f64>> {
        self.values.get(key)?.as_array()?.iter().map(Value::as_float).collect()
    }

    /// The problem that a value does not fit the others.
    pub(super) fn problem(&self, key: &str, allowed: String, hint: Option<&str>) -> Problem {
        let given = &self.layers.given[key];
        Problem::Value {
            key: key.to_owned(),
            value: given.shown.clone(),
            origin: given.origin.clone(),
            allowed,
            hint: hint.map(str::to_owned),
        }
    }

    /// The settings, when no value is missing.
    pub(super) fn settings(&self) -> Settings {
        let mut root = Table::new();
        for (key, value) in &self.values {
            let mut table = &mut root;
            let mut parts = key.split('.').peekable();
            while let Some(part) = parts.next() {
                if parts.peek().is_none() {
                    table.insert(part.to_owned(), value.clone());
                    break;
                }
                let entry = table.entry(part).or_insert_with(|| Value::Table(Table::new()));
                table = entry.as_table_mut().expect("no key is also a section");
            }
        }
        root.try_into().expect("values that their keys allow make settings, which tests hold")
    }
}

/// Settings as nested tables.
pub(super) fn table_of(settings: &Settings) -> Table {
    Table::try_from(settings).expect("settings are tables of plain values")
}

/// Settings as single values, in the order of the keys.
pub(super) fn values_of(settings: &Settings) -> Vec<(&'static Key, Value)> {
    let mut problems = Vec::new();
    let mut layer = flatten(table_of(settings), "", &|_| Origin::Default, &mut problems);
    assert!(problems.is_empty(), "every field of the settings is in the table of keys");
    let mut value_of = |key: &Key| {
        let given = layer.iter_mut().find(|(known, _)| known.name == key.name);
        given.and_then(|(_, given)| given.value.take())
    };
    let pair = |key| (key, value_of(key).expect("every key is a field of the settings"));
    keys().iter().map(pair).collect()
}
