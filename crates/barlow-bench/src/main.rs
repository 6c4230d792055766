//! Measures barlow: each piece of work verifies its answer, then is timed, and is reported as a share
//! of what the machine can do or as a ratio to what another program takes for the same work in the
//! same run. Not tests: nothing here passes or fails.
//!
//! One file for each command. What is timed against PyTorch is a [`work::Work`], a row of the tables
//! in `step` and `objective`; `peers` runs the rows against the scripts under `benches/peers`.

mod arguments;
mod convolution;
mod layer;
mod machine;
mod memory;
mod methods;
mod objective;
mod output;
mod peaks;
mod peers;
mod step;
mod table;
mod timing;
mod views;
mod work;

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;

use arguments::{Arguments, Command};

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::message(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let options = &arguments.options;
    rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads())
        .build_global()
        .context("starting the threads")?;
    match &arguments.command {
        Command::Peaks(arguments) => peaks::run(arguments, options),
        Command::Convolution(selection) => convolution::run(selection, options),
        Command::Step(arguments) => step::run(arguments, options),
        Command::Objective(arguments) => objective::run(arguments, options),
        Command::Methods(arguments) => methods::run(arguments, options),
        Command::Views(selection) => views::run(selection, options),
        Command::Memory(arguments) => memory::run(arguments, options),
        Command::Peers(arguments) => peers::run(arguments, options),
    }
}
