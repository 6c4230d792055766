//! What a key allows: reading a value's text, judging a value, and saying what would be right.

use barlow_data::source::{SourceSpec, check_pattern};
use barlow_data::views::ViewPipelineConfig;
use barlow_nn::Widths;
use barlow_objectives::Bounds;
use toml::Value;

use super::key::Kind;
use super::nearest::nearest;
use crate::devices::DeviceChoice;

/// 0 to 1.
pub(super) const FRACTION: Bounds = Bounds { min: 0.0, max: 1.0, is_min_allowed: true };
/// 0 and more; to be completed by a `max`.
pub(super) const NON_NEGATIVE: Bounds = Bounds { min: 0.0, max: f64::MAX, is_min_allowed: true };
/// More than 0; to be completed by a `max`.
pub(super) const ABOVE_ZERO: Bounds = Bounds { min: 0.0, max: f64::MAX, is_min_allowed: false };

/// Stands for numbers that the program finds out.
const AUTO: &str = "auto";

/// Why a value is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// What would be right.
    pub(super) allowed: String,
    /// What the user probably meant, or can do.
    pub(super) hint: Option<String>,
}

impl Kind {
    /// Reads what was typed after `--epochs` or `--set schedule.epochs=`; nothing if it is not a
    /// value of this kind whatever the range.
    pub(super) fn read(self, text: &str) -> Option<Value> {
        let number = |text: &str| text.trim().replace('_', "").parse::<f64>().ok();
        match self {
            Self::Integer { .. } => text.trim().replace('_', "").parse().ok().map(Value::Integer),
            Self::Number(_) => number(text).map(Value::Float),
            Self::Boolean => text.trim().parse().ok().map(Value::Boolean),
            Self::PerChannel(_) if text.trim() == AUTO => Some(Value::String(AUTO.to_owned())),
            Self::PerChannel(_) | Self::Interval(_) => {
                let numbers = parts(text).map(|part| number(part).map(Value::Float));
                numbers.collect::<Option<_>>().map(Value::Array)
            }
            Self::Integers { .. } => {
                let integers = parts(text).map(|part| part.parse().ok().map(Value::Integer));
                integers.collect::<Option<_>>().map(Value::Array)
            }
            Self::Patterns => {
                Some(Value::Array(parts(text).map(|part| unquoted(part).into()).collect()))
            }
            Self::Choice(_)
            | Self::Objective
            | Self::Source { .. }
            | Self::Widths { .. }
            | Self::Device
            | Self::Text => Some(Value::String(unquoted(text).to_owned())),
        }
    }

    /// What is allowed, in words that follow "expected".
    pub(super) fn allowed(self, objectives: &[&str]) -> String {
        match self {
            Self::Integer { min, max } => format!("an integer from {min} to {max}"),
            Self::Integers { min, max } => {
                format!("integers from {min} to {max}, with commas between")
            }
            Self::Number(bounds) => format!("a number {bounds}"),
            Self::Boolean => "`true` or `false`".to_owned(),
            Self::Choice(words) => one_of(words),
            Self::Objective => one_of(objectives),
            Self::Source { may_be_empty } => {
                let or_empty = if may_be_empty { ", or nothing" } else { "" };
                format!(
                    "a directory, a list file (.txt, .csv, .jsonl), tar shards (`a-{{000..099}}.tar`), \
                     `synthetic[:N[:SEED]]`, `tinted[:N[:SEED]]`, `fashion-mnist[:train|:test]`, \
                     `idx:IMAGES[,LABELS]`, `cifar10:DIR[:train|:test]`, `cifar100:...` or a mix of \
                     these{or_empty}"
                )
            }
            Self::Widths { may_be_empty } => {
                let or_empty = if may_be_empty { ", or nothing" } else { "" };
                format!("widths such as `512-512-512`, each from 1 to 65536{or_empty}")
            }
            Self::Device => {
                format!(
                    "`auto`, or a device this program was built for: {}",
                    DeviceChoice::built_in()
                )
            }
            Self::PerChannel(bounds) => {
                format!("no number, one for each channel, {bounds}, or `auto`")
            }
            Self::Patterns => "patterns of paths, as `*.png` or `train/**`".to_owned(),
            Self::Text => "a text".to_owned(),
            Self::Interval(bounds) => {
                format!("two numbers {bounds}, the lower one first")
            }
        }
    }

