//! Layers merged key by key, and what is left of them judged.

use std::collections::BTreeMap;

use barlow_objectives::{Entry, Registry};
use barlow_train::settings::Settings;
use toml::{Table, Value};

use super::allowed::Refusal;
use super::given::{Given, Layer, Origin, last, shown};
use super::key::{Key, Kind, keys};
use super::problem::Problem;
use super::reading::flatten;
use super::vocabulary::{NAME, Vocabulary, constant_name, default_of, foreign, in_words, key_of};

/// One value for every key of the table, and those given for constants of the objective.
#[derive(Debug)]
pub(super) struct Layers {
    given: BTreeMap<String, Given>,
    /// The keys of the objective's constants, in its order.
    constants: Vec<Key>,
}

impl Layers {
    /// The program's defaults.
    pub(super) fn of_defaults() -> Self {
        let mut problems = Vec::new();
        let table = table_of(&Settings::default());
        let vocabulary = Vocabulary::of_any_program();
        let layer = flatten(table, "", &|_| Origin::Default, &vocabulary, &mut problems);
        assert!(problems.is_empty(), "every field of the settings is in the table of keys");
        let mut layers = Self { given: BTreeMap::new(), constants: vec![] };
        layers.add(layer);
        layers
    }

    /// Puts a layer above.
    pub(super) fn add(&mut self, layer: Layer) {
        self.given.extend(layer.into_iter().map(|(key, given)| (key.name, given)));
    }

    /// Puts a layer above; where it names another objective than those below, their constants are
    /// dropped, and the recipe of the new one goes beneath the layer.
    pub(super) fn add_with_recipe(
        &mut self,
        layer: Layer,
        registry: &Registry,
        recipe: impl FnOnce(&Entry) -> Layer,
    ) {
        let named = last(&layer, NAME).and_then(|given| given.value.clone());
        let entry = named.as_ref().and_then(Value::as_str).and_then(|name| registry.find(name));
        if let Some(entry) = entry
            && self.given[NAME].value != named
        {
            self.given.retain(|key, _| constant_name(key).is_none());
            self.add(recipe(entry));
        }
        self.add(layer);
    }

    /// Keeps the constants of one objective, with its defaults for those not given; others are
    /// problems.
    pub(super) fn settle_constants(&mut self, entry: &Entry, problems: &mut Vec<Problem>) {
        self.given.retain(|key, given| {
            let is_known = constant_name(key).is_none_or(|name| entry.constant(name).is_some());
            if !is_known {
                problems.push(Problem::ForeignConstant {
                    key: key.clone(),
                    value: given.shown.clone(),
                    origin: given.origin.clone(),
                    objective: entry.name,
                    constants: in_words(entry),
                });
            }
            is_known
        });
        for constant in entry.constants {
            let key = key_of(constant);
            self.given.entry(key.name.clone()).or_insert_with(|| {
                let value = default_of(constant);
                Given { shown: shown(&value), value: Some(value), origin: Origin::Default }
            });
            self.constants.push(key);
        }
    }

    /// Keeps every constant as it was given.
    pub(super) fn settle_foreign_constants(&mut self) {
        let names = self.given.keys().filter(|key| constant_name(key).is_some());
        self.constants = names.map(|name| foreign(name)).collect();
    }

    /// The text of a key, as given.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.given.get(key)?.value.as_ref()?.as_str()
    }

    /// Whether a preset's value is left anywhere.
    pub(super) fn takes_from_preset(&self) -> bool {
        self.given.values().any(|given| matches!(given.origin, Origin::Preset(_)))
    }

    /// Whether the user stated this key.
    pub(super) fn is_explicit(&self, key: &str) -> bool {
        let given = self.given.get(key);
        let is_chosen = |given: &Given| {
            matches!(given.origin, Origin::Default | Origin::Preset(_) | Origin::Recipe(_))
        };
        given.is_some_and(|given| !is_chosen(given))
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
            (_, Some(value)) if constant_name(&key.name).is_some() => Ok(value.clone()),
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
        for key in keys().iter().chain(&self.constants) {
            match judge(key, &self.given[&key.name]) {
                Ok(value) => {
                    values.insert(key.name.clone(), value);
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
    values: BTreeMap<String, Value>,
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

    /// Whether this key's value is right by itself.
    pub(super) fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
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

    /// Whether no value is missing but numbers and widths among the objective's constants, which then
    /// have their defaults.
    pub(super) fn suffices_for_objective(&self) -> bool {
        let has_default = |key: &Key| {
            constant_name(&key.name).is_some()
                && matches!(key.kind, Kind::Number(_) | Kind::Integer { .. } | Kind::Widths { .. })
        };
        let mut keys = keys().iter().chain(&self.layers.constants);
        keys.all(|key| self.has(&key.name) || has_default(key))
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

/// Settings as single values, in the order of the keys; constants follow their objective, with the
/// help of a registry that knows it.
pub(super) fn values_of(settings: &Settings, registry: &Registry) -> Vec<(Key, Value)> {
    let mut problems = Vec::new();
    let vocabulary = Vocabulary::of_any_program();
    let mut layer =
        flatten(table_of(settings), "", &|_| Origin::Default, &vocabulary, &mut problems);
    assert!(problems.is_empty(), "every field of the settings is in the table of keys");
    let entry = registry.find(&settings.objective.name);
    let constants = settings.objective.constants.iter().map(|(name, _)| {
        let constant = entry.and_then(|entry| entry.constant(name));
        constant.map_or_else(|| foreign(&format!("objective.{name}")), key_of)
    });
    let constants: Vec<Key> = constants.collect();
    let mut value_of = |key: &Key| {
        let given = layer.iter_mut().find(|(known, _)| known.name == key.name);
        given.and_then(|(_, given)| given.value.take())
    };
    let mut values = Vec::new();
    for key in keys() {
        values.push((key.clone(), value_of(key).expect("every key is a field of the settings")));
        if key.name == NAME {
            let constants = constants.iter();
            values.extend(constants.filter_map(|key| Some((key.clone(), value_of(key)?))));
        }
    }
    values
}
