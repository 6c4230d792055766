//! A configuration key, and finding one by its name.

use std::sync::LazyLock;

use barlow_objectives::Bounds;

use super::table;

/// A configuration key.
#[derive(Debug, Clone)]
pub struct Key {
    /// Full name, `train.batch_size`.
    pub name: String,
    /// What values it takes.
    pub kind: Kind,
    /// One line, without a final stop.
    pub help: &'static str,
    /// Whether a resumed run may have another value.
    pub may_change_on_resume: bool,
}

/// What values a key takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// An integer, both ends included.
    Integer {
        /// Lowest.
        min: i64,
        /// Highest.
        max: i64,
    },
    /// A finite number.
    Number(Bounds),
    /// `true` or `false`.
    Boolean,
    /// One of some words.
    Choice(&'static [&'static str]),
    /// An objective of this program.
    Objective,
    /// Images, as on the command line.
    Source {
        /// Whether an empty text stands for "none".
        may_be_empty: bool,
    },
    /// Widths of a perceptron's layers, `512-512-512`.
    Widths {
        /// Whether an empty text stands for "none".
        may_be_empty: bool,
    },
    /// Where to compute.
    Device,
    /// No number, one for each channel, or `auto`.
    PerChannel(Bounds),
    /// Patterns of paths.
    Patterns,
    /// Any text.
    Text,
    /// Lowest and highest of what is drawn.
    Interval(Bounds),
    /// Integers, at least one, both ends included.
    Integers {
        /// Lowest.
        min: i64,
        /// Highest.
        max: i64,
    },
}

/// All keys, in the order of `config.toml`.
pub fn keys() -> &'static [Key] {
    static KEYS: LazyLock<Vec<Key>> = LazyLock::new(table::all);
    &KEYS
}

/// What an option stands for: a key, or a setting of an evaluation, which no configuration has.
pub(super) fn find_option(name: &str) -> Option<&'static Key> {
    static EVALUATION: LazyLock<Vec<Key>> = LazyLock::new(table::evaluation);
    keys().iter().chain(&*EVALUATION).find(|key| key.name == name)
}

/// Names that some key begins with, before a dot: `views`, `views.a`.
pub(super) fn is_section(name: &str) -> bool {
    keys().iter().any(|key| key.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}