    /// The value in its one form (whole numbers become numbers where numbers are wanted).
    pub(super) fn judge(self, value: &Value, objectives: &[&str]) -> Result<Value, Refusal> {
        let refusal = |hint| Refusal { allowed: self.allowed(objectives), hint };
        match self {
            Self::Integer { min, max } => value
                .as_integer()
                .filter(|number| (min..=max).contains(number))
                .map(Value::Integer)
                .ok_or_else(|| refusal(None)),
            Self::Integers { min, max } => value
                .as_array()
                .filter(|numbers| {
                    let is_right = |number: &Value| {
                        number.as_integer().is_some_and(|number| (min..=max).contains(&number))
                    };
                    !numbers.is_empty() && numbers.iter().all(is_right)
                })
                .map(|_| value.clone())
                .ok_or_else(|| refusal(None)),
            Self::Number(bounds) => number(value)
                .filter(|&number| bounds.contains(number))
                .map(Value::Float)
                .ok_or_else(|| refusal(None)),
            Self::Boolean => value.as_bool().map(Value::Boolean).ok_or_else(|| refusal(None)),
            Self::PerChannel(_) if value.as_str() == Some(AUTO) => Ok(value.clone()),
            Self::PerChannel(bounds) => numbers(value, bounds)
                .filter(|numbers| numbers.len() <= ViewPipelineConfig::MAX_CHANNELS)
                .map(|numbers| floats(&numbers))
                .ok_or_else(|| refusal(None)),
            Self::Interval(bounds) => numbers(value, bounds)
                .filter(|numbers| matches!(numbers[..], [low, high] if low <= high))
                .map(|numbers| floats(&numbers))
                .ok_or_else(|| refusal(None)),
            Self::Patterns => {
                let patterns = value.as_array().ok_or_else(|| refusal(None))?;
                for pattern in patterns {
                    let text = pattern.as_str().ok_or_else(|| refusal(None))?;
                    check_pattern(text).map_err(|error| refusal(Some(error.to_string())))?;
                }
                Ok(value.clone())
            }
            Self::Choice(_)
            | Self::Objective
            | Self::Source { .. }
            | Self::Widths { .. }
            | Self::Device
            | Self::Text => {
                let text = value.as_str().ok_or_else(|| refusal(None))?;
                self.judge_text(text, objectives).map_err(refusal)?;
                Ok(Value::String(text.to_owned()))
            }
        }
    }

    /// Whether a text is right; the error is a hint, where there is one.
    fn judge_text(self, text: &str, objectives: &[&str]) -> Result<(), Option<String>> {
        let among = |words: &[&str]| {
            let did_you_mean = || {
                nearest(text, words.iter().copied()).map(|word| format!("did you mean `{word}`?"))
            };
            if words.contains(&text) { Ok(()) } else { Err(did_you_mean()) }
        };
        match self {
            Self::Choice(words) => among(words),
            Self::Objective => among(objectives),
            Self::Source { may_be_empty } => {
                if text.is_empty() && may_be_empty {
                    return Ok(());
                }
                SourceSpec::parse(text).map(drop).map_err(|error| Some(error.to_string()))
            }
            Self::Widths { may_be_empty: true } if text.is_empty() => Ok(()),
            Self::Widths { .. } => {
                text.parse::<Widths>().map(drop).map_err(|error| Some(error.to_string()))
            }
            Self::Device => {
                text.parse::<DeviceChoice>().map(drop).map_err(|error| Some(error.to_string()))
            }
            Self::Text => Ok(()),
            Self::Integer { .. }
            | Self::Integers { .. }
            | Self::Number(_)
            | Self::Boolean
            | Self::PerChannel(_)
            | Self::Patterns
            | Self::Interval(_) => Err(None),
        }
    }
}

/// What stands between brackets, or without them, by commas.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let text = text.trim();
    let inner = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text).trim();
    inner.split(',').map(str::trim).filter(move |_| !inner.is_empty())
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text)
}

fn one_of(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    format!("one of {}", words.join(", "))
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Float(number) => Some(*number),
        Value::Integer(number) => Some(*number as f64),
        _ => None,
    }
}

fn numbers(value: &Value, bounds: Bounds) -> Option<Vec<f64>> {
    let numbers: Option<Vec<f64>> = value.as_array()?.iter().map(number).collect();
    numbers.filter(|numbers| numbers.iter().all(|&number| bounds.contains(number)))
}

fn floats(numbers: &[f64]) -> Value {
    Value::Array(numbers.iter().copied().map(Value::Float).collect())
}
