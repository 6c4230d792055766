//! Under which names an encoder stands in a file, and whose names these are.

use std::collections::{BTreeMap, BTreeSet};

use super::projector::{PREFIXES as PROJECTORS, ProjectorPlan};
use super::{LayoutError, LeftBecause};
use crate::contents::{Contents, TensorInfo};
use crate::facts::FACTS_KEY;

/// Whose names the tensors have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// Our own `encoder.safetensors`.
    Barlow,
    /// Torchvision's names alone: torchvision, timm, the official `resnet50.pth`.
    Torchvision,
    /// The official `checkpoint.pth` of Barlow Twins.
    OfficialCheckpoint,
    /// `backbone` and `projection_head`, of lightly.
    Lightly,
    /// `backbone` or `encoder`, and `projector`, of solo-learn.
    SoloLearn,
    /// `encoder_q`, of `MoCo`.
    Moco,
    /// `encoder` in a `state_dict`, of `SimSiam`.
    SimSiam,
    /// Torchvision's names under some other prefix.
    Prefixed,
}

impl std::fmt::Display for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Barlow => "an encoder of barlow",
            Self::Torchvision => "torchvision's names",
            Self::OfficialCheckpoint => "the official checkpoint of Barlow Twins",
            Self::Lightly => "lightly's names",
            Self::SoloLearn => "solo-learn's names",
            Self::Moco => "MoCo's names",
            Self::SimSiam => "SimSiam's names",
            Self::Prefixed => "torchvision's names under a prefix",
        })
    }
}

/// How the parts of the encoder are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Numbering {
    /// `conv1`, `bn1`, `layer1` to `layer4`.
    Named,
    /// 0, 1, 4 to 7: `nn.Sequential` of a ResNet's children, 2 and 3 being ReLU and max-pool.
    Children,
    /// 0, 1, 2 to 5: the same of lightly's own ResNet, which has neither as a child.
    ChildrenWithoutPool,
}

/// Where an encoder stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    pub(super) prefix: String,
    pub(super) numbering: Numbering,
}

/// The names of an encoder's first convolution and of the first of its first block.
const ENDS: [(&str, &str, Numbering); 3] = [
    ("conv1.weight", "layer1.0.conv1.weight", Numbering::Named),
    ("0.weight", "4.0.conv1.weight", Numbering::Children),
    ("0.weight", "2.0.conv1.weight", Numbering::ChildrenWithoutPool),
];

/// Parts of prefixes of networks that follow another one.
const MOMENTUM_PARTS: [&str; 9] = [
    "backbone_momentum",
    "encoder_k",
    "ema",
    "key_encoder",
    "momentum_backbone",
    "momentum_encoder",
    "target_encoder",
    "target_network",
    "teacher",
];

/// Parts of names that wrappers put before all others.
const WRAPPERS: [&str; 5] = ["_orig_mod", "model", "module", "network", "state_dict"];

/// The only encoder, or that under `prefix`.
pub(super) fn find(contents: &Contents, prefix: Option<&str>) -> Result<Found, LayoutError> {
    let tensors = &contents.tensors;
    let mut all = BTreeSet::new();
    for (name, info) in tensors {
        for (first, block, numbering) in ENDS {
            let Some(prefix) = prefix_of(name, block) else { continue };
            let stem = tensors.get(&format!("{prefix}{first}"));
            let [_, _, (_, without_pool, _)] = ENDS;
            let is_later_stage = numbering == Numbering::Children
                && tensors.contains_key(&format!("{prefix}{without_pool}"));
            if is_later_stage {
                continue;
            }
            if info.shape.len() == 4 && stem.is_some_and(|stem| stem.shape.len() == 4) {
                all.insert(Found { prefix: prefix.to_owned(), numbering });
            }
            let deep = format!("{prefix}conv1.0.weight");
            if let (Numbering::Named, Some(stem)) = (numbering, tensors.get(&deep)) {
                let (variant, found) =
                    ("a ResNet with a stem of three convolutions", stem.shape.clone());
                return Err(LayoutError::Variant { variant, name: deep, found });
            }
        }
    }
    let is_wanted = |found: &&Found| match prefix {
        Some(prefix) => found.prefix == prefix,
        None => !is_momentum(&found.prefix),
    };
    let mut wanted: Vec<&Found> = all.iter().filter(is_wanted).collect();
    if wanted.is_empty() && prefix.is_none() {
        wanted = all.iter().collect();
    }
    match wanted[..] {
        [found] => Ok(found.clone()),
        [] => {
            let opaque = contents.opaque.iter().map(|(name, class)| (name.clone(), class.clone()));
            Err(LayoutError::NoEncoder { tensors: tensors.len(), opaque: opaque.collect() })
        }
        _ => {
            let prefixes = wanted.iter().map(|found| found.prefix.clone()).collect();
            Err(LayoutError::Several { prefixes })
        }
    }
}

/// What stands before `end` in `name`, if that is whole parts.
fn prefix_of<'a>(name: &'a str, end: &str) -> Option<&'a str> {
    let prefix = name.strip_suffix(end)?;
    (prefix.is_empty() || prefix.ends_with('.')).then_some(prefix)
}

