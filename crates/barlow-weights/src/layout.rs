//! Which encoder a file of weights holds, under the names of which program.
//!
//! Everyone who trains torchvision's ResNets keeps torchvision's names, but puts something before them:
//! `module.`, `backbone.`, `state_dict.model.`. So the encoder is looked for by the names at its two ends
//! (`layout/names.rs`) under any prefix, its size is read off the number of blocks and the first convolution
//! (`layout/resnet.rs`), and then every tensor is compared with what that encoder must have, name by name and shape by
//! shape, before a weight is read. What stands beside it is a projector, if it has the form of ours
//! (`layout/projector.rs`), or is left, each with a reason.
//!
//! Names were taken from torchvision 0.29, timm 1.0.31, lightly 1.6.0, solo-learn 1.0.2 and the
//! published checkpoints of Barlow Twins, `MoCo` and `SimSiam`.

mod names;
mod projector;
mod resnet;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Seek};

use crate::contents::{Contents, Scalar};
use crate::encoder::EncoderConfig;
use crate::foreign::{ForeignFile, ForeignFileError};
use crate::tensor_file::{TensorFileError, Tensors};

pub use names::Form;
pub use projector::ProjectorPlan;

/// What tensors may need beyond the size of the file: some may share a storage.
const SLACK_BYTES: u64 = 16 << 20;

/// Why no encoder can be taken from a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// No prefix under which a ResNet's names stand.
    #[error(
        "none of its {tensors} tensors is a ResNet's first convolution beside its first block{}",
        classes(.opaque)
    )]
    NoEncoder {
        /// Tensors in the file.
        tensors: usize,
        /// Values that only their own program could make: name and class.
        opaque: Vec<(String, String)>,
    },
    /// More than one encoder, and no word on which to take.
    #[error("it holds several encoders; name the one to take: {}", quoted(.prefixes))]
    Several {
        /// The prefix of each.
        prefixes: Vec<String>,
    },
    /// A variant of ResNet that is not one of ours.
    #[error("it holds {variant}, which is not supported: `{name}` is {found:?}")]
    Variant {
        /// The variant, in words.
        variant: &'static str,
        /// A tensor that shows it.
        name: String,
        /// The shape of that tensor.
        found: Vec<usize>,
    },
    /// Blocks of no ResNet of ours.
    #[error(
        "it has {blocks:?} blocks of {convolutions} convolutions, which no ResNet of 18, 34, 50, 101 or 152 layers has"
    )]
    Blocks {
        /// Blocks of each stage.
        blocks: [usize; 4],
        /// Convolutions of a block.
        convolutions: usize,
    },
    /// Tensors are missing, too many, or of another shape.
    #[error("its tensors are not those of {encoder} of width {width}: {}", listed(.problems))]
    Mismatch {
        /// The encoder that it resembles.
        encoder: &'static str,
        /// Its width.
        width: usize,
        /// All that differs.
        problems: Vec<Problem>,
    },
    /// The tensors together are larger than the file: they share their values.
    #[error("its tensors have {bytes} bytes in a file of {file_bytes}: many share their values")]
    Shared {
        /// Bytes of the tensors that would be read.
        bytes: u64,
        /// Bytes of the file.
        file_bytes: u64,
    },
    /// A tensor cannot be read.
    #[error("tensor `{name}` cannot be read")]
    Read {
        /// The tensor.
        name: String,
        /// Why.
        source: ForeignFileError,
    },
    /// A tensor's values cannot be converted.
    #[error("tensor `{name}` cannot be converted")]
    Convert {
        /// The tensor.
        name: String,
        /// Why.
        source: TensorFileError,
    },
}

/// One difference from the encoder that a file resembles. Names are the file's.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The tensor is not there.
    Missing {
        /// Its name.
        name: String,
    },
    /// A value of the name is there that is no tensor.
    Opaque {
        /// Its name.
        name: String,
        /// Its class.
        class: String,
    },
    /// The tensor belongs to no encoder of this kind.
    Unexpected {
        /// Its name.
        name: String,
    },
    /// The tensor has another shape.
    Shape {
        /// Its name.
        name: String,
        /// As it should be.
        expected: Vec<usize>,
        /// As it is.
        found: Vec<usize>,
    },
    /// The tensor is not of floating-point numbers.
    Dtype {
        /// Its name.
        name: String,
        /// Its type.
        found: String,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name } => write!(f, "`{name}` is missing"),
            Self::Opaque { name, class } => write!(f, "`{name}` is no tensor but a `{class}`"),
            Self::Unexpected { name } => write!(f, "`{name}` is not part of it"),
            Self::Shape { name, expected, found } => {
                write!(f, "`{name}` is {found:?}, expected {expected:?}")
            }
            Self::Dtype { name, found } => write!(f, "`{name}` is of type {found}"),
        }
    }
}

/// Why a tensor of the file is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LeftBecause {
    /// A count of batches, which running statistics of momentum do not need.
    BatchCounter,
    /// Of a classifier or head.
    Classifier,
    /// Of a projector with biases in its linear layers, which ours has not.
    ProjectorWithBias,
    /// Of a projector of another form.
    ProjectorForm,
    /// Of a momentum, target or key network.
    MomentumNetwork,
    /// Statistics of the normalisation in the official loss.
    LossNormaliser,
    /// Of something else: an optimizer, a queue, a predictor.
    Other,
}

