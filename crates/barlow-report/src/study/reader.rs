//! Tables of TOML read key by key, with a problem for whatever is not as it should be.

use serde::Deserialize;
use serde::de::IntoDeserializer;
use toml::Spanned;
use toml::Value;
use toml::de::{DeTable, DeValue};

use super::{Setting, StudyProblem};
use crate::names;

/// A text and what is wrong with it.
#[derive(Debug)]
pub(super) struct Page<'a> {
    text: &'a str,
    pub(super) problems: Vec<StudyProblem>,
}

/// A table on a page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    table: &'a DeTable<'a>,
    /// Line on which it begins.
    pub(super) line: usize,
}

impl<'a> Page<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, problems: Vec::new() }
    }

    /// The line, from 1, of a byte.
    pub(super) fn line(&self, byte: usize) -> usize {
        self.text.get(..byte).unwrap_or(self.text).matches('\n').count() + 1
    }

    pub(super) fn place(&self, table: &'a Spanned<DeTable<'a>>) -> Place<'a> {
        Place { table: table.get_ref(), line: self.line(table.span().start) }
    }

    /// Notes each key of a table that is none of `allowed`.
    pub(super) fn allow(&mut self, place: Place<'a>, allowed: &[&str]) {
        for key in place.table.keys() {
            if !allowed.contains(&key.get_ref().as_ref()) {
                let names: Vec<String> = allowed.iter().map(|name| format!("`{name}`")).collect();
                self.problems.push(StudyProblem::UnknownKey {
                    line: self.line(key.span().start),
                    key: key.get_ref().to_string(),
                    allowed: names.join(", "),
                });
            }
        }
    }

    /// The value of a key and its line.
    fn find(&self, place: Place<'a>, key: &str) -> Option<(&'a DeValue<'a>, usize)> {
        let (name, value) = place.table.get_key_value(key)?;
        Some((value.get_ref(), self.line(name.span().start)))
    }

    /// The line of a key that is there, or of its table.
    pub(super) fn line_of(&self, place: Place<'a>, key: &str) -> usize {
        self.find(place, key).map_or(place.line, |(_, line)| line)
    }

    /// The value of a key as `read` takes it; a problem if it does not.
    fn take<T>(
        &mut self,
        place: Place<'a>,
        key: &str,
        expected: &str,
        read: impl Fn(&'a DeValue<'a>) -> Option<T>,
    ) -> Option<T> {
        let (value, line) = self.find(place, key)?;
        let taken = read(value);
        if taken.is_none() {
            self.refuse(line, key, value, expected);
        }
        taken
    }

    fn refuse(&mut self, line: usize, key: &str, value: &DeValue<'_>, expected: &str) {
        let value = format!("`{}`", shown(value));
        let (key, expected) = (key.to_owned(), expected.to_owned());
        self.problems.push(StudyProblem::Value { line, key, value, expected });
    }

    pub(super) fn text(&mut self, place: Place<'a>, key: &str) -> Option<String> {
        self.take(place, key, "a text in quotes", |value| value.as_str().map(str::to_owned))
    }

    /// A text that must be there; empty, with a problem, where it is not.
    pub(super) fn required(&mut self, place: Place<'a>, key: &'static str, what: &str) -> String {
        if self.find(place, key).is_none() {
            let (line, what) = (place.line, what.to_owned());
            self.problems.push(StudyProblem::Missing { line, what, key });
        }
        self.text(place, key).unwrap_or_default()
    }

    /// The name of something that must have one.
    pub(super) fn name(&mut self, place: Place<'a>, what: &str) -> String {
        let name = self.required(place, "name", what);
        if self.text_is_there(place, "name") && !names::is_name(&name) {
            let line = self.line_of(place, "name");
            self.refuse(line, "name", &DeValue::String(name.clone().into()), names::ALLOWED);
        }
        name
    }

    fn text_is_there(&self, place: Place<'a>, key: &str) -> bool {
        self.find(place, key).is_some_and(|(value, _)| value.is_str())
    }

    pub(super) fn number(&mut self, place: Place<'a>, key: &str) -> Option<f64> {
        self.take(place, key, NUMBER, number)
    }

    pub(super) fn boolean(&mut self, place: Place<'a>, key: &str) -> Option<bool> {
        self.take(place, key, "`true` or `false`", DeValue::as_bool)
    }

    /// Distinct whole numbers from 0, at least one.
    pub(super) fn seeds(&mut self, place: Place<'a>, key: &str) -> Option<Vec<u64>> {
        self.take(place, key, "different whole numbers from 0, as [0, 1, 2]", |value| {
            let read = |value: &Spanned<DeValue<'_>>| {
                let number = value.get_ref().as_integer()?;
                i64::from_str_radix(number.as_str(), number.radix()).ok()?.try_into().ok()
            };
            let seeds: Vec<u64> = value.as_array()?.iter().map(read).collect::<Option<_>>()?;
            let mut sorted = seeds.clone();
            sorted.sort_unstable();
            sorted.dedup();
            (!seeds.is_empty() && sorted.len() == seeds.len()).then_some(seeds)
        })
    }

    /// The tables of a list, as `[[arm]]` makes it; none where the key is missing.
    pub(super) fn tables(&mut self, place: Place<'a>, key: &str) -> Vec<Place<'a>> {
        let Some((value, line)) = self.find(place, key) else { return Vec::new() };
        let Some(list) = value.as_array() else {
            self.refuse(line, key, value, "a list of tables");
            return Vec::new();
        };
        let mut places = Vec::new();
        for item in list {
            let line = self.line(item.span().start);
            match item.get_ref().as_table() {
                Some(table) => places.push(Place { table, line }),
                None => self.refuse(line, key, item.get_ref(), "a table"),
            }
        }
        places
    }

    /// The single values below a table of keys, nested or with dots in their names.
    pub(super) fn settings(&mut self, place: Place<'a>, key: &str) -> Vec<Setting> {
        let mut settings = Vec::new();
        if let Some((value, line)) = self.find(place, key) {
            match value.as_table() {
                Some(table) => self.flatten(table, "", &mut settings),
                None => self.refuse(line, key, value, "a table of keys"),
            }
        }
        settings
    }

    /// Settings under `sizing`.
    pub(super) fn sizing(&mut self, place: Place<'a>) -> Vec<Setting> {
        let settings = self.settings(place, "sizing").into_iter();
        settings.map(|setting| Setting { is_sizing: true, ..setting }).collect()
    }

    fn flatten(&self, table: &'a DeTable<'a>, section: &str, settings: &mut Vec<Setting>) {
        for (name, value) in table {
            let dot = if section.is_empty() { "" } else { "." };
            let key = format!("{section}{dot}{}", name.get_ref());
            if let DeValue::Table(table) = value.get_ref() {
                self.flatten(table, &key, settings);
            } else {
                let line = self.line(name.span().start);
                settings.push(Setting { key, value: plain(value), line, is_sizing: false });
            }
        }
    }

    /// Numbers by name, each with its line.
    pub(super) fn numbers(&mut self, place: Place<'a>, key: &str) -> Vec<(String, f64, usize)> {
        let Some((value, line)) = self.find(place, key) else { return Vec::new() };
        let Some(table) = value.as_table() else {
            self.refuse(line, key, value, "a table of numbers by the arm's name");
            return Vec::new();
        };
        let mut numbers = Vec::new();
        for (name, value) in table {
            let line = self.line(name.span().start);
            match number(value.get_ref()) {
                Some(number) => numbers.push((name.get_ref().to_string(), number, line)),
                None => self.refuse(line, name.get_ref(), value.get_ref(), NUMBER),
            }
        }
        numbers
    }
}

/// A value on one line, texts without quotes.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => text.escape_debug().to_string(),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(is) => is.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| shown(item.get_ref())).collect();
            format!("[{}]", items.join(", "))
        }
        DeValue::Table(_) => "{ ... }".to_owned(),
    }
}

/// What [`number`] takes, in words that follow "expected".
const NUMBER: &str = "a number without quotes, 0 or of a size from 1e-12 to 1e12";

/// A number that a plot can show beside any other.
fn number(value: &DeValue<'_>) -> Option<f64> {
    let text = match value {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
        DeValue::Float(number) => number.as_str(),
        _ => return None,
    };
    let is_shown = |number: &f64| *number == 0.0 || (1e-12..=1e12).contains(&number.abs());
    text.parse().ok().filter(is_shown)
}

/// A value without its place in the text.
fn plain(value: &Spanned<DeValue<'_>>) -> Value {
    // An integer beyond 64 bits becomes its text, which no key takes.
    let shown = || Value::String(format!("{:?}", value.get_ref()));
    Value::deserialize(value.clone().into_deserializer()).unwrap_or_else(|_| shown())
}
