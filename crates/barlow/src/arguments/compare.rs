//! `barlow compare`.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `barlow compare`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Every arm of the study is trained once with each seed, all arms with the first seed before any with \
the second. Tables and a plot are written after each run. Interrupted, the same command goes on where \
it stood; what is finished is never trained again.

Named studies: table5, table6, table7, figure2, figure3, figure4, figure4-depth, figure5 (those of \
the paper), methods, pixel-shuffle, averaged-target, entropy

Example: barlow compare figure5 --dry-run")]
pub struct CompareArguments {
    /// A named study, or the file (.toml) of one of your own: docs/studies.md
    #[arg(value_name = "STUDY")]
    pub study: String,
    /// Configuration that the arms differ from, at its full length; without it the study's own,
    /// cut to the study's size
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// Images, as for `barlow pretrain` [default: of the study]
    #[arg(long, value_name = "SRC")]
    pub data: Option<String>,
    /// Folder of the study's runs and tables [default: studies/STUDY]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Seeds of each arm, as 0,1,2 [default: of the study]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = seed)]
    pub seeds: Vec<u64>,
    /// Train these arms only; tables show all
    #[arg(long, value_name = "ARM", num_args = 1..)]
    pub only: Vec<String>,
    /// Set a key in all arms, as in `--set schedule.epochs=5`; not one in which arms differ
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Print arms, order and an estimate of the cost, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print the result, or the plan of a dry run, as one JSON document on stdout
    #[arg(long)]
    pub json: bool,
}

/// A seed; a configuration file holds no larger number.
fn seed(typed: &str) -> Result<u64, String> {
    let seed = typed.trim().parse().ok().filter(|&seed| i64::try_from(seed).is_ok());
    seed.ok_or_else(|| format!("expected whole numbers from 0 to {}, as 0,1,2", i64::MAX))
}
