//! An encoder out of any file that is understood: our own, or one of another program.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use barlow_nn::{Encoder, Initializer, ProjectorConfig, Widths, named};
use barlow_train::checkpoint;
use barlow_train::storage::Disk;
use barlow_weights::layout::{Form, Plan};
use barlow_weights::tensor_file::{self, Tensors};
use barlow_weights::{EncoderConfig, EncoderFacts, FACTS_KEY, ForeignFile, Stem};
use burn::tensor::Device;

use crate::exit::Advised;
use crate::images;

/// An encoder and what is known of it.
#[derive(Debug)]
pub(crate) struct WeightsFile {
    /// What the file says of itself, or defaults where another program wrote it.
    pub(crate) facts: EncoderFacts,
    /// Torchvision's names.
    pub(crate) encoder: Tensors,
    /// The projector in the same file, `0.weight` and so on.
    pub(crate) projector: Option<Tensors>,
    /// What was taken, and what was left.
    pub(crate) plan: Plan,
}

impl WeightsFile {
    /// Opens a file; where it holds several encoders, the one whose names begin with `prefix`.
    ///
    /// # Errors
    /// If it cannot be read or holds no encoder of ours.
    pub(crate) fn open(path: &Path, prefix: Option<&str>) -> anyhow::Result<Self> {
        let unusable = || format!("`{}` cannot be used", path.display());
        let mut file = ForeignFile::open(path).with_context(unusable)?;
        let plan = Plan::of(file.contents(), prefix).with_context(unusable)?;
        let facts = match (plan.form, file.contents().metadata.get(FACTS_KEY)) {
            (Form::Barlow, Some(text)) => own_facts(text, &plan).with_context(unusable)?,
            _ => foreign_facts(&plan),
        };
        let imported = plan.load(&mut file).with_context(unusable)?;
        Ok(Self { facts, encoder: imported.encoder, projector: imported.projector, plan })
    }

    /// The encoder on a device.
    ///
    /// # Errors
    /// If the weights are not those of the encoder that the file says it holds.
    pub(crate) fn encoder_on(&self, device: &Device) -> anyhow::Result<Encoder> {
        let encoder = Encoder::new(&self.facts.encoder, &Initializer::new(0, device));
        Ok(named::load(encoder, &self.encoder, "")?)
    }
}

/// What our own file says of itself; nothing is made room for that its tensors do not fill.
fn own_facts(text: &str, plan: &Plan) -> anyhow::Result<EncoderFacts> {
    let facts: EncoderFacts =
        serde_json::from_str(text).context("what it says of itself is not understood")?;
    let zero_init_residual = facts.encoder.zero_init_residual;
    let found = EncoderConfig { zero_init_residual, ..plan.encoder.clone() };
    ensure!(
        facts.encoder == found,
        "it says that it holds {}, and its tensors are {}",
        in_words(&facts.encoder),
        in_words(&found)
    );
    let channels = found.channels;
    let is_finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
    ensure!(
        [&facts.mean, &facts.std].iter().all(|v| v.len() == channels && is_finite(v)),
        "its mean and deviation are not one number for each of {channels} channel(s)"
    );
    Ok(facts)
}

/// What is taken of weights that say nothing of their images: ImageNet's mean and deviation; 224 px
/// out of 256, as torchvision, and 32 px for a small stem.
fn foreign_facts(plan: &Plan) -> EncoderFacts {
    let (mean, std) = images::imagenet(plan.encoder.channels);
    let (image_size, resize) = match plan.encoder.stem {
        Stem::Standard => (224, 256),
        Stem::Small => (32, 32),
    };
    EncoderFacts {
        encoder: plan.encoder.clone(),
        image_size,
        resize,
        mean,
        std,
        files: serde_json::Value::Null,
        objective: format!("unknown ({})", plan.form),
        epoch: plan.epoch.unwrap_or(0),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// Where `import` puts the projector of an encoder's file: `x.safetensors` has
/// `x.projector.safetensors`.
pub(crate) fn projector_beside(path: &Path) -> PathBuf {
    path.with_extension("projector.safetensors")
}

/// The projector that was trained with an encoder: in the file itself, beside it, or in the newest
/// checkpoint of the run that wrote it.
///
/// # Errors
/// If there is none, or the checkpoint is of other weights.
pub(crate) fn projector_of(path: &Path, file: &WeightsFile) -> anyhow::Result<Tensors> {
    if let Some(projector) = &file.projector {
        return Ok(projector.clone());
    }
    let beside = projector_beside(path);
    if beside.exists() {
        let unusable = || format!("`{}` cannot be used", beside.display());
        return Ok(tensor_file::read(&beside).with_context(unusable)?.0);
    }
    let checkpoints = path.parent().unwrap_or(Path::new("")).join("checkpoints");
    let Some(loaded) = checkpoint::load_newest(&Disk, &checkpoints)? else {
        bail!(Advised::new(
            format!("no projector is known for `{}`", path.display()),
            "it is in the checkpoints of the run: name the encoder.safetensors of a run's folder"
        ));
    };
    let below = |prefix: &str| -> Tensors {
        let tensors = loaded.snapshot.tensors.iter();
        let own = tensors.filter_map(|(name, array)| Some((name.strip_prefix(prefix)?, array)));
        own.map(|(name, array)| (name.to_owned(), array.clone())).collect()
    };
    ensure!(
        below("online/encoder.") == file.encoder,
        "the newest checkpoint in `{}` is of other weights than `{}`",
        checkpoints.display(),
        path.display()
    );
    Ok(below("online/projector."))
}

/// The form of a projector, read off its tensors.
///
/// # Errors
/// If they are not a projector's.
pub(crate) fn projector_config(tensors: &Tensors) -> anyhow::Result<ProjectorConfig> {
    let mut linear: Vec<(usize, usize)> = Vec::new();
    for (name, array) in tensors {
        if let ([outputs, _], Some(index)) = (&array.shape[..], name.strip_suffix(".weight")) {
            linear.push((index.parse()?, *outputs));
        }
    }
    linear.sort_unstable();
    let widths: Vec<String> = linear.iter().map(|(_, outputs)| outputs.to_string()).collect();
    let widths: Widths = widths.join("-").parse()?;
    let last = linear.last().map_or(0, |(index, _)| *index);
    let norms =
        || tensors.keys().filter_map(|name| name.strip_suffix(".running_mean")?.parse().ok());
    let is_bias = |(index, _): &(usize, usize)| tensors.contains_key(&format!("{index}.bias"));
    Ok(ProjectorConfig {
        widths,
        batch_norm: norms().any(|index: usize| index < last),
        bias: linear.iter().any(is_bias),
        final_norm: norms().any(|index: usize| index > last),
    })
}

/// An encoder in words: `resnet18, width 16, small stem, 1 channel(s)`.
pub(crate) fn in_words(config: &EncoderConfig) -> String {
    let stem = match config.stem {
        Stem::Standard => "standard",
        Stem::Small => "small",
    };
    let EncoderConfig { name, width, channels, .. } = config;
    format!("{}, width {width}, {stem} stem, {channels} channel(s)", name.as_str())
}
