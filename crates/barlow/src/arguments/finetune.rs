//! `barlow finetune`.

use std::path::PathBuf;

use barlow_train::finetune::Decay;
use clap::Args;

use super::encoder::{EncoderChoice, EncoderOptions};
use super::options::collect;
use crate::settings::{CheckedOptions, SettingsProblems};

/// Arguments of `barlow finetune`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Defaults are those of the official code (evaluate.py and README): SGD with momentum 0.9, 20 epochs,
batches of 256, rates 0.005 and 0.5 along half a cosine, no weight decay; random crop and mirror
image. From scratch the encoder's rate is 0.1.

Example: barlow finetune --weights run/encoder.safetensors --train photos --test more --percent 10")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct FinetuneArguments {
    /// Labelled images to train on: a source, as for `barlow pretrain --data`
    #[arg(long, value_name = "SRC")]
    pub train: String,
    /// Labelled images that are judged
    #[arg(long, value_name = "SRC")]
    pub test: String,
    /// Share of each class's images that is trained on, at least one image a class [default: 100]
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub percent: Option<String>,
    /// Passes over these images [default: 20]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub epochs: Option<String>,
    /// Rate of the encoder at the beginning [default: 0.005; 0.002 with --schedule paper; 0.1 from scratch]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub encoder_learning_rate: Option<String>,
    /// Rate of the classifier at the beginning [default: 0.5]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub classifier_learning_rate: Option<String>,
    /// Pull of everything that is trained towards 0 [default: 0]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub weight_decay: Option<String>,
    /// cosine, or the paper's: a fifth after 12 of 20 epochs and again after 16 [default: cosine]
    #[arg(long, value_name = "NAME")]
    pub schedule: Option<String>,
    /// Decides which images, their order, views and first weights [default: 0]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub seed: Option<String>,
    /// Begin with first weights instead of the trained ones: the baseline
    #[arg(long)]
    pub from_scratch: bool,
    /// Folder of the result: encoder, classifier, list of images, scores [default: the first free
    /// runs/finetune-NNN]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Go on where the folder of `--out` stands
    #[arg(long, requires = "out", conflicts_with = "overwrite")]
    pub resume: bool,
    /// Replace what an earlier run left in the folder of `--out`
    #[arg(long, requires = "out")]
    pub overwrite: bool,
    /// Print the result as one JSON document on stdout
    #[arg(long)]
    pub json: bool,
    /// Which encoder.
    #[command(flatten)]
    pub encoder: EncoderOptions,
}

/// What [`FinetuneArguments`] ask for, judged.
#[derive(Debug, Clone, PartialEq)]
pub struct FinetuneChoice {
    /// Which encoder.
    pub encoder: EncoderChoice,
    /// Share of each class's images, percent.
    pub percent: f64,
    /// Passes over these images.
    pub epochs: u64,
    /// Images in a step.
    pub batch_size: usize,
    /// Rate of the encoder at the beginning.
    pub encoder_learning_rate: f64,
    /// Rate of the classifier at the beginning.
    pub classifier_learning_rate: f64,
    /// Pull of everything that is trained towards 0.
    pub weight_decay: f64,
    /// How the rates fall.
    pub decay: Decay,
    /// Decides which images, their order, views and first weights.
    pub seed: u64,
    /// Whether the encoder stays as it is: the paper's linear probe.
    pub is_frozen: bool,
    /// Whether the encoder begins with first weights.
    pub from_scratch: bool,
}

impl FinetuneArguments {
    /// Judges what was typed.
    ///
    /// # Errors
    /// If any value is wrong; the error lists all of them.
    pub fn check(&self) -> Result<FinetuneChoice, SettingsProblems> {
        let mut options = collect([
            ("--train", "probe.train", &Some(self.train.clone())),
            ("--test", "probe.test", &Some(self.test.clone())),
            ("--percent", "finetune.percent", &self.percent),
            ("--epochs", "finetune.epochs", &self.epochs),
            (
                "--encoder-learning-rate",
                "finetune.encoder_learning_rate",
                &self.encoder_learning_rate,
            ),
            (
                "--classifier-learning-rate",
                "finetune.classifier_learning_rate",
                &self.classifier_learning_rate,
            ),
            ("--weight-decay", "finetune.weight_decay", &self.weight_decay),
            ("--schedule", "finetune.schedule", &self.schedule),
            ("--seed", "train.seed", &self.seed),
        ]);
        options.extend(self.encoder.typed());
        let given = CheckedOptions::check(&options)?;
        let encoder = self.encoder.choice(&given);
        let epochs = given.size("finetune.epochs").unwrap_or(20) as u64;
        let is_paper = given.text("finetune.schedule") == Some("paper");
        // Of 20 epochs: after 12 and after 16.
        let decay = if is_paper {
            let first = (epochs * 3 / 5).max(1);
            Decay::Steps { after: vec![first, (epochs * 4 / 5).max(first + 1)], factor: 0.2 }
        } else {
            Decay::Cosine
        };
        let encoder_rate = match (self.from_scratch, is_paper) {
            (true, _) => 0.1,
            (false, true) => 0.002,
            (false, false) => 0.005,
        };
        Ok(FinetuneChoice {
            percent: given.number("finetune.percent").unwrap_or(100.0),
            epochs,
            batch_size: encoder.batch_size.unwrap_or(256),
            encoder_learning_rate: given
                .number("finetune.encoder_learning_rate")
                .unwrap_or(encoder_rate),
            classifier_learning_rate: given
                .number("finetune.classifier_learning_rate")
                .unwrap_or(0.5),
            weight_decay: given.number("finetune.weight_decay").unwrap_or(0.0),
            decay,
            seed: given.size("train.seed").unwrap_or(0) as u64,
            is_frozen: false,
            from_scratch: self.from_scratch,
            encoder,
        })
    }
}
