//! `barlow probe`.

use std::path::PathBuf;

use clap::Args;

use super::encoder::{EncoderChoice, EncoderOptions};
use super::options::collect;
use crate::settings::{CheckedOptions, SettingsProblems};

/// Arguments of `barlow probe`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Protocols, each on the frozen encoder:
  fast   features of centre crops, standardised on the training set; L-BFGS, its decay chosen
         among 1e-1 to 1e-6 on a held-out tenth of the training set, then trained on all of it
  sgd    the same features; SGD at 0.1 along a cosine, momentum 0.9, 30 epochs, batches of 256
  paper  random crops and mirror images through the encoder; SGD at 0.3 along a cosine,
         momentum 0.9, weight decay 1e-6, 100 epochs, batches of 256 (official evaluate.py)
--multi-label (as --train voc:VOC2007 --test voc:VOC2007:test): a linear SVM a class on features of
length 1, its cost chosen by three-fold cross-validation, and mean average precision, as VISSL on
VOC07. Several pairs of --train and --test make one table.

Example: barlow probe --weights run/encoder.safetensors --train photos --test more")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct ProbeArguments {
    /// Labelled images to learn from: a source, as for `barlow pretrain --data`; with --multi-label
    /// `voc:DIR[:SPLIT]`, or a .csv or .jsonl list with several labels an image
    #[arg(long, value_name = "SRC", required = true)]
    pub train: Vec<String>,
    /// Labelled images that are judged, one for each --train
    #[arg(long, value_name = "SRC", required = true)]
    pub test: Vec<String>,
    /// fast, sgd or paper [default: fast]
    #[arg(long, value_name = "NAME", conflicts_with = "multi_label")]
    pub protocol: Option<String>,
    /// Images may have several labels
    #[arg(long)]
    pub multi_label: bool,
    /// Passes over the images; not of fast [default: of the protocol]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub epochs: Option<String>,
    /// Rate at the beginning; not of fast [default: of the protocol]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub learning_rate: Option<String>,
    /// Pull of the classifier's weights towards 0; of fast the only one tried [default: of the
    /// protocol]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub weight_decay: Option<String>,
    /// Decides the images held out, order, views and first weights [default: 0]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub seed: Option<String>,
    /// Folder for the classifier and its scores; of one pair only [default: none; paper: the first
    /// free runs/probe-NNN]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// paper: go on where the folder of `--out` stands
    #[arg(long, requires = "out", conflicts_with = "overwrite")]
    pub resume: bool,
    /// Replace what an earlier probe left in the folder of `--out`
    #[arg(long, requires = "out")]
    pub overwrite: bool,
    /// Print the result as one JSON document on stdout
    #[arg(long)]
    pub json: bool,
    /// Which encoder.
    #[command(flatten)]
    pub encoder: EncoderOptions,
}

/// How the classifier is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeProtocol {
    /// L-BFGS on cached representations.
    Fast,
    /// SGD on cached representations.
    Sgd,
    /// The paper's.
    Paper,
    /// Several labels an image: an SVM a class.
    MultiLabel,
}

/// What [`ProbeArguments`] ask for, judged.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeChoice {
    /// Which encoder.
    pub encoder: EncoderChoice,
    /// How the classifier is trained.
    pub protocol: ProbeProtocol,
    /// Passes over the images.
    pub epochs: Option<usize>,
    /// Rate at the beginning.
    pub learning_rate: Option<f64>,
    /// Pull of the weights towards 0.
    pub weight_decay: Option<f64>,
    /// Decides the images held out, order, views and first weights.
    pub seed: u64,
}

impl ProbeArguments {
    /// Judges what was typed.
    ///
    /// # Errors
    /// If any value is wrong; the error lists all of them.
    pub fn check(&self) -> Result<ProbeChoice, SettingsProblems> {
        let mut options = collect([
            ("--protocol", "linear.protocol", &self.protocol),
            ("--epochs", "linear.epochs", &self.epochs),
            ("--learning-rate", "linear.learning_rate", &self.learning_rate),
            ("--weight-decay", "linear.weight_decay", &self.weight_decay),
            ("--seed", "train.seed", &self.seed),
        ]);
        if !self.multi_label {
            let sources = self.train.iter().map(|spec| ("--train", "probe.train", spec));
            let sources = sources.chain(self.test.iter().map(|s| ("--test", "probe.test", s)));
            for (flag, key, spec) in sources {
                options.extend(collect([(flag, key, &Some(spec.clone()))]));
            }
        }
        options.extend(self.encoder.typed());
        let given = CheckedOptions::check(&options)?;
        let protocol = match given.text("linear.protocol") {
            _ if self.multi_label => ProbeProtocol::MultiLabel,
            Some("sgd") => ProbeProtocol::Sgd,
            Some("paper") => ProbeProtocol::Paper,
            _ => ProbeProtocol::Fast,
        };
        Ok(ProbeChoice {
            encoder: self.encoder.choice(&given),
            protocol,
            epochs: given.size("linear.epochs"),
            learning_rate: given.number("linear.learning_rate"),
            weight_decay: given.number("linear.weight_decay"),
            seed: given.size("train.seed").unwrap_or(0) as u64,
        })
    }
}
