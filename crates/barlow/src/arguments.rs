//! Arguments as typed: the grammar of the command line, and nothing about what values mean.
//!
//! Whatever stands for a configuration key stays text here and is judged by
//! [`settings`](crate::settings), so that all mistakes are reported together and in the same words
//! wherever they were made. Mistakes of grammar are clap's to report; it exits with 2.

mod compare;
mod data;
mod doctor;
mod embed;
mod encoder;
mod export;
mod finetune;
mod indices;
mod inspect;
mod knn;
mod options;
mod pretrain;
mod probe;
mod views;

use clap::{Parser, Subcommand};

pub use compare::CompareArguments;
pub use data::DataArguments;
pub use doctor::DoctorArguments;
pub use embed::EmbedArguments;
pub use encoder::{EncoderChoice, EncoderOptions};
pub use export::{ExportArguments, ExportFormat, ImportArguments, ImportChoice};
pub use finetune::{FinetuneArguments, FinetuneChoice};
pub use indices::{Indices, IndicesError};
pub use inspect::{InspectArguments, InspectChoice};
pub use knn::{KnnArguments, KnnChoice};
pub use options::{ComputeOptions, ConfigurationOptions, FrequentOptions};
pub use pretrain::PretrainArguments;
pub use probe::{ProbeArguments, ProbeChoice, ProbeProtocol};
pub use views::ViewsArguments;

/// Learn image encoders from unlabelled images, by Barlow Twins
#[derive(Debug, Parser)]
#[command(
    name = "barlow",
    version,
    propagate_version = true,
    after_help = "\
Start with no argument but the command: built-in images, minutes on two cores.

Example: barlow pretrain"
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train an encoder on unlabelled images
    Pretrain(Box<PretrainArguments>),
    /// Train every arm of a study with several seeds, and leave a table and a plot
    Compare(Box<CompareArguments>),
    /// Judge an encoder by its nearest neighbours, on labelled images
    Knn(Box<KnnArguments>),
    /// Write the representation of every image to a file
    Embed(Box<EmbedArguments>),
    /// Judge an encoder by a linear classifier, on one labelled set or several
    Probe(Box<ProbeArguments>),
    /// Train encoder and classifier on labelled images
    Finetune(Box<FinetuneArguments>),
    /// Say how healthy a representation is: spectrum, rank, redundancy, information
    Inspect(Box<InspectArguments>),
    /// Write an encoder for other programs: ONNX, safetensors, PyTorch
    Export(Box<ExportArguments>),
    /// Read an encoder of another program
    Import(Box<ImportArguments>),
    /// Draw a contact sheet of what training will see
    Views(Box<ViewsArguments>),
    /// Say what is in a source, what is broken, and what pretrain would choose
    Data(Box<DataArguments>),
    /// Show devices, processor, memory and versions
    Doctor(DoctorArguments),
}

#[cfg(test)]
mod tests;
