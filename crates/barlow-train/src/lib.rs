//! From settings to a trained encoder: optimizers, schedule, the loop, checkpoints, run directory,
//! health.
//!
//! [`run::train`] is the main path. Nothing here parses arguments or prints.

pub mod checkpoint;
pub mod event;
pub mod finetune;
pub mod health;
pub mod interrupt;
pub mod networks;
pub mod optimizer;
pub mod probe;
pub mod represent;
pub mod run;
pub mod run_directory;
pub mod schedule;
pub mod settings;
pub mod step;
pub mod storage;
pub mod supervised;
