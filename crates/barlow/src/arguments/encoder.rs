//! Which encoder, and how it sees images: options of every command that runs a trained one.

use std::path::PathBuf;

use barlow_train::settings::TrainSettings;
use clap::Args;

use super::options::{ComputeOptions, collect};
use crate::settings::{CheckedOptions, TypedOption};

/// Options of every command that runs a trained encoder.
#[derive(Debug, Clone, Args)]
pub struct EncoderOptions {
    /// The encoder: a run's encoder.safetensors, or a ResNet of torchvision, timm, lightly,
    /// solo-learn or the official code, as .safetensors or .pth
    #[arg(long, value_name = "FILE", display_order = 0)]
    pub weights: PathBuf,
    /// Shorter side before the centre crop, pixels [default: the image size]
    #[arg(long, value_name = "PX", allow_negative_numbers = true)]
    pub resize: Option<String>,
    /// The first so many images of each source; 0 for all [default: 0]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub max_images: Option<String>,
    /// How to run the encoder.
    #[command(flatten)]
    pub compute: ComputeOptions,
}

/// What [`EncoderOptions`] ask for, judged.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderChoice {
    /// The encoder's file.
    pub weights: PathBuf,
    /// Side of the images, pixels; none to take what the weights' file says.
    pub image_size: Option<usize>,
    /// Shorter side before the centre crop, pixels; none for the image size.
    pub resize: Option<usize>,
    /// The first so many images of each source; 0 for all, none where it was not given.
    pub max_images: Option<usize>,
    /// Images that are computed together, if given.
    pub batch_size: Option<usize>,
    /// Where to compute, as [`DeviceChoice`](crate::devices::DeviceChoice) parses it.
    pub device: String,
    /// Precision of activations: `auto`, `f32` or `bf16`.
    pub precision: String,
    /// Threads that decode; 0 for one a core.
    pub workers: usize,
}

impl EncoderOptions {
    pub(super) fn typed(&self) -> Vec<TypedOption> {
        let mut options = collect([
            ("--resize", "views.resize", &self.resize),
            ("--max-images", "probe.max_images", &self.max_images),
        ]);
        options.extend(self.compute.typed());
        options
    }

    pub(super) fn choice(&self, given: &CheckedOptions) -> EncoderChoice {
        let train = TrainSettings::default();
        let text = |key, default| given.text(key).map_or(default, str::to_owned);
        EncoderChoice {
            weights: self.weights.clone(),
            image_size: given.size("views.image_size"),
            resize: given.size("views.resize").filter(|&side| side > 0),
            max_images: given.size("probe.max_images"),
            batch_size: given.size("train.batch_size"),
            device: text("train.device", train.device),
            precision: text("train.precision", train.precision),
            workers: given.size("data.workers").unwrap_or(0),
        }
    }
}