fn is_momentum(name: &str) -> bool {
    name.split('.').any(|part| MOMENTUM_PARTS.contains(&part))
}

/// The tensors under the encoder's prefix by torchvision's names, with their names in the file;
/// without counts of batches and classifier.
pub(super) fn translated<'a>(
    contents: &'a Contents,
    found: &Found,
) -> BTreeMap<String, (&'a str, &'a TensorInfo)> {
    let under = contents.tensors.iter().filter_map(|(name, info)| {
        let own = name.strip_prefix(&found.prefix)?;
        // Without a prefix the projector stands under the same roof.
        if found.prefix.is_empty() && PROJECTORS.iter().any(|part| own.starts_with(part)) {
            return None;
        }
        let ours = torchvision_name(own, found.numbering)?;
        (!is_counter(&ours) && !is_classifier(&ours)).then_some((ours, (name.as_str(), info)))
    });
    under.collect()
}

/// Torchvision's name of what stands under the prefix; `None` of parts that are no encoder's.
fn torchvision_name(name: &str, numbering: Numbering) -> Option<String> {
    let name = match numbering {
        Numbering::Named => name.to_owned(),
        Numbering::Children | Numbering::ChildrenWithoutPool => {
            let (number, rest) = name.split_once('.')?;
            let first_stage = if numbering == Numbering::Children { 4 } else { 2 };
            let part = match number.parse::<usize>().ok()? {
                0 => "conv1".to_owned(),
                1 => "bn1".to_owned(),
                number => format!(
                    "layer{}",
                    (number + 1).checked_sub(first_stage).filter(|n| (1..=4).contains(n))?
                ),
            };
            format!("{part}.{rest}")
        }
    };
    // Lightly's own ResNet calls the projection of a block's input `shortcut`.
    Some(name.replace(".shortcut.", ".downsample."))
}

/// The file's name of a tensor of ours.
pub(super) fn name_in_file(ours: &str, found: &Found) -> String {
    let first_stage = match found.numbering {
        Numbering::Named => return format!("{}{ours}", found.prefix),
        Numbering::Children => 4,
        Numbering::ChildrenWithoutPool => 2,
    };
    let (part, rest) = ours.split_once('.').unwrap_or((ours, ""));
    let number = match part {
        "conv1" => 0,
        "bn1" => 1,
        stage => stage.trim_start_matches("layer").parse::<usize>().unwrap_or(1) + first_stage - 1,
    };
    format!("{}{number}.{rest}", found.prefix)
}

fn is_counter(name: &str) -> bool {
    name == "num_batches_tracked" || name.ends_with(".num_batches_tracked")
}

fn is_classifier(name: &str) -> bool {
    ["fc.", "linear.", "head.", "classifier."].iter().any(|start| name.starts_with(start))
}

/// Why a tensor is left that no projector has.
pub(super) fn left_because(name: &str, prefix: &str) -> LeftBecause {
    match name.strip_prefix(prefix) {
        _ if is_momentum(name) && !is_momentum(prefix) => LeftBecause::MomentumNetwork,
        _ if is_counter(name) => LeftBecause::BatchCounter,
        Some(rest) if is_classifier(rest) => LeftBecause::Classifier,
        _ if is_classifier(name.strip_prefix(base(prefix)).unwrap_or(name)) => {
            LeftBecause::Classifier
        }
        _ if ["bn.running_mean", "bn.running_var"]
            .iter()
            .any(|end| prefix_of(name, end) == Some(base(prefix))) =>
        {
            LeftBecause::LossNormaliser
        }
        _ => LeftBecause::Other,
    }
}

/// The prefix without its last part, where siblings of the encoder stand.
pub(super) fn base(prefix: &str) -> &str {
    let inner = prefix.strip_suffix('.').unwrap_or(prefix);
    &prefix[..inner.rfind('.').map_or(0, |dot| dot + 1)]
}

/// Whose names they are.
pub(super) fn form(contents: &Contents, found: &Found, projector: Option<&ProjectorPlan>) -> Form {
    let parts: Vec<&str> = found
        .prefix
        .split('.')
        .filter(|part| !part.is_empty() && !WRAPPERS.contains(part))
        .collect();
    let base = base(&found.prefix);
    let has = |part: &str| {
        let start = format!("{base}{part}");
        contents
            .tensors
            .range(start.clone()..)
            .next()
            .is_some_and(|(name, _)| name.starts_with(&start))
    };
    let is_in_state_dict = found.prefix.split('.').any(|part| part == "state_dict");
    match parts[..] {
        [] if contents.metadata.contains_key(FACTS_KEY) => Form::Barlow,
        [] if found.numbering == Numbering::Named => Form::Torchvision,
        [] => Form::Lightly,
        ["encoder_q"] => Form::Moco,
        ["backbone"] if found.prefix == "model.module.backbone." && projector.is_some() => {
            Form::OfficialCheckpoint
        }
        ["backbone"] if found.numbering != Numbering::Named || has("projection_head.") => {
            Form::Lightly
        }
        ["backbone" | "encoder"] if is_in_state_dict && has("projector.") => Form::SoloLearn,
        ["encoder"] if is_in_state_dict && has("predictor.") => Form::SimSiam,
        _ => Form::Prefixed,
    }
}
