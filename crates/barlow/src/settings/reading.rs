//! Options, files and presets as layers of single values; what has no key becomes a problem.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use barlow_objectives::Entry;
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::given::{Given, Layer, Origin, last, shorten, shown};
use super::key::{Key, is_section};
use super::problem::Problem;
use super::vocabulary::Vocabulary;
use super::{TypedOption, TypedSettings};
use crate::presets::Preset;

/// The values after `--epochs`, `--set` and the like. The last `--set` of a key counts; an option
/// beside a `--set` of the same key must agree with it.
pub(super) fn options(
    typed: &TypedSettings,
    vocabulary: &Vocabulary,
    problems: &mut Vec<Problem>,
) -> Layer {
    let mut layer = Layer::new();
    for TypedOption { flag, key, value } in &typed.options {
        // An option for a constant that no objective of this program has is unknown.
        let Some(known) = vocabulary.find_option(key) else {
            problems.push(vocabulary.unknown(key, shorten(value), Origin::Option(flag)));
            continue;
        };
        let given = read(&known, value, Origin::Option(flag));
        layer.push((known, given));
    }
    for text in &typed.set {
        let Some((key, value)) = text.split_once('=') else {
            problems.push(Problem::NotAnAssignment { text: text.clone() });
            continue;
        };
        let key = key.trim();
        let Some(known) = vocabulary.find(key) else {
            problems.push(vocabulary.unknown(key, shorten(value), Origin::Set));
            continue;
        };
        let given = read(&known, value, Origin::Set);
        if let Some(first) = last(&layer, key)
            && first.origin != Origin::Set
            && first.value != given.value
        {
            problems.push(Problem::Contradiction {
                key: key.to_owned(),
                first: first.shown.clone(),
                first_origin: first.origin.clone(),
                second: given.shown.clone(),
                second_origin: Origin::Set,
            });
        }
        layer.push((known, given));
    }
    layer
}

fn read(key: &Key, text: &str, origin: Origin) -> Given {
    Given { value: key.kind.read(text), shown: shorten(text), origin }
}

/// The values of a configuration file.
pub(super) fn file(path: &Path, vocabulary: &Vocabulary, problems: &mut Vec<Problem>) -> Layer {
    match fs::read_to_string(path) {
        Ok(text) => document(&text, path, vocabulary, problems),
        Err(source) => {
            problems.push(Problem::Unreadable { path: path.to_owned(), source });
            Layer::new()
        }
    }
}

/// The values of a text of TOML; `path` is what messages call it.
pub(super) fn document(
    text: &str,
    path: &Path,
    vocabulary: &Vocabulary,
    problems: &mut Vec<Problem>,
) -> Layer {
    let table = match text.parse::<Table>() {
        Ok(table) => table,
        Err(error) => {
            let (line, column) = position(text, error.span().map_or(0, |span| span.start));
            let message = error.message().replace('\n', ", ");
            problems.push(Problem::Syntax { path: path.to_owned(), line, column, message });
            return Layer::new();
        }
    };
    let mut lines = BTreeMap::new();
    if let Ok(table) = DeTable::parse(text) {
        note_lines(table.get_ref(), "", text, &mut lines);
    }
    let origin = |key: &str| Origin::File {
        path: path.to_owned(),
        line: lines.get(key).copied().unwrap_or(0),
    };
    flatten(table, "", &origin, vocabulary, problems)
}

/// The values of a preset.
pub(super) fn preset(
    preset: &Preset,
    vocabulary: &Vocabulary,
    problems: &mut Vec<Problem>,
) -> Layer {
    let table = preset.text.parse::<Table>().expect("presets are TOML, which a test holds");
    flatten(table, "", &|_| Origin::Preset(preset.name), vocabulary, problems)
}

/// The values that an objective's recipe states.
pub(super) fn recipe(entry: &Entry, vocabulary: &Vocabulary, problems: &mut Vec<Problem>) -> Layer {
    let path = format!("recipe of {}", entry.name);
    match entry.preset.parse::<Table>() {
        Ok(table) => flatten(table, "", &|_| Origin::Recipe(entry.name), vocabulary, problems),
        Err(_) => document(entry.preset, Path::new(&path), vocabulary, problems),
    }
}

/// The single values of nested tables; what has no key is a problem.
pub(super) fn flatten(
    table: Table,
    section: &str,
    origin: &dyn Fn(&str) -> Origin,
    vocabulary: &Vocabulary,
    problems: &mut Vec<Problem>,
) -> Layer {
    let mut layer = Layer::new();
    for (name, value) in table {
        let name = join(section, &name);
        let shown = shown(&value);
        match (vocabulary.find(&name), value) {
            (Some(key), value) => {
                let origin = origin(&name);
                layer.push((key, Given { value: Some(value), shown, origin }));
            }
            (None, Value::Table(table)) if is_section(&name) || !table.is_empty() => {
                layer.extend(flatten(table, &name, origin, vocabulary, problems));
            }
            (None, _) if is_section(&name) => problems.push(Problem::Value {
                origin: origin(&name),
                allowed: "a table of keys".to_owned(),
                hint: None,
                key: name,
                value: shown,
            }),
            (None, _) => problems.push(vocabulary.unknown(&name, shown, origin(&name))),
        }
    }
    layer
}

fn join(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}

fn note_lines(table: &DeTable<'_>, section: &str, text: &str, lines: &mut BTreeMap<String, usize>) {
    for (name, value) in table {
        let key = join(section, name.get_ref());
        lines.insert(key.clone(), position(text, name.span().start).0);
        if let DeValue::Table(table) = value.get_ref() {
            note_lines(table, &key, text, lines);
        }
    }
}

/// Line and column, from 1, of a byte of a text.
fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}
