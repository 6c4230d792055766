//! The keys that a configuration may name: the table's, and the constants of every objective.

use barlow_objectives::{Allowed, Constant, ConstantValue, Entry, Registry};
use toml::Value;

use super::given::Origin;
use super::key::{Key, Kind, find_option, keys};
use super::nearest::nearest;
use super::problem::Problem;

/// What the keys of constants begin with.
const OBJECTIVE: &str = "objective.";

/// The key of the objective's name, which is no constant.
pub(super) const NAME: &str = "objective.name";

/// Keys by name.
#[derive(Debug)]
pub(super) struct Vocabulary {
    keys: Vec<Key>,
    /// Whether any name below `objective.` is a constant: of a program that has other objectives.
    takes_any_constant: bool,
}

impl Vocabulary {
    /// The table's keys, and a constant where any objective has it.
    pub(super) fn of(registry: &Registry) -> Self {
        let mut keys = keys().to_vec();
        for constant in registry.entries().flat_map(|entry| entry.constants) {
            let key = key_of(constant);
            if !keys.iter().any(|known| known.name == key.name) {
                keys.push(key);
            }
        }
        Self { keys, takes_any_constant: false }
    }

    /// The table's keys, and any constant.
    pub(super) fn of_any_program() -> Self {
        Self { keys: keys().to_vec(), takes_any_constant: true }
    }

    /// The key of this name.
    pub(super) fn find(&self, name: &str) -> Option<Key> {
        let known = || self.keys.iter().find(|key| key.name == name).cloned();
        known().or_else(|| {
            let is_one = self.takes_any_constant && constant_name(name).is_some();
            is_one.then(|| foreign(name))
        })
    }

    /// What an option stands for.
    pub(super) fn find_option(&self, name: &str) -> Option<Key> {
        self.find(name).or_else(|| find_option(name).cloned())
    }

    /// The problem that no key has this name.
    pub(super) fn unknown(&self, key: &str, value: String, origin: Origin) -> Problem {
        let nearest = nearest(key, self.keys.iter().map(|key| key.name.as_str()));
        let nearest = nearest.map(str::to_owned);
        Problem::UnknownKey { key: key.to_owned(), value, origin, nearest }
    }

    /// Lets unknown keys resemble no constant that the objective does not have.
    pub(super) fn suggest_for(&self, entry: &Entry, problems: &mut [Problem]) {
        let is_one = |name: &str| constant_name(name).is_none_or(|c| entry.constant(c).is_some());
        let names = self.keys.iter().map(|key| key.name.as_str()).filter(|name| is_one(name));
        for problem in problems {
            if let Problem::UnknownKey { key, nearest: found, .. } = problem {
                // What was meant as a constant is not the name, which its section makes alike.
                let is_constant = constant_name(key).is_some();
                let names = names.clone().filter(|&name| !is_constant || name != NAME);
                *found = nearest(key, names).map(str::to_owned);
            }
        }
    }
}

/// The name of a constant, if a key is one's.
pub(super) fn constant_name(key: &str) -> Option<&str> {
    key.strip_prefix(OBJECTIVE).filter(|_| key != NAME)
}

/// The key of a constant.
pub(super) fn key_of(constant: &Constant) -> Key {
    let kind = match constant.allowed {
        Allowed::Boolean => Kind::Boolean,
        Allowed::Integer { min, max } => Kind::Integer { min, max },
        Allowed::Number(bounds) => Kind::Number(bounds),
        Allowed::Choice(words) => Kind::Choice(words),
        Allowed::Widths => Kind::Widths { may_be_empty: true },
    };
    Key {
        name: format!("{OBJECTIVE}{}", constant.name),
        kind,
        help: constant.help,
        may_change_on_resume: false,
    }
}

/// The key of a constant of an objective that this program does not know.
pub(super) fn foreign(name: &str) -> Key {
    let help = "a constant of the objective";
    Key { name: name.to_owned(), kind: Kind::Text, help, may_change_on_resume: false }
}

/// The default of a constant.
pub(super) fn default_of(constant: &Constant) -> Value {
    match &constant.default {
        ConstantValue::Boolean(value) => Value::Boolean(*value),
        ConstantValue::Integer(value) => Value::Integer(*value),
        ConstantValue::Number(value) => Value::Float(*value),
        ConstantValue::Text(value) => Value::String(value.clone().into_owned()),
    }
}

/// The keys of an objective's constants, for a message.
pub(super) fn in_words(entry: &Entry) -> String {
    if entry.constants.is_empty() {
        return "none".to_owned();
    }
    let names: Vec<String> =
        entry.constants.iter().map(|constant| format!("`{OBJECTIVE}{}`", constant.name)).collect();
    names.join(", ")
}
