//! What can be wrong with settings, in words that say how to put it right.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::given::Origin;
use super::nearest::nearest;
use crate::presets;

/// One thing that is wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// No key has this name.
    #[error("key `{key}` ({value}, {origin}) is unknown")]
    UnknownKey {
        /// As given.
        key: String,
        /// Its value, as given.
        value: String,
        /// Where it was given.
        origin: Origin,
        /// The key it resembles most.
        nearest: Option<String>,
    },
    /// A value that its key does not allow, alone or beside the other values.
    #[error("key `{key}` is {value} ({origin}), expected {allowed}")]
    Value {
        /// The key.
        key: String,
        /// Its value, as given.
        value: String,
        /// Where it was given.
        origin: Origin,
        /// What is allowed.
        allowed: String,
        /// More about it.
        hint: Option<String>,
    },
    /// A constant that the objective does not have, but another has.
    #[error(
        "key `{key}` ({value}, {origin}) is no constant of objective `{objective}`, whose are: {constants}"
    )]
    ForeignConstant {
        /// The key.
        key: String,
        /// Its value, as given.
        value: String,
        /// Where it was given.
        origin: Origin,
        /// The objective.
        objective: &'static str,
        /// The keys of its constants.
        constants: String,
    },
    /// Two options that set one key to different values.
    #[error("key `{key}` is both {first} ({first_origin}) and {second} ({second_origin})")]
    Contradiction {
        /// The key.
        key: String,
        /// One value.
        first: String,
        /// Where it was given.
        first_origin: Origin,
        /// The other value.
        second: String,
        /// Where it was given.
        second_origin: Origin,
    },
    /// A `--set` that sets nothing.
    #[error("`--set {text}` sets nothing, expected `--set key=value`")]
    NotAnAssignment {
        /// As typed.
        text: String,
    },
    /// No preset has this name.
    #[error("preset `{name}` is unknown, expected one of {}", presets::names())]
    UnknownPreset {
        /// As typed.
        name: String,
        /// The preset it resembles most.
        nearest: Option<&'static str>,
    },
    /// A file that cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that is not TOML.
    #[error("`{}` is not TOML, line {line}, column {column}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// What is wrong there.
        message: String,
    },
}

impl Problem {
    pub(super) fn unknown_preset(name: &str) -> Self {
        let nearest = nearest(name, presets::ALL.iter().map(|preset| preset.name));
        Self::UnknownPreset { name: name.to_owned(), nearest }
    }

    /// Whether values that were meant are missing because of this, so that it is too early to
    /// compare those that are there.
    pub(super) fn hides_values(&self) -> bool {
        matches!(self, Self::UnknownPreset { .. } | Self::Unreadable { .. } | Self::Syntax { .. })
    }

    /// What the user probably meant, or can do.
    pub fn hint(&self) -> Option<String> {
        let did_you_mean = |name: &str| format!("did you mean `{name}`?");
        match self {
            Self::UnknownKey { nearest, .. } => nearest.as_deref().map(did_you_mean),
            Self::UnknownPreset { nearest, .. } => nearest.map(did_you_mean),
            Self::Value { hint, .. } => hint.clone(),
            _ => None,
        }
    }
}

/// Everything that is wrong with a configuration, at least one problem.
#[derive(Debug, thiserror::Error)]
pub struct SettingsProblems {
    /// In the order of precedence, then of `config.toml`.
    pub problems: Vec<Problem>,
}

impl fmt::Display for SettingsProblems {
    /// A headline with the number of problems, and for each a line and its hint.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.len() {
            1 => f.write_str("the configuration has a problem")?,
            count => write!(f, "the configuration has {count} problems")?,
        }
        for problem in &self.problems {
            write!(f, "\n  {problem}")?;
            if let Some(hint) = problem.hint() {
                write!(f, "\n    hint: {hint}")?;
            }
        }
        Ok(())
    }
}
