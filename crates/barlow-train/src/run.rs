//! The loop: one for every objective, device and number of ranks.
//!
//! Follow [`train`] for the main path: prepare or restore, then for each step load, compute, apply,
//! record; at the end of an epoch measure; now and then save. What is saved is `State`, which is
//! everything that changes while a run goes; all else follows from the settings.

mod epochs;
mod error;
mod prepared;
mod state;
mod trainer;

use std::path::PathBuf;
use std::sync::Arc;

use barlow_data::source::Source;
use barlow_data::views::ViewPipeline;
use barlow_nn::collective::Collective;
use barlow_nn::tensor_file::Tensors;
use barlow_objectives::Registry;
use burn::tensor::Device;

use crate::event::Observer;
use crate::interrupt::Signal;
use crate::probe::Probe;
use crate::run_directory::{Ending, RunDirectory};
use crate::settings::Settings;
pub use error::TrainError;
use prepared::Prepared;
pub use prepared::{loader, objective};
pub use state::RestoreError;
use trainer::Trainer;

/// What a run works on and with.
#[derive(Debug)]
pub struct Run<'a> {
    /// The resolved settings.
    pub settings: &'a Settings,
    /// The training images.
    pub source: Arc<dyn Source>,
    /// Their views.
    pub pipeline: Arc<ViewPipeline>,
    /// The images it is measured by.
    pub probe: Probe,
    /// The objectives there are.
    pub registry: &'a Registry,
    /// The ranks that train together.
    pub collective: &'a dyn Collective,
    /// Weights that a fresh run begins with, `encoder.…` and, if any, `projector.…`; otherwise first
    /// weights under the seed.
    pub initial: Option<&'a Tensors>,
    /// Where to compute, without autodiff.
    pub device: Device,
    /// Where to write.
    pub directory: &'a RunDirectory,
    /// Version of the program, for the encoder's facts.
    pub version: &'a str,
    /// Program, device and machine in a line, for the log.
    pub environment: String,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Why it ended.
    pub end: End,
    /// Steps done in all.
    pub step: u64,
    /// k-NN accuracy of the untrained encoder, 0..1.
    pub first_knn: Option<f64>,
    /// k-NN accuracy measured last.
    pub last_knn: Option<f64>,
    /// Steps that were skipped because a number was not finite.
    pub skipped_steps: u64,
    /// Distinct images that could not be read.
    pub bad_images: usize,
    /// Where the encoder lies.
    pub encoder: PathBuf,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All epochs are done.
    Finished,
    /// They had been done before.
    AlreadyFinished,
    /// A signal asked; the state is saved.
    Interrupted(Signal),
}

/// Trains until the last epoch is done or `stop` gives a signal, saving as it goes.
///
/// # Errors
/// See [`TrainError`]; whatever happens, the newest checkpoint stays usable.
pub fn train(
    run: &Run,
    observer: &mut dyn Observer,
    stop: &dyn Fn() -> Option<Signal>,
) -> Result<Outcome, TrainError> {
    let prepared = Prepared::new(run)?;
    if prepared.state.step == prepared.schedule.total_steps() {
        prepared.complete(run)?;
        return Ok(prepared.state.outcome(End::AlreadyFinished, 0, run));
    }
    let mut trainer = Trainer::new(run, prepared, observer)?;
    let mut result = trainer.go(stop);
    if let Err(TrainError::Load(_)) = &result {
        // Images gave out, the state is good.
        result = trainer.save().and(result);
    }
    let (ending, reason) = match &result {
        Ok(Outcome { end: End::Interrupted(signal), .. }) => {
            (Ending::Interrupted, Some(format!("{signal:?}").to_lowercase()))
        }
        Ok(_) => (Ending::Done, None),
        Err(error) if error.is_divergence() => (Ending::Diverged, Some(error.to_string())),
        Err(error) => (Ending::Failed, Some(error.to_string())),
    };
    let finished = trainer.status.finish(ending, reason.as_deref());
    // The cause of a failure is worth more than that its status could not be written.
    result.and_then(|outcome| finished.map(|()| outcome).map_err(TrainError::from))
}