impl fmt::Display for LeftBecause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BatchCounter => "counts of batches",
            Self::Classifier => "a classifier",
            Self::ProjectorWithBias => "a projector with biases in its linear layers",
            Self::ProjectorForm => "a projector of another form",
            Self::MomentumNetwork => "a momentum network",
            Self::LossNormaliser => "statistics of the loss",
            Self::Other => "not of the encoder",
        })
    }
}

/// What would be taken from a file, found without reading a weight.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Whose names they are.
    pub form: Form,
    /// What stands before the encoder's names.
    pub prefix: String,
    /// The encoder. A stem of 3×3 is taken to have stride 1 and no pooling; that residual branches begin
    /// at zero is the default, for weights do not tell.
    pub encoder: EncoderConfig,
    /// The encoder's tensors: our name, the file's.
    pub encoder_names: BTreeMap<String, String>,
    /// The projector, if there is one of our form.
    pub projector: Option<ProjectorPlan>,
    /// All other tensors, and why they are left.
    pub left: BTreeMap<String, LeftBecause>,
    /// Epochs done, if the checkpoint says so.
    pub epoch: Option<u64>,
}

/// Tensors under our names, all `f32`.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// Torchvision's names, running statistics included, counts and classifier not.
    pub encoder: Tensors,
    /// `0.weight`, `1.weight`, ..., running statistics included.
    pub projector: Option<Tensors>,
}

impl Plan {
    /// Finds the encoder in `contents`: the only one, or that under `prefix`.
    ///
    /// Where there are a momentum network and another one, the other one is meant.
    ///
    /// # Errors
    /// If there is no encoder of ours, or several. No weight is read.
    pub fn of(contents: &Contents, prefix: Option<&str>) -> Result<Self, LayoutError> {
        let found = names::find(contents, prefix)?;
        let tensors = names::translated(contents, &found);
        let encoder = resnet::config(&tensors)?;
        let encoder_names = resnet::compare(&encoder, &tensors, contents, &found)?;
        let projectors = projector::find(contents, &found, encoder.representation_dim());
        let projector = projectors.taken;
        let is_taken = |name: &String| {
            encoder_names.values().any(|taken| taken == name)
                || projector.as_ref().is_some_and(|p| p.names.values().any(|taken| taken == name))
        };
        let left = contents
            .tensors
            .keys()
            .filter(|name| !is_taken(name))
            .map(|name| {
                let reason = projectors.left.get(name).copied();
                (name.clone(), reason.unwrap_or_else(|| names::left_because(name, &found.prefix)))
            })
            .collect();
        let epoch = match contents.scalars.get("epoch") {
            Some(&Scalar::Int(epoch)) => u64::try_from(epoch).ok(),
            _ => None,
        };
        let form = names::form(contents, &found, projector.as_ref());
        Ok(Self { form, prefix: found.prefix, encoder, encoder_names, projector, left, epoch })
    }

    /// Reads the weights that the plan names, as `f32`.
    ///
    /// # Errors
    /// If the tensors together are much larger than the file (they share their values, as no
    /// encoder's do), or one is damaged or cannot be read.
    pub fn load<R: Read + Seek>(&self, file: &mut ForeignFile<R>) -> Result<Imported, LayoutError> {
        let projector = self.projector.as_ref().map(|projector| &projector.names);
        let names =
            self.encoder_names.values().chain(projector.into_iter().flat_map(|p| p.values()));
        let infos = names.filter_map(|name| file.contents().tensors.get(name));
        let bytes = infos.fold(0_u64, |sum, info| sum.saturating_add(info.bytes()));
        if bytes > file.bytes().saturating_add(SLACK_BYTES) {
            return Err(LayoutError::Shared { bytes, file_bytes: file.bytes() });
        }
        let mut load = |names: &BTreeMap<String, String>| -> Result<Tensors, LayoutError> {
            let mut tensors = Tensors::new();
            for (ours, theirs) in names {
                let name = || theirs.clone();
                let array = file
                    .read(theirs)
                    .map_err(|source| LayoutError::Read { name: name(), source })?
                    .into_f32()
                    .map_err(|source| LayoutError::Convert { name: name(), source })?;
                tensors.insert(ours.clone(), array);
            }
            Ok(tensors)
        };
        Ok(Imported {
            encoder: load(&self.encoder_names)?,
            projector: projector.map(load).transpose()?,
        })
    }
}

/// The most differences that a message lists.
const MAX_LISTED: usize = 8;

fn listed(problems: &[Problem]) -> String {
    let mut text: Vec<String> = problems.iter().take(MAX_LISTED).map(ToString::to_string).collect();
    if problems.len() > MAX_LISTED {
        text.push(format!("and {} more", problems.len() - MAX_LISTED));
    }
    text.join("; ")
}

fn quoted(prefixes: &[String]) -> String {
    let prefixes: Vec<String> = prefixes.iter().map(|prefix| format!("`{prefix}`")).collect();
    prefixes.join(", ")
}

fn classes(opaque: &[(String, String)]) -> String {
    match opaque.first() {
        Some((name, class)) => {
            format!(
                " (`{name}` is a `{class}`, which only its own program can read: save its `state_dict()`)"
            )
        }
        None => String::new(),
    }
}

#[cfg(test)]
mod tests;
