//! A value as given: what, in which words, and where.

use std::fmt;
use std::path::PathBuf;

use toml::Value;

use super::key::Key;

/// Where a value was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: the program's default.
    Default,
    /// In a preset.
    Preset(&'static str),
    /// In the recipe of the objective that was named.
    Recipe(&'static str),
    /// In a file.
    File {
        /// The file.
        path: PathBuf,
        /// From 1; 0 where it is not known.
        line: usize,
    },
    /// By an option of its own, `--epochs`.
    Option(&'static str),
    /// By `--set`.
    Set,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("by default"),
            Self::Preset(name) => write!(f, "from preset `{name}`"),
            Self::Recipe(name) => write!(f, "from the recipe of objective `{name}`"),
            Self::File { path, line: 0 } => write!(f, "from `{}`", path.display()),
            Self::File { path, line } => write!(f, "from `{}` line {line}", path.display()),
            Self::Option(flag) => write!(f, "from `{flag}`"),
            Self::Set => f.write_str("from `--set`"),
        }
    }
}

/// A value as given.
#[derive(Debug, Clone)]
pub(super) struct Given {
    /// The value; none if the text after an option is not a value of the key's kind.
    pub(super) value: Option<Value>,
    /// As the user wrote it, for messages.
    pub(super) shown: String,
    /// Where.
    pub(super) origin: Origin,
}

/// Values of known keys, in the order in which they were given.
pub(super) type Layer = Vec<(Key, Given)>;

/// The value of a key that counts in a layer.
pub(super) fn last<'a>(layer: &'a Layer, key: &str) -> Option<&'a Given> {
    layer.iter().rev().find(|(known, _)| known.name == key).map(|(_, given)| given)
}

/// A value for a message.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => shorten(text),
        Value::Float(number) => shorten(&format!("{number:?}")),
        value => shorten(&value.to_string()),
    }
}

/// A text for a message: on one line, not too long, marked off.
pub(super) fn shorten(text: &str) -> String {
    const LONGEST: usize = 60;
    let text: String = text.escape_debug().collect();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("`{}...`", &text[..end]),
        None if text.is_empty() => "empty".to_owned(),
        None => format!("`{text}`"),
    }
}
