//! Options of commands that take no whole configuration, judged by the same table.

use std::collections::BTreeMap;

use toml::Value;

use super::key::find_option;
use super::layers;
use super::problem::SettingsProblems;
use super::reading;
use super::vocabulary::Vocabulary;
use super::{TypedOption, TypedSettings};

/// Values of single keys that are right.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedOptions {
    values: BTreeMap<String, Value>,
}

impl CheckedOptions {
    /// Judges each option by the key it stands for.
    ///
    /// # Errors
    /// If any value is wrong; the error lists all of them.
    pub fn check(options: &[TypedOption]) -> Result<Self, SettingsProblems> {
        let mut problems = Vec::new();
        let typed = TypedSettings { options: options.to_vec(), ..TypedSettings::default() };
        let vocabulary = Vocabulary::of_any_program();
        let layer = reading::options(&typed, &vocabulary, &mut problems);
        let mut values = BTreeMap::new();
        for (key, given) in &layer {
            match layers::judge(key, given, &[]) {
                Ok(value) => {
                    values.insert(key.name.clone(), value);
                }
                Err(problem) => problems.push(*problem),
            }
        }
        if problems.is_empty() { Ok(Self { values }) } else { Err(SettingsProblems { problems }) }
    }

    /// The whole number of a key, if it was given.
    pub fn size(&self, key: &str) -> Option<usize> {
        debug_assert!(find_option(key).is_some(), "`{key}` is no key");
        self.values.get(key)?.as_integer().and_then(|number| usize::try_from(number).ok())
    }

    /// The number of a key, if it was given.
    pub fn number(&self, key: &str) -> Option<f64> {
        debug_assert!(find_option(key).is_some(), "`{key}` is no key");
        self.values.get(key)?.as_float()
    }

    /// The whole numbers of a key, if they were given.
    pub fn sizes(&self, key: &str) -> Option<Vec<usize>> {
        debug_assert!(find_option(key).is_some(), "`{key}` is no key");
        let numbers = self.values.get(key)?.as_array()?.iter();
        numbers.map(|number| usize::try_from(number.as_integer()?).ok()).collect()
    }

    /// The numbers of a key, if any were given.
    pub fn numbers(&self, key: &str) -> Option<Vec<f32>> {
        debug_assert!(find_option(key).is_some(), "`{key}` is no key");
        let numbers = self.values.get(key)?.as_array()?.iter();
        let numbers: Option<Vec<f32>> = numbers.map(|n| Some(n.as_float()? as f32)).collect();
        numbers.filter(|numbers| !numbers.is_empty())
    }

    /// The text of a key, if it was given.
    pub fn text(&self, key: &str) -> Option<&str> {
        debug_assert!(find_option(key).is_some(), "`{key}` is no key");
        self.values.get(key)?.as_str()
    }
}
