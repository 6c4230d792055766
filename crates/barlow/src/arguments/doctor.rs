//! `barlow doctor`.

use clap::Args;

/// Arguments of `barlow doctor`.
#[derive(Debug, Clone, Copy, Args)]
#[command(after_help = "Example: barlow doctor --json")]
pub struct DoctorArguments {
    /// Print as one JSON document on stdout
    #[arg(long)]
    pub json: bool,
}
