//! `barlow pretrain`.

use std::path::PathBuf;

use clap::Args;

use super::options::{ComputeOptions, ConfigurationOptions, FrequentOptions, collect};
use crate::settings::TypedSettings;

/// Arguments of `barlow pretrain`.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = "Example: barlow pretrain --data synthetic:2000 --out run")]
pub struct PretrainArguments {
    /// The images.
    #[arg(
        long,
        value_name = "SRC",
        help = "Images: a directory, a list file (.txt, .csv, .jsonl), tar shards \
                (PATH/{000..099}.tar), fashion-mnist[:train|:test], idx:IMAGES[,LABELS], \
                cifar10:DIR[:train|:test], cifar100:DIR[:train|:test], mix:WEIGHT*SRC,WEIGHT*SRC, \
                synthetic[:N[:SEED]] or tinted[:N[:SEED]] [default: built-in synthetic images]"
    )]
    pub data: Option<String>,
    /// Where the run is written [default: the first free runs/PRESET-NNN]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Go on with the run in --out
    #[arg(long, conflicts_with = "overwrite")]
    pub resume: bool,
    /// Replace the run in --out
    #[arg(long)]
    pub overwrite: bool,
    /// Print a summary as one JSON document on stdout
    #[arg(long)]
    pub json: bool,
    /// Preset, file, single keys.
    #[command(flatten)]
    pub configuration: ConfigurationOptions,
    /// Frequent keys.
    #[command(flatten)]
    pub frequent: FrequentOptions,
    /// How to run the encoder.
    #[command(flatten)]
    pub compute: ComputeOptions,
}

impl PretrainArguments {
    /// What was typed about the settings.
    pub fn typed(&self) -> TypedSettings {
        let mut options = collect([("--data", "data.source", &self.data)]);
        options.extend(self.frequent.typed());
        options.extend(self.compute.typed());
        self.configuration.typed(options)
    }
}
