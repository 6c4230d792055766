//! The constants of objectives: declared by each, set by configurations.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use barlow_nn::Widths;
use serde::{Deserialize, Serialize};

/// A constant's value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ConstantValue {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A finite number.
    Number(f64),
    /// A word, or widths of layers.
    Text(Cow<'static, str>),
}

impl fmt::Display for ConstantValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}

/// A range of finite numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Lowest.
    pub min: f64,
    /// Highest, included.
    pub max: f64,
    /// Whether `min` itself is allowed.
    pub is_min_allowed: bool,
}

impl Bounds {
    /// From one number to another, both included.
    pub const fn from_to(min: f64, max: f64) -> Self {
        Self { min, max, is_min_allowed: true }
    }

    /// More than one number, up to another.
    pub const fn above(min: f64, max: f64) -> Self {
        Self { min, max, is_min_allowed: false }
    }

    /// Whether a number is in the range.
    pub fn contains(self, number: f64) -> bool {
        let is_above = if self.is_min_allowed { number >= self.min } else { number > self.min };
        is_above && number <= self.max
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { min, max, is_min_allowed } = self;
        if *is_min_allowed {
            write!(f, "from {min} to {max}")
        } else {
            write!(f, "above {min}, up to {max}")
        }
    }
}

/// What values a constant takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Allowed {
    /// `true` or `false`.
    Boolean,
    /// Whole numbers, both ends included.
    Integer {
        /// Lowest.
        min: i64,
        /// Highest.
        max: i64,
    },
    /// Finite numbers.
    Number(Bounds),
    /// One of some words.
    Choice(&'static [&'static str]),
    /// Widths of a perceptron's layers, `512-128`; an empty text for no perceptron.
    Widths,
}

impl Allowed {
    /// Whether it takes a value.
    pub fn takes(self, value: &ConstantValue) -> bool {
        match (self, value) {
            (Self::Boolean, ConstantValue::Boolean(_)) => true,
            (Self::Integer { min, max }, ConstantValue::Integer(value)) => {
                (min..=max).contains(value)
            }
            (Self::Number(bounds), ConstantValue::Number(value)) => bounds.contains(*value),
            (Self::Choice(words), ConstantValue::Text(text)) => words.contains(&&**text),
            (Self::Widths, ConstantValue::Text(text)) => {
                text.is_empty() || text.parse::<Widths>().is_ok()
            }
            _ => false,
        }
    }
}

/// One constant of an objective: the key `objective.NAME`.
#[derive(Debug, Clone, PartialEq)]
pub struct Constant {
    /// Its name; objectives that share a name share its meaning and type.
    pub name: &'static str,
    /// Its value where nobody states another.
    pub default: ConstantValue,
    /// What values it takes.
    pub allowed: Allowed,
    /// One line, without a final stop.
    pub help: &'static str,
}

impl Constant {
    /// A number.
    pub const fn number(
        name: &'static str,
        default: f64,
        bounds: Bounds,
        help: &'static str,
    ) -> Self {
        Self {
            name,
            default: ConstantValue::Number(default),
            allowed: Allowed::Number(bounds),
            help,
        }
    }

    /// A whole number within two ends, both included.
    pub const fn integer(
        name: &'static str,
        default: i64,
        [min, max]: [i64; 2],
        help: &'static str,
    ) -> Self {
        let allowed = Allowed::Integer { min, max };
        Self { name, default: ConstantValue::Integer(default), allowed, help }
    }

    /// `true` or `false`.
    pub const fn boolean(name: &'static str, default: bool, help: &'static str) -> Self {
        Self { name, default: ConstantValue::Boolean(default), allowed: Allowed::Boolean, help }
    }

    /// One of some words; the first is the default.
    pub const fn choice(
        name: &'static str,
        words: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        let default = ConstantValue::Text(Cow::Borrowed(words[0]));
        Self { name, default, allowed: Allowed::Choice(words), help }
    }

    /// Widths of a perceptron's layers; an empty text for no perceptron.
    pub const fn widths(name: &'static str, default: &'static str, help: &'static str) -> Self {
        let default = ConstantValue::Text(Cow::Borrowed(default));
        Self { name, default, allowed: Allowed::Widths, help }
    }
}

/// Values of constants by name.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Constants(BTreeMap<String, ConstantValue>);

impl Constants {
    /// States a value.
    pub fn set(&mut self, name: &str, value: ConstantValue) {
        self.0.insert(name.to_owned(), value);
    }

    /// Each name and value, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ConstantValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// A value, if it is stated.
    pub fn get(&self, name: &str) -> Option<&ConstantValue> {
        self.0.get(name)
    }

    /// A number.
    ///
    /// # Panics
    /// If there is none of this name: an objective asks only for what it declares.
    pub fn number(&self, name: &str) -> f64 {
        match self.get(name) {
            Some(ConstantValue::Number(value)) => *value,
            other => panic!("the objective declares no number `{name}`: {other:?}"),
        }
    }

    /// A whole number that is not negative.
    ///
    /// # Panics
    /// If there is none of this name.
    pub fn integer(&self, name: &str) -> usize {
        match self.get(name) {
            Some(&ConstantValue::Integer(value)) if value >= 0 => value as usize,
            other => panic!("the objective declares no whole number `{name}`: {other:?}"),
        }
    }

    /// `true` or `false`.
    ///
    /// # Panics
    /// If there is none of this name.
    pub fn boolean(&self, name: &str) -> bool {
        match self.get(name) {
            Some(ConstantValue::Boolean(value)) => *value,
            other => panic!("the objective declares no `{name}` that is true or false: {other:?}"),
        }
    }

    /// A word.
    ///
    /// # Panics
    /// If there is none of this name.
    pub fn text(&self, name: &str) -> &str {
        match self.get(name) {
            Some(ConstantValue::Text(value)) => value,
            other => panic!("the objective declares no text `{name}`: {other:?}"),
        }
    }

    /// Widths of a perceptron's layers; nothing for no perceptron.
    ///
    /// # Panics
    /// If there are none of this name.
    pub fn widths(&self, name: &str) -> Option<Widths> {
        let text = self.text(name);
        (!text.is_empty()).then(|| text.parse().expect("widths were judged"))
    }
}
