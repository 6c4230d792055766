//! `barlow data`.

use clap::Args;

use super::options::{ConfigurationOptions, collect};
use crate::settings::TypedSettings;

/// Arguments of `barlow data`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example: barlow data synthetic:1000")]
pub struct DataArguments {
    /// Images: a source, as for `barlow pretrain --data`
    #[arg(value_name = "SRC")]
    pub source: String,
    /// Images that are looked at, spread over the source; 0 for all
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub look_at: usize,
    /// Threads that decode images; 0 for one a core [key: `data.workers`]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub workers: Option<String>,
    /// Print the result as one JSON document on stdout
    #[arg(long)]
    pub json: bool,
    /// Which configuration `barlow pretrain` would be given.
    #[command(flatten)]
    pub configuration: ConfigurationOptions,
}

impl DataArguments {
    /// The settings of a run on these images, as typed.
    pub fn typed(&self) -> TypedSettings {
        self.configuration.typed(collect([
            ("SRC", "data.source", &Some(self.source.clone())),
            ("--workers", "data.workers", &self.workers),
        ]))
    }
}
