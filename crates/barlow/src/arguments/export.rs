//! `barlow export` and `barlow import`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::options::collect;
use crate::settings::{CheckedOptions, SettingsProblems};

/// What an encoder is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// An ONNX model (opset 17)
    Onnx,
    /// Torchvision's names; the form of a run's own encoder
    Safetensors,
    /// A .pth file that `torch.load` reads with `weights_only=True`
    Torch,
}

/// Arguments of `barlow export`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
A model card, encoder.onnx.md, is written beside it.

Example: barlow export --weights run/encoder.safetensors --format onnx --out encoder.onnx")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct ExportArguments {
    /// The encoder: a run's encoder.safetensors, or a file that `barlow import` reads
    #[arg(long, value_name = "FILE")]
    pub weights: PathBuf,
    /// What to write
    #[arg(long, value_enum)]
    pub format: ExportFormat,
    /// Where to write it
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Write the projector as well: that of the run in whose folder the weights lie
    #[arg(long)]
    pub projector: bool,
    /// ONNX: images in every batch; 0 for any number [default: 0]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub batch: Option<String>,
    /// ONNX: take images of any height and width
    #[arg(long)]
    pub dynamic_size: bool,
    /// ONNX: multiply batch norms into the convolutions before them
    #[arg(long)]
    pub fold_batch_norm: bool,
    /// ONNX: take values 0..1 and normalise them in the model
    #[arg(long)]
    pub normalise: bool,
    /// A result for the model card, as `--json` printed it; may be given several times
    #[arg(long = "score", value_name = "FILE.json")]
    pub scores: Vec<PathBuf>,
    /// Replace the files if they are there
    #[arg(long)]
    pub overwrite: bool,
    /// Print what was written as one JSON document on stdout
    #[arg(long)]
    pub json: bool,
}

impl ExportArguments {
    /// Images in every batch, none for any number.
    ///
    /// # Errors
    /// If the number is wrong.
    pub fn check(&self) -> Result<Option<usize>, SettingsProblems> {
        let given = CheckedOptions::check(&collect([("--batch", "export.batch", &self.batch)]))?;
        Ok(given.size("export.batch").filter(|&batch| batch > 0))
    }
}

/// Arguments of `barlow import`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Nothing in a file is ever executed. Read are ResNets of torchvision, timm, the official code (with
its projector), lightly, solo-learn, MoCo and SimSiam.

Example: barlow import resnet50.pth --out resnet50.safetensors")]
pub struct ImportArguments {
    /// A .pth or .safetensors file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Where the encoder goes, a .safetensors file
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Where there are several encoders in the file: what the names of the wanted one begin with
    #[arg(long, value_name = "TEXT")]
    pub prefix: Option<String>,
    /// Side of the images that it was trained on, pixels [default: 224; 32 with a small stem]
    #[arg(long, value_name = "PX", allow_negative_numbers = true)]
    pub image_size: Option<String>,
    /// Shorter side before the centre crop, pixels [default: --image-size, else 256; 32 with a small
    /// stem]
    #[arg(long, value_name = "PX", allow_negative_numbers = true)]
    pub resize: Option<String>,
    /// Subtracted from each channel of values 0..1 [default: ImageNet's]
    #[arg(long, value_name = "NUMBERS", allow_negative_numbers = true)]
    pub mean: Option<String>,
    /// Divides each channel [default: ImageNet's]
    #[arg(long, value_name = "NUMBERS", allow_negative_numbers = true)]
    pub std: Option<String>,
    /// Replace the file if it is there
    #[arg(long)]
    pub overwrite: bool,
    /// Print what was taken and what was left as one JSON document on stdout
    #[arg(long)]
    pub json: bool,
}

/// What [`ImportArguments`] say of the images, judged.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportChoice {
    /// Side of the images, pixels.
    pub image_size: Option<usize>,
    /// Shorter side before the centre crop, pixels.
    pub resize: Option<usize>,
    /// Subtracted from each channel.
    pub mean: Option<Vec<f32>>,
    /// Divides each channel.
    pub std: Option<Vec<f32>>,
}

impl ImportArguments {
    /// Judges what was typed.
    ///
    /// # Errors
    /// If any value is wrong; the error lists all of them.
    pub fn check(&self) -> Result<ImportChoice, SettingsProblems> {
        let options = collect([
            ("--image-size", "views.image_size", &self.image_size),
            ("--resize", "views.resize", &self.resize),
            ("--mean", "views.mean", &self.mean),
            ("--std", "views.std", &self.std),
        ]);
        let given = CheckedOptions::check(&options)?;
        Ok(ImportChoice {
            image_size: given.size("views.image_size"),
            resize: given.size("views.resize").filter(|&side| side > 0),
            mean: given.numbers("views.mean"),
            std: given.numbers("views.std"),
        })
    }
}
