//! What the commands do, once arguments are parsed.

mod compare;
mod data;
mod embed;
mod export;
mod finetune;
mod import;
mod inspect;
mod knn;
pub(crate) mod output;
mod pretrain;
mod probe;
pub(crate) mod progress;
mod views;

use crate::arguments::DoctorArguments;
use crate::exit::Exit;

pub use compare::compare;
pub use data::data;
pub use embed::embed;
pub use export::export;
pub use finetune::finetune;
pub use import::import;
pub use inspect::inspect;
pub use knn::knn;
pub use pretrain::pretrain;
pub use probe::probe;
pub use views::views;

/// `barlow doctor`.
///
/// # Errors
/// If stdout cannot be written.
pub fn doctor(arguments: DoctorArguments) -> anyhow::Result<Exit> {
    let report = crate::doctor::examine();
    if arguments.json {
        output::json(&report)?;
    } else {
        output::text(&report.to_string())?;
    }
    Ok(Exit::Done)
}
