//! Options that several commands share.

use std::path::PathBuf;

use clap::Args;

use crate::settings::{TypedOption, TypedSettings};

/// Which configuration: preset, file, single keys.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Configuration")]
pub struct ConfigurationOptions {
    /// Named configuration: quick, fashion-mnist, small-data, cifar, imagenet-300, imagenet, or the
    /// published recipe of another objective: cifar-simclr, cifar-byol, ..., imagenet-directclr
    /// [default: chosen by the images]
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// Configuration file (TOML); a run's config.toml repeats the run
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Set any key, as in `--set optimizer.momentum=0.95`; options and --set go before the file,
    /// the file before the preset
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl ConfigurationOptions {
    pub(super) fn typed(&self, options: Vec<TypedOption>) -> TypedSettings {
        TypedSettings {
            preset: self.preset.clone(),
            config: self.config.clone(),
            options,
            set: self.set.clone(),
        }
    }
}

/// Keys that are asked for often, apart from [`ComputeOptions`].
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Frequent keys")]
pub struct FrequentOptions {
    /// Passes over the images, 1 or more [key: `schedule.epochs`]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub epochs: Option<String>,
    /// resnet18, resnet34, resnet50, resnet101 or resnet152 (also called backbone)
    /// [key: `encoder.name`]
    #[arg(long, value_name = "NAME")]
    pub encoder: Option<String>,
    /// Channels of the encoder's first stage; 64 is torchvision's [key: `encoder.width`]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub width: Option<String>,
    /// File of the weights that training begins with, of any kind that `barlow import` reads
    /// [key: `encoder.init`]
    #[arg(long, value_name = "FILE")]
    pub init: Option<String>,
    /// Widths of the projector's layers, as 2048-2048-2048 [key: `projector.widths`]
    #[arg(long, value_name = "WIDTHS", allow_negative_numbers = true)]
    pub projector: Option<String>,
    /// The loss, with its recipe: barlow-twins, simclr, byol, vicreg, ... (docs/methods lists all)
    /// [key: `objective.name`]
    #[arg(long, value_name = "NAME")]
    pub objective: Option<String>,
    /// Weight of the redundancy-reduction term of Barlow Twins, its mixed form and HSIC, 0 or more
    /// [key: `objective.lambda`]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub lambda: Option<String>,
    /// Decides first weights, sample order and views, 0 or more [key: `train.seed`]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub seed: Option<String>,
    /// Labelled images whose labels vote in k-NN along the way [key: `probe.train`]
    #[arg(long, value_name = "SRC")]
    pub probe_train: Option<String>,
    /// Labelled images that k-NN judges along the way [key: `probe.test`]
    #[arg(long, value_name = "SRC")]
    pub probe_test: Option<String>,
}

impl FrequentOptions {
    pub(super) fn typed(&self) -> Vec<TypedOption> {
        collect([
            ("--epochs", "schedule.epochs", &self.epochs),
            ("--encoder", "encoder.name", &self.encoder),
            ("--width", "encoder.width", &self.width),
            ("--init", "encoder.init", &self.init),
            ("--projector", "projector.widths", &self.projector),
            ("--objective", "objective.name", &self.objective),
            ("--lambda", "objective.lambda", &self.lambda),
            ("--seed", "train.seed", &self.seed),
            ("--probe-train", "probe.train", &self.probe_train),
            ("--probe-test", "probe.test", &self.probe_test),
        ])
    }
}

/// How to run an encoder, on every command that runs one.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Computing")]
pub struct ComputeOptions {
    /// Side of the images that the encoder sees, pixels, 8 to 16384 [key: `views.image_size`]
    #[arg(long, value_name = "PX", allow_negative_numbers = true)]
    pub image_size: Option<String>,
    /// Images that are computed together, 2 or more [key: `train.batch_size`]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub batch_size: Option<String>,
    /// auto, cpu, or a device this program was built for, as cuda:0 [key: `train.device`]
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// auto, f32 or bf16; auto takes bf16 where it is the faster [key: `train.precision`]
    #[arg(long, value_name = "NAME")]
    pub precision: Option<String>,
    /// Threads that decode images; 0 for one a core; does not change results [key: `data.workers`]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub workers: Option<String>,
}

impl ComputeOptions {
    pub(super) fn typed(&self) -> Vec<TypedOption> {
        collect([
            ("--image-size", "views.image_size", &self.image_size),
            ("--batch-size", "train.batch_size", &self.batch_size),
            ("--device", "train.device", &self.device),
            ("--precision", "train.precision", &self.precision),
            ("--workers", "data.workers", &self.workers),
        ])
    }
}

/// The options that were given.
pub(super) fn collect<'a>(
    options: impl IntoIterator<Item = (&'static str, &'static str, &'a Option<String>)>,
) -> Vec<TypedOption> {
    let given = |(flag, key, value): (_, _, &Option<String>)| {
        value.clone().map(|value| TypedOption { flag, key, value })
    };
    options.into_iter().filter_map(given).collect()
}
