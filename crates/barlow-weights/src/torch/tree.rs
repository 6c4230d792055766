//! The tree of dictionaries and lists in a checkpoint, as a flat list of named tensors.

use std::collections::BTreeMap;

use super::TorchError;
use crate::contents::Scalar;
use crate::pickle::{Id, MAX_DEPTH, MAX_VALUES, Parsed, Value, View};
use crate::tensor_file::MAX_TENSORS;

/// The longest name of a tensor, and the longest text that is kept.
const MAX_NAME_BYTES: usize = 1024;
/// Opaque values that are kept by name, for messages.
const MAX_OPAQUE: usize = 100;

/// What stands in a checkpoint, by dotted path.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) views: BTreeMap<String, View>,
    /// Numbers and short texts at the top.
    pub(super) scalars: BTreeMap<String, Scalar>,
    /// The first [`MAX_OPAQUE`] of them, with the class each comes from.
    pub(super) opaque: BTreeMap<String, String>,
}

/// One step of a path.
enum Step {
    Key(Id),
    Index(usize),
}

/// Walks all values from the root.
///
/// A value that stands in many places is met as often, and one that holds itself endlessly, so both
/// depth and the number of meetings are bounded.
pub(super) fn flatten(parsed: &Parsed) -> Result<Tree, TorchError> {
    if let Value::Opaque(_) | Value::Global(_) = parsed.get(parsed.root) {
        let class = parsed.class_of(parsed.root).unwrap_or_else(|| "set".to_owned());
        return Err(TorchError::Object { class });
    }
    let mut tree = Tree::default();
    // Each step with the number of the step before it; step 0 stands for the root.
    let mut steps = vec![(0, Step::Index(0))];
    let mut waiting = vec![(parsed.root, 0, 0)];
    while let Some((id, step, depth)) = waiting.pop() {
        let name = || path(parsed, &steps, step);
        let children: Vec<(Id, Step)> = match parsed.get(id) {
            Value::Dict(pairs) => pairs
                .iter()
                .filter(|(key, _)| matches!(parsed.get(*key), Value::Text(_) | Value::Int(_)))
                .map(|&(key, value)| (value, Step::Key(key)))
                .collect(),
            Value::List(items) => numbered(items),
            Value::Tuple(items) => numbered(items),
            Value::Tensor(view) => {
                let name = name()?;
                if tree.views.len() == MAX_TENSORS {
                    return Err(TorchError::Tree { what: "tensors", limit: MAX_TENSORS });
                }
                if tree.views.insert(name.clone(), (**view).clone()).is_some() {
                    return Err(TorchError::DuplicateName { name });
                }
                continue;
            }
            Value::Opaque(_) | Value::Global(_) => {
                if tree.opaque.len() < MAX_OPAQUE {
                    let class = parsed.class_of(id).unwrap_or_else(|| "set".to_owned());
                    tree.opaque.insert(name()?, class);
                }
                continue;
            }
            other => {
                if depth == 1
                    && let Some(scalar) = scalar(parsed, other)
                {
                    tree.scalars.insert(name()?, scalar);
                }
                continue;
            }
        };
        if children.is_empty() {
            continue;
        }
        if depth == MAX_DEPTH {
            return Err(TorchError::Tree { what: "levels", limit: MAX_DEPTH });
        }
        if steps.len() + children.len() > MAX_VALUES {
            return Err(TorchError::Tree { what: "values", limit: MAX_VALUES });
        }
        for (child, key) in children {
            waiting.push((child, steps.len(), depth + 1));
            steps.push((step, key));
        }
    }
    Ok(tree)
}

fn numbered(items: &[Id]) -> Vec<(Id, Step)> {
    items.iter().enumerate().map(|(index, &item)| (item, Step::Index(index))).collect()
}

fn scalar(parsed: &Parsed, value: &Value) -> Option<Scalar> {
    match value {
        Value::Bool(value) => Some(Scalar::Bool(*value)),
        Value::Int(value) => Some(Scalar::Int(*value)),
        Value::Float(value) => Some(Scalar::Float(*value)),
        Value::Text(span) => {
            let text = parsed.text(*span);
            (text.len() <= MAX_NAME_BYTES).then(|| Scalar::Text(text.to_owned()))
        }
        _ => None,
    }
}

/// The name of a step: its parts from the root, joined by dots.
fn path(parsed: &Parsed, steps: &[(usize, Step)], mut step: usize) -> Result<String, TorchError> {
    let mut parts = Vec::new();
    let mut length = 0;
    while step != 0 {
        let (before, key) = &steps[step];
        let part = match key {
            Step::Key(id) => match parsed.get(*id) {
                Value::Text(span) => std::borrow::Cow::Borrowed(parsed.text(*span)),
                Value::Int(number) => number.to_string().into(),
                _ => unreachable!("other keys were left out"),
            },
            Step::Index(index) => index.to_string().into(),
        };
        length += part.len() + 1;
        if length > MAX_NAME_BYTES + 1 {
            return Err(TorchError::Tree { what: "bytes in a name", limit: MAX_NAME_BYTES });
        }
        parts.push(part);
        step = *before;
    }
    parts.reverse();
    Ok(parts.join("."))
}
