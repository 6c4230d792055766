//! `barlow embed`.

use std::path::PathBuf;

use clap::Args;

use super::encoder::{EncoderChoice, EncoderOptions};
use super::options::collect;
use crate::settings::{CheckedOptions, SettingsProblems};

/// Arguments of `barlow embed`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
A run that was cut off goes on where it stood when the same command is given again.

Example: barlow embed --weights run/encoder.safetensors --data photos --out photos.parquet")]
pub struct EmbedArguments {
    /// Images: a source, as for `barlow pretrain --data`
    #[arg(long, value_name = "SRC")]
    pub data: String,
    /// Where the representations go: a .parquet, .npy, .safetensors or .csv file
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Replace that file, and what other weights, images or options began there
    #[arg(long)]
    pub overwrite: bool,
    /// Print what was done as one JSON document on stdout
    #[arg(long)]
    pub json: bool,
    /// Which encoder.
    #[command(flatten)]
    pub encoder: EncoderOptions,
}

impl EmbedArguments {
    /// Judges what was typed.
    ///
    /// # Errors
    /// If any value is wrong; the error lists all of them.
    pub fn check(&self) -> Result<EncoderChoice, SettingsProblems> {
        let mut options = collect([("--data", "data.source", &Some(self.data.clone()))]);
        options.extend(self.encoder.typed());
        Ok(self.encoder.choice(&CheckedOptions::check(&options)?))
    }
}
