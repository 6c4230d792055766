//! A run before it moves: loader, schedule, and the first or the restored state.

use std::sync::Arc;

use barlow_data::loader::{Loader, LoaderConfig, LoaderError};
use barlow_data::source::Source;
use barlow_data::views::ViewPipeline;
use barlow_nn::Precision;
use barlow_nn::encoder_file::{self, EncoderFacts};
use barlow_objectives::{Layer, Objective, ObjectiveError, Registry, Scope};
use burn::tensor::Device;

use super::state::State;
use super::{Run, TrainError};
use crate::checkpoint;
use crate::event::Event;
use crate::networks::{Networks, output_dim};
use crate::run_directory::{Ending, RunState};
use crate::schedule::Schedule;
use crate::settings::{FileSettings, Settings};
use crate::storage::{Disk, write_atomically};

/// Batches that wait, filled, for the step.
const PREFETCH: usize = 2;

/// A run that is ready to begin or go on; nothing is written yet.
pub(super) struct Prepared {
    pub(super) loader: Loader,
    pub(super) schedule: Schedule,
    pub(super) state: State,
    /// Which output the objective reads.
    pub(super) layer: Layer,
    /// Its length.
    pub(super) dim: usize,
    pub(super) device: Device,
    pub(super) has_checkpoint: bool,
    pub(super) notes: Vec<Event>,
}

impl Prepared {
    pub(super) fn new(run: &Run) -> Result<Self, TrainError> {
        let Settings { data, encoder, projector, train, optimizer, schedule, .. } = run.settings;
        let loader = loader(run.settings, &run.source, &run.pipeline)?;
        let steps_per_epoch = loader.steps_per_epoch();
        let schedule = Schedule::new(schedule, optimizer, train.batch_size, steps_per_epoch);

        let device = run.device.clone().autodiff();
        let encoder = encoder.config(data.channels);
        let layer = layer(run.settings, run.registry);
        let dim = output_dim(&encoder, projector, layer);
        let objective = objective(run.settings, &*run.source, run.registry, &run.device)?;
        let needs = objective.needs();
        let precision = Precision::of(&train.precision, &run.device);
        let mut networks =
            Networks::new(&encoder, projector, (layer, &needs), train.seed, &device, precision);
        if let Some(initial) = run.initial {
            networks.begin_with(initial).map_err(TrainError::Initial)?;
        }
        let mut state = State::new(networks, objective, optimizer);
        let mut notes = Vec::new();
        let mut has_checkpoint = false;
        if run.directory.state() == RunState::Continue {
            let checkpoints = run.directory.checkpoints_dir();
            match checkpoint::load_newest(&Disk, &checkpoints).map_err(TrainError::Resume)? {
                Some(loaded) => {
                    has_checkpoint = true;
                    notes.extend(loaded.rejected.iter().map(|rejected| {
                        Event::Warning(format!(
                            "a checkpoint is passed over, the one before it is used: {rejected}"
                        ))
                    }));
                    state.restore(&loaded.snapshot, run, &device)?;
                    let (step, total) = (state.step, schedule.total_steps());
                    notes.push(Event::Note(format!("resuming after step {step} of {total}")));
                }
                None => notes.push(Event::Note(
                    "the run has no checkpoint yet: starting at step 0".to_owned(),
                )),
            }
        }
        Ok(Self { loader, schedule, state, layer, dim, device, has_checkpoint, notes })
    }

    /// Writes what is missing of a finished run: the process may have died between its last
    /// checkpoint and its last word. Where nothing is missing, nothing is written.
    pub(super) fn complete(&self, run: &Run) -> Result<(), TrainError> {
        if run.directory.is_done() && run.directory.encoder_path().exists() {
            return Ok(());
        }
        self.write_encoder(run)?;
        Ok(run.directory.start_status(self.state.step)?.finish(Ending::Done, None)?)
    }

    pub(super) fn write_encoder(&self, run: &Run) -> Result<(), TrainError> {
        let facts = self.facts(run);
        let path = run.directory.encoder_path();
        write_atomically(&Disk, &path, |writer| {
            encoder_file::write(&self.state.networks.online.encoder, &facts, writer)
        })
        .map_err(|source| TrainError::Encoder { path, source })
    }

    fn facts(&self, run: &Run) -> EncoderFacts {
        let Settings { data, views, encoder, .. } = run.settings;
        EncoderFacts {
            encoder: encoder.config(data.channels),
            image_size: views.image_size,
            resize: views.resize.max(views.image_size),
            mean: views.mean.values().to_vec(),
            std: views.std.values().to_vec(),
            files: serde_json::json!(FileSettings::of(data, views)),
            objective: self.state.objective.name().to_owned(),
            epoch: self.state.step / self.loader.steps_per_epoch(),
            version: run.version.to_owned(),
        }
    }
}

/// The loader of a run; asked for before a run directory is made, it tells whether there are enough
/// images.
///
/// # Errors
/// If there are fewer images than one batch.
pub fn loader(
    settings: &Settings,
    source: &Arc<dyn Source>,
    pipeline: &Arc<ViewPipeline>,
) -> Result<Loader, LoaderError> {
    let config = LoaderConfig {
        batch_size: settings.train.batch_size,
        workers: settings.data.workers,
        seed: settings.train.seed,
        prefetch: PREFETCH,
        max_bad_image_fraction: settings.data.max_bad_image_fraction,
    };
    Loader::new(Arc::clone(source), Arc::clone(pipeline), config)
}

/// Which output the objective reads.
fn layer(settings: &Settings, registry: &Registry) -> Layer {
    // A name that is unknown is an error where the objective is made.
    registry.find(&settings.objective.name).map_or(Layer::default(), |entry| entry.layer)
}

/// The objective of a run over these images, before its first step; asked for before a run directory
/// is made, it tells whether the two fit.
///
/// # Errors
/// If it is unknown or cannot work with these images, views and networks.
pub fn objective(
    settings: &Settings,
    source: &dyn Source,
    registry: &Registry,
    device: &Device,
) -> Result<Box<dyn Objective>, ObjectiveError> {
    let Settings { data, encoder, projector, train, views, .. } = settings;
    let scope = Scope {
        dim: output_dim(&encoder.config(data.channels), projector, layer(settings, registry)),
        batch_size: train.batch_size,
        images: source.len(),
        classes: source.classes().len(),
        seed: train.seed,
        device,
    };
    let objective = registry.create(&settings.objective, &scope)?;
    objective.needs().check_views(views.distributions().len())?;
    Ok(objective)
}
