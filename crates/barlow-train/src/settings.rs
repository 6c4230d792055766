//! The resolved settings of a run: every value stated, nothing optional left.
//!
//! One struct for each top table of `config.toml`, which is this tree written out. The default of
//! each value lives here, once, with its source; presets and options state differences. Texts are
//! parsed and ranges checked before a value of these types exists; the trainer trusts them.

mod data;

use barlow_nn::{EncoderConfig, EncoderName, ProjectorConfig, Stem};
use barlow_objectives::ObjectiveConfig;
use serde::{Deserialize, Serialize};

pub use data::{Auto, ChannelValues, DataSettings, FileSettings, RangeKind, ViewsSettings};

/// Everything that decides a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Which images.
    pub data: DataSettings,
    /// What is done to them.
    pub views: ViewsSettings,
    /// The network that is kept.
    pub encoder: EncoderSettings,
    /// The network that is thrown away.
    pub projector: ProjectorConfig,
    /// The loss.
    pub objective: ObjectiveConfig,
    /// How gradients become updates.
    pub optimizer: OptimizerSettings,
    /// How long, and at what rate when.
    pub schedule: ScheduleSettings,
    /// Batch, seed, device.
    pub train: TrainSettings,
    /// k-NN along the way.
    pub probe: ProbeSettings,
    /// When the run is saved.
    pub checkpoint: CheckpointSettings,
}

/// `[encoder]`: the network that is kept; its input channels are `data.channels`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderSettings {
    /// Which one.
    pub name: EncoderName,
    /// Channels of the first stage; 64 is torchvision's.
    pub width: usize,
    /// How the image enters.
    pub stem: Stem,
    /// Whether each residual branch starts at zero.
    pub zero_init_residual: bool,
    /// File of the weights that training begins with; empty for first weights under the seed.
    pub init: String,
}

impl Default for EncoderSettings {
    fn default() -> Self {
        let EncoderConfig { name, width, stem, zero_init_residual, .. } = EncoderConfig::default();
        Self { name, width, stem, zero_init_residual, init: String::new() }
    }
}

impl EncoderSettings {
    /// The encoder for images of so many channels.
    pub fn config(&self, channels: usize) -> EncoderConfig {
        let Self { name, width, stem, zero_init_residual, .. } = *self;
        EncoderConfig { name, width, stem, channels, zero_init_residual }
    }
}

/// Optimizers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerName {
    /// Layer-wise adaptive rates (You et al., 2017), as the official code.
    Lars,
    /// Stochastic gradient descent with momentum.
    Sgd,
    /// Adam with decoupled weight decay.
    AdamW,
}

/// `[optimizer]`: how gradients become updates. Rates are for 256 images and scale with the batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerSettings {
    /// Which one.
    pub name: OptimizerName,
    /// Base rate of weights.
    pub base_learning_rate: f64,
    /// Base rate of tensors with one dimension: biases and norms.
    pub base_learning_rate_biases: f64,
    /// Share of the last update that is kept (LARS, SGD).
    pub momentum: f64,
    /// Pull of weights towards 0; biases and norms have none.
    pub weight_decay: f64,
    /// η of LARS.
    pub trust_coefficient: f64,
    /// Whether LARS's step of a layer is held below its plain rate (solo-learn's clipping).
    pub clip_trust_ratio: bool,
}

impl Default for OptimizerSettings {
    /// Official main.py: LARS 0.2 and 0.0048, momentum 0.9, weight decay 1e-6, η 0.001.
    fn default() -> Self {
        Self {
            name: OptimizerName::Lars,
            base_learning_rate: 0.2,
            base_learning_rate_biases: 0.0048,
            momentum: 0.9,
            weight_decay: 1e-6,
            trust_coefficient: 0.001,
            clip_trust_ratio: false,
        }
    }
}

/// `[schedule]`: how long, and at what rate when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleSettings {
    /// Passes over the images.
    pub epochs: u64,
    /// Epochs over which the rate rises from 0; at most a tenth of the run, at least one epoch,
    /// unless 0.
    pub warmup_epochs: u64,
    /// The last rate as a share of the highest.
    pub final_fraction: f64,
}

impl Default for ScheduleSettings {
    /// Official main.py.
    fn default() -> Self {
        Self { epochs: 1000, warmup_epochs: 10, final_fraction: 0.001 }
    }
}

/// `[train]`: batch, seed, device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainSettings {
    /// Images in an optimizer step, over all ranks.
    pub batch_size: usize,
    /// Decides first weights, sample order and views.
    pub seed: u64,
    /// Where to compute: `auto`, `cpu`, or a device this program was built for (`cuda:0`).
    pub device: String,
    /// Precision of activations and products: `auto`, `f32` or `bf16`.
    pub precision: String,
    /// So many skipped steps in a row (their loss or gradient was not finite) end the run.
    pub max_skipped_steps: u32,
    /// A step is printed and recorded every so many steps.
    pub log_every_steps: u64,
}

impl Default for TrainSettings {
    /// Batch: official main.py.
    fn default() -> Self {
        Self {
            batch_size: 2048,
            seed: 0,
            device: "auto".to_owned(),
            precision: "auto".to_owned(),
            max_skipped_steps: 3,
            log_every_steps: 1,
        }
    }
}

/// `[probe]`: k-NN accuracy of the representation along the way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeSettings {
    /// Labelled source of the bank; empty for the training images, if they have labels.
    pub train: String,
    /// Labelled source of the queries; empty to hold a seeded tenth of the bank out.
    pub test: String,
    /// Neighbours that vote.
    pub k: usize,
    /// Temperature of their votes.
    pub temperature: f64,
    /// After every so many epochs, and after the last; 0 for never.
    pub every_epochs: u64,
    /// At most so many images of either source, a seeded sample; 0 for all.
    pub max_images: usize,
}

impl Default for ProbeSettings {
    /// k and temperature as in the k-NN protocol of Wu et al. (2018) with DINO's k of 20.
    fn default() -> Self {
        Self {
            train: String::new(),
            test: String::new(),
            k: 20,
            temperature: 0.07,
            every_epochs: 1,
            max_images: 10_000,
        }
    }
}

/// `[checkpoint]`: when the run is saved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointSettings {
    /// After every so many steps; 0 for each epoch or ten minutes, whichever comes first.
    pub every_steps: u64,
}

#[expect(clippy::derivable_impls, reason = "each default is stated where a reader looks for it")]
impl Default for CheckpointSettings {
    fn default() -> Self {
        Self { every_steps: 0 }
    }
}
