//! `barlow knn`.

use std::path::PathBuf;

use barlow_train::settings::{ProbeSettings, TrainSettings};
use clap::Args;

use super::options::{ComputeOptions, collect};
use crate::settings::{CheckedOptions, SettingsProblems};

/// Arguments of `barlow knn`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example: barlow knn --weights run/encoder.safetensors --train synthetic \
    --test synthetic:500:1")]
pub struct KnnArguments {
    /// The encoder: a run's encoder.safetensors
    #[arg(long, value_name = "FILE")]
    pub weights: PathBuf,
    /// Labelled images whose labels vote: a source, as for `barlow pretrain --data`
    #[arg(long, value_name = "SRC")]
    pub train: String,
    /// Labelled images that are judged
    #[arg(long, value_name = "SRC")]
    pub test: String,
    /// Neighbours that vote, 1 or more [default: 20]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub k: Option<String>,
    /// Temperature of the votes, 0.001 or more [default: 0.07]
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    pub temperature: Option<String>,
    /// Shorter side before the centre crop, pixels [default: the image size]
    #[arg(long, value_name = "PX", allow_negative_numbers = true)]
    pub resize: Option<String>,
    /// The first so many images of either source; 0 for all [default: 0]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub max_images: Option<String>,
    /// Print the result as one JSON document on stdout
    #[arg(long)]
    pub json: bool,
    /// How to run the encoder.
    #[command(flatten)]
    pub compute: ComputeOptions,
}

/// What [`KnnArguments`] ask for, judged.
#[derive(Debug, Clone, PartialEq)]
pub struct KnnSettings {
    /// The encoder's file.
    pub weights: PathBuf,
    /// Source of the images that vote.
    pub train: String,
    /// Source of the images that are judged.
    pub test: String,
    /// Neighbours that vote.
    pub k: usize,
    /// Temperature of the votes.
    pub temperature: f64,
    /// Side of the images, pixels; none to take what the weights' file says.
    pub image_size: Option<usize>,
    /// Shorter side before the centre crop, pixels; none for the image size.
    pub resize: Option<usize>,
    /// The first so many images of either source; 0 for all.
    pub max_images: usize,
    /// Images that are computed together.
    pub batch_size: usize,
    /// Where to compute, as [`DeviceChoice`](crate::devices::DeviceChoice) parses it.
    pub device: String,
    /// Precision of activations: `auto` or `f32`.
    pub precision: String,
    /// Threads that decode; 0 for one a core.
    pub workers: usize,
}

impl KnnArguments {
    /// The fewest images that keep a processor busy; results do not depend on it.
    const BATCH_SIZE: usize = 256;

    /// Judges what was typed; k and temperature default to those along a training run.
    ///
    /// # Errors
    /// If any value is wrong; the error lists all of them.
    pub fn check(&self) -> Result<KnnSettings, SettingsProblems> {
        let mut options = collect([
            ("--train", "probe.train", &Some(self.train.clone())),
            ("--test", "probe.test", &Some(self.test.clone())),
            ("--k", "probe.k", &self.k),
            ("--temperature", "probe.temperature", &self.temperature),
            ("--resize", "views.resize", &self.resize),
            ("--max-images", "probe.max_images", &self.max_images),
        ]);
        options.extend(self.compute.typed());
        let given = CheckedOptions::check(&options)?;
        let (probe, train) = (ProbeSettings::default(), TrainSettings::default());
        let text = |key, default| given.text(key).map_or(default, str::to_owned);
        Ok(KnnSettings {
            weights: self.weights.clone(),
            train: self.train.clone(),
            test: self.test.clone(),
            k: given.size("probe.k").unwrap_or(probe.k),
            temperature: given.number("probe.temperature").unwrap_or(probe.temperature),
            image_size: given.size("views.image_size"),
            resize: given.size("views.resize").filter(|&side| side > 0),
            max_images: given.size("probe.max_images").unwrap_or(0),
            batch_size: given.size("train.batch_size").unwrap_or(Self::BATCH_SIZE),
            device: text("train.device", train.device),
            precision: text("train.precision", train.precision),
            workers: given.size("data.workers").unwrap_or(0),
        })
    }
}
