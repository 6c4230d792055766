//! The projector beside an encoder: linear layers without bias, batch norm and ReLU between them.

use std::collections::BTreeMap;

use super::LeftBecause;
use super::names::{Found, base};
use crate::contents::Contents;
use crate::tensor_file::Dtype;

/// A projector that can be taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectorPlan {
    /// Width of each layer; the last is the embedding's.
    pub widths: Vec<usize>,
    /// Whether a batch norm stands before each ReLU.
    pub batch_norm: bool,
    /// Our name, the file's.
    pub names: BTreeMap<String, String>,
}

/// What was found of projectors.
#[derive(Debug, Default)]
pub(super) struct Projectors {
    pub(super) taken: Option<ProjectorPlan>,
    /// Tensors of one that cannot be taken, and why.
    pub(super) left: BTreeMap<String, LeftBecause>,
}

/// What projectors are called, beside their encoder.
pub(super) const PREFIXES: [&str; 3] =
    ["projector.", "projection_head.layers.", "projection_head."];

/// The tensors of a batch norm.
const NORM: [&str; 4] = ["weight", "bias", "running_mean", "running_var"];

/// Shapes of a candidate's tensors by the names below its prefix.
type Shapes<'a> = BTreeMap<&'a str, &'a [usize]>;

/// Looks for a projector beside the encoder, which takes representations of length `input`.
pub(super) fn find(contents: &Contents, found: &Found, input: usize) -> Projectors {
    let base = base(&found.prefix);
    for prefix in PREFIXES.map(|prefix| format!("{base}{prefix}")) {
        let all = contents.tensors.range(prefix.clone()..);
        let tensors: Vec<_> = all.take_while(|(name, _)| name.starts_with(&prefix)).collect();
        if tensors.is_empty() {
            continue;
        }
        let kept: Vec<_> =
            tensors.iter().filter(|(name, _)| !name.ends_with("num_batches_tracked")).collect();
        let shapes: Shapes =
            kept.iter().map(|(name, info)| (&name[prefix.len()..], &info.shape[..])).collect();
        let is_float = kept.iter().all(|(_, info)| {
            matches!(info.dtype, Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64)
        });
        let reason = match [true, false].into_iter().find_map(|norm| widths(&shapes, input, norm)) {
            Some((widths, batch_norm)) if is_float => {
                let names = shapes
                    .keys()
                    .map(|&name| (name.to_owned(), format!("{prefix}{name}")))
                    .collect();
                let taken = Some(ProjectorPlan { widths, batch_norm, names });
                return Projectors { taken, ..Projectors::default() };
            }
            _ if has_linear_bias(&shapes) => LeftBecause::ProjectorWithBias,
            _ => LeftBecause::ProjectorForm,
        };
        let left = kept.iter().map(|(name, _)| ((*name).clone(), reason)).collect();
        return Projectors { taken: None, left };
    }
    Projectors::default()
}

/// The widths, if the tensors are exactly those of a projector of our form: linear layers at 0, 3, 6
/// with norms at 1, 4, or at 0, 2, 4 without.
fn widths(shapes: &Shapes, input: usize, batch_norm: bool) -> Option<(Vec<usize>, bool)> {
    let step = if batch_norm { 3 } else { 2 };
    let mut widths = Vec::new();
    let mut input = input;
    let mut seen = 0;
    while let Some(shape) = shapes.get(format!("{}.weight", widths.len() * step).as_str()) {
        let &[outputs, inputs] = *shape else { return None };
        if inputs != input || outputs == 0 {
            return None;
        }
        seen += 1;
        let norm = widths.len() * step + 1;
        widths.push(outputs);
        input = outputs;
        let is_last = !shapes.contains_key(format!("{}.weight", widths.len() * step).as_str());
        if batch_norm && !is_last {
            for part in NORM {
                if shapes.get(format!("{norm}.{part}").as_str()) != Some(&&[outputs][..]) {
                    return None;
                }
                seen += 1;
            }
        }
    }
    // One layer has no norm either way; it is told as without.
    let is_whole =
        seen == shapes.len() && (!widths.is_empty()) && (widths.len() > 1 || !batch_norm);
    is_whole.then_some((widths, batch_norm))
}

fn has_linear_bias(shapes: &Shapes) -> bool {
    shapes.iter().any(|(name, shape)| {
        let weight = name.strip_suffix("bias").map(|start| format!("{start}weight"));
        shape.len() == 1
            && weight.and_then(|weight| shapes.get(weight.as_str())).is_some_and(|w| w.len() == 2)
    })
}
