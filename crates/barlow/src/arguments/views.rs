//! `barlow views`.

use std::path::PathBuf;

use clap::Args;

use super::indices::Indices;
use super::options::{ConfigurationOptions, collect};
use crate::settings::TypedSettings;

/// Arguments of `barlow views`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example: barlow views --data synthetic --out views.png")]
pub struct ViewsArguments {
    /// Images, as for `barlow pretrain` [default: built-in synthetic images]
    #[arg(long, value_name = "SRC")]
    pub data: Option<String>,
    /// The contact sheet: each image, then its two views
    #[arg(long, value_name = "FILE.png", required_unless_present_any = ["parameters", "json"])]
    pub out: Option<PathBuf>,
    /// Positions in the epoch's order, from 0, as 3 or 0-9 or 1,5,7-9: exactly the views that
    /// training sees there
    #[arg(long, value_name = "LIST", conflicts_with = "count")]
    pub index: Option<Indices>,
    /// The first so many positions
    #[arg(long, value_name = "N", default_value = "16",
        value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub count: u32,
    /// The epoch, from 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub epoch: u64,
    /// Print what was drawn for every view
    #[arg(long)]
    pub parameters: bool,
    /// Print what was drawn for every view as one JSON document on stdout
    #[arg(long)]
    pub json: bool,
    /// Side of the views, pixels, 8 to 16384 [key: `views.image_size`]
    #[arg(long, value_name = "PX", allow_negative_numbers = true)]
    pub image_size: Option<String>,
    /// Seed of the run whose views to show, 0 or more [key: `train.seed`]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub seed: Option<String>,
    /// Preset, file, single keys.
    #[command(flatten)]
    pub configuration: ConfigurationOptions,
}

impl ViewsArguments {
    /// What was typed about the settings.
    pub fn typed(&self) -> TypedSettings {
        self.configuration.typed(collect([
            ("--data", "data.source", &self.data),
            ("--image-size", "views.image_size", &self.image_size),
            ("--seed", "train.seed", &self.seed),
        ]))
    }

    /// The positions to show.
    pub fn positions(&self) -> Vec<u64> {
        match &self.index {
            Some(indices) => indices.as_slice().to_vec(),
            None => (0..u64::from(self.count)).collect(),
        }
    }
}
