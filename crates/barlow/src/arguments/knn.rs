//! `barlow knn`.

use barlow_train::settings::ProbeSettings;
use clap::Args;

use super::encoder::{EncoderChoice, EncoderOptions};
use super::options::collect;
use crate::settings::{CheckedOptions, SettingsProblems};

/// Arguments of `barlow knn`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example: barlow knn --weights run/encoder.safetensors --train synthetic \
    --test synthetic:500:1")]
pub struct KnnArguments {
    /// Labelled images whose labels vote: a source, as for `barlow pretrain --data`
    #[arg(long, value_name = "SRC")]
    pub train: String,
    /// Labelled images that are judged [default: those that vote, each by all others]
    #[arg(long, value_name = "SRC")]
    pub test: Option<String>,
    /// Neighbours that vote, 1 or more; several numbers with commas between give several results
    /// [default: 20]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub k: Option<String>,
    /// Temperature of the votes, 0.001 or more [default: 0.07]
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    pub temperature: Option<String>,
    /// Print the result as one JSON document on stdout
    #[arg(long)]
    pub json: bool,
    /// Which encoder.
    #[command(flatten)]
    pub encoder: EncoderOptions,
}

/// What [`KnnArguments`] ask for, judged.
#[derive(Debug, Clone, PartialEq)]
pub struct KnnChoice {
    /// Which encoder.
    pub encoder: EncoderChoice,
    /// Source of the images that vote.
    pub train: String,
    /// Source of the images that are judged; none for those that vote.
    pub test: Option<String>,
    /// Neighbours that vote, at least one number.
    pub ks: Vec<usize>,
    /// Temperature of the votes.
    pub temperature: f64,
}

impl KnnArguments {
    /// Judges what was typed; k and temperature default to those along a training run.
    ///
    /// # Errors
    /// If any value is wrong; the error lists all of them.
    pub fn check(&self) -> Result<KnnChoice, SettingsProblems> {
        let mut options = collect([
            ("--train", "probe.train", &Some(self.train.clone())),
            ("--test", "probe.test", &self.test),
            ("--k", "knn.k", &self.k),
            ("--temperature", "probe.temperature", &self.temperature),
        ]);
        options.extend(self.encoder.typed());
        let given = CheckedOptions::check(&options)?;
        let probe = ProbeSettings::default();
        Ok(KnnChoice {
            encoder: self.encoder.choice(&given),
            train: self.train.clone(),
            test: self.test.clone().filter(|test| *test != self.train),
            ks: given.sizes("knn.k").unwrap_or_else(|| vec![probe.k]),
            temperature: given.number("probe.temperature").unwrap_or(probe.temperature),
        })
    }
}
