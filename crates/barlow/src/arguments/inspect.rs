//! `barlow inspect`.

use std::path::PathBuf;

use clap::Args;

use super::encoder::{EncoderChoice, EncoderOptions};
use super::options::collect;
use crate::settings::{CheckedOptions, SettingsProblems};

/// Arguments of `barlow inspect`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
The views are those of the run in whose folder the weights lie, else the official code's.

Example: barlow inspect --weights run/encoder.safetensors --data photos --out inspected")]
pub struct InspectArguments {
    /// Images, no labels needed: a source, as for `barlow pretrain --data`; of more than 4096, so
    /// many by chance, unless `--max-images` says otherwise
    #[arg(long, value_name = "SRC")]
    pub data: String,
    /// Look at the embedding as well, by the projector of the run in whose folder the weights lie
    #[arg(long)]
    pub projector: bool,
    /// Views of each image that are compared, 2 to 64 [default: 4]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub views: Option<String>,
    /// β of the information bottleneck, above 0; only above 1 is it of interest [default: 2]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub beta: Option<String>,
    /// Decides views, and which images [default: 0]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub seed: Option<String>,
    /// Folder for pictures: the cross-correlation matrix, and images beside their five nearest
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Replace pictures that are there
    #[arg(long)]
    pub overwrite: bool,
    /// Print the result as one JSON document on stdout
    #[arg(long)]
    pub json: bool,
    /// Which encoder.
    #[command(flatten)]
    pub encoder: EncoderOptions,
}

/// What [`InspectArguments`] ask for, judged.
#[derive(Debug, Clone, PartialEq)]
pub struct InspectChoice {
    /// Which encoder.
    pub encoder: EncoderChoice,
    /// Views of each image.
    pub views: usize,
    /// β of the information bottleneck.
    pub beta: f64,
    /// Decides views, and which images.
    pub seed: u64,
}

impl InspectArguments {
    /// Judges what was typed.
    ///
    /// # Errors
    /// If any value is wrong; the error lists all of them.
    pub fn check(&self) -> Result<InspectChoice, SettingsProblems> {
        let mut options = collect([
            ("--data", "data.source", &Some(self.data.clone())),
            ("--views", "inspect.views", &self.views),
            ("--beta", "inspect.beta", &self.beta),
            ("--seed", "train.seed", &self.seed),
        ]);
        options.extend(self.encoder.typed());
        let given = CheckedOptions::check(&options)?;
        Ok(InspectChoice {
            encoder: self.encoder.choice(&given),
            views: given.size("inspect.views").unwrap_or(4),
            beta: given.number("inspect.beta").unwrap_or(2.0),
            seed: given.size("train.seed").unwrap_or(0) as u64,
        })
    }
}
