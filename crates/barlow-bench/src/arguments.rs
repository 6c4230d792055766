//! The grammar of the command line.

use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::timing::Plan;
use crate::work::Precision;

/// Measure barlow against this machine and against other programs
#[derive(Debug, Parser)]
#[command(
    name = "barlow-bench",
    version,
    after_help = "Example: cargo run --release -p barlow-bench -- peaks"
)]
pub(crate) struct Arguments {
    /// How to measure.
    #[command(flatten)]
    pub options: Options,
    /// What to measure.
    #[command(subcommand)]
    pub command: Command,
}

/// What holds for every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Print one JSON document on stdout
    #[arg(long, global = true)]
    pub json: bool,
    /// Timed repetitions of each work, 5 or more
    #[arg(long, global = true, value_name = "N", default_value_t = 5,
        value_parser = clap::value_parser!(u32).range(5..))]
    pub repetitions: u32,
    /// Milliseconds of work before the first timed repetition
    #[arg(long, global = true, value_name = "MS", default_value_t = 500)]
    pub warm_up_ms: u64,
    /// Threads, ours and the rivals' [default: one a core]
    #[arg(long, global = true, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..))]
    pub threads: Option<u32>,
}

impl Options {
    /// How each work is warmed up and repeated.
    pub(crate) fn plan(&self) -> Plan {
        Plan {
            warm_up: Duration::from_millis(self.warm_up_ms),
            repetitions: self.repetitions as usize,
        }
    }

    /// Threads, as asked for or one a core.
    pub(crate) fn threads(&self) -> usize {
        let cores = || available_parallelism().map_or(1, usize::from);
        self.threads.map_or_else(cores, |threads| threads as usize)
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// What the machine can do: products of f32 and bf16, reading memory
    Peaks(PeaksArguments),
    /// Each convolution of the networks, as a share of the peak
    Convolution(Selection),
    /// Whole training steps without the optimizer
    Step(Selection),
    /// Loss and gradients of given embeddings
    Objective(Selection),
    /// A whole step of every objective, by turns, as a ratio to Barlow Twins'
    Methods(MethodsArguments),
    /// Pairs of official views, in one thread
    Views(Selection),
    /// Peak resident memory of steps and objectives, each in a process of its own
    Memory(MemoryArguments),
    /// Ours and PyTorch's by turns, and the ratios
    Peers(PeersArguments),
}

/// Arguments of `peaks`.
#[derive(Debug, Clone, Args)]
pub(crate) struct PeaksArguments {
    /// Memory that is read, MiB; more than all caches hold
    #[arg(long, value_name = "MIB", default_value_t = 1024,
        value_parser = clap::value_parser!(u32).range(1..))]
    pub read_mib: u32,
}

/// Which works.
#[derive(Debug, Clone, Args)]
pub(crate) struct Selection {
    /// Only works whose name has this in it
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub only: String,
    /// Only this precision of ours
    #[arg(long, value_enum)]
    pub precision: Option<Precision>,
}

/// Arguments of `methods`.
#[derive(Debug, Clone, Args)]
pub(crate) struct MethodsArguments {
    /// Only objectives whose name has this in it, and Barlow Twins
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub only: String,
    /// Images in a batch
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub batch_size: usize,
    /// Channels of the encoder's first stage
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub width: usize,
}

/// Arguments of `memory`.
#[derive(Debug, Clone, Args)]
pub(crate) struct MemoryArguments {
    /// Which works.
    #[command(flatten)]
    pub selection: Selection,
    /// Measure this one work in this process
    #[arg(long, hide = true)]
    pub here: Option<String>,
}

/// Arguments of `peers`.
#[derive(Debug, Clone, Args)]
pub(crate) struct PeersArguments {
    /// Which works.
    #[command(flatten)]
    pub selection: Selection,
    /// The Python that has PyTorch [default: that of benches/peers/.venv]
    #[arg(long, value_name = "FILE")]
    pub python: Option<PathBuf>,
    /// Only this mode of the rival, as `bf16-channels-last`; again for more
    #[arg(long = "mode", value_name = "MODE")]
    pub modes: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_is_sound_and_defaults_parse() {
        Arguments::command().debug_assert();
        let arguments = Arguments::try_parse_from(["barlow-bench", "peaks", "--json"]).unwrap();
        assert!(arguments.options.json && arguments.options.repetitions >= 5);
        assert!(
            Arguments::try_parse_from(["barlow-bench", "peaks", "--repetitions", "4"]).is_err()
        );
    }
}
