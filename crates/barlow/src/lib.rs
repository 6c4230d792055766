//! Self-supervised image encoders by Barlow Twins: the libraries under one name, and the program.
//!
//! The libraries: [`data`] (images in, views out), [`nn`] (encoders), [`objectives`] (Barlow Twins
//! and the seam for others), [`train`] (the loop), [`eval`] (what representations are worth),
//! [`report`] (studies of many runs), [`weights`] (encoders in files). [`ImageEncoder`] embeds images in a few lines. The program
//! is [`run`]: arguments as typed ([`arguments`]), settings as resolved ([`settings`]), then one of
//! [`commands`].

pub mod arguments;
mod classified;
pub mod commands;
pub mod devices;
pub mod doctor;
mod embeddings;
pub mod exit;
mod frozen;
mod image_encoder;
mod images;
mod model_card;
pub mod presets;
pub mod settings;
pub mod studies;
mod weights_file;

pub use image_encoder::ImageEncoder;

pub use barlow_data as data;
pub use barlow_eval as eval;
pub use barlow_nn as nn;
pub use barlow_objectives as objectives;
pub use barlow_report as report;
pub use barlow_train as train;
pub use barlow_weights as weights;

use std::process::ExitCode;

use barlow_objectives::Registry;
use clap::Parser;

use crate::arguments::{Arguments, Command};

/// The whole program, with the objectives of `registry`.
pub fn run(registry: &Registry) -> ExitCode {
    let arguments = Arguments::parse();
    let result = match &arguments.command {
        Command::Pretrain(arguments) => commands::pretrain(arguments, registry),
        Command::Compare(arguments) => commands::compare(arguments, registry),
        Command::Knn(arguments) => commands::knn(arguments),
        Command::Embed(arguments) => commands::embed(arguments),
        Command::Finetune(arguments) => commands::finetune(arguments),
        Command::Export(arguments) => commands::export(arguments),
        Command::Import(arguments) => commands::import(arguments),
        Command::Inspect(arguments) => commands::inspect(arguments),
        Command::Probe(arguments) => commands::probe(arguments),
        Command::Data(arguments) => commands::data(arguments, registry),
        Command::Views(arguments) => commands::views(arguments, registry),
        Command::Doctor(arguments) => commands::doctor(*arguments),
    };
    exit::conclude(result).into()
}
