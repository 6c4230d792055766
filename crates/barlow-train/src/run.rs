//! The loop: one for every objective, device and number of ranks.
//!
//! Follow [`train`] for the main path: prepare or restore, then for each step load, compute, apply,
//! record; at the end of an epoch measure; now and then save. What is saved is `State`, which is
//! everything that changes while a run goes; all else follows from the settings.

mod error;
mod prepared;
mod state;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use barlow_data::loader::Batches;
use barlow_data::source::Source;
use barlow_data::views::ViewPipeline;
use barlow_nn::collective::Collective;
use barlow_nn::tensor_file::Tensors;
use barlow_nn::{Pass, Precision};
use barlow_objectives::{EpochContext, Layer, Registry, StepContext};
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use serde_json::json;

use crate::checkpoint;
use crate::event::{Event, Observer, with_causes};
use crate::interrupt::Signal;
use crate::probe::Probe;
use crate::represent::{RepresentConfig, of_all_images, represent, rows};
use crate::run_directory::{BadImages, Ending, Metrics, RunDirectory, Status, TrainLog};
use crate::settings::Settings;
use crate::step::Step;
use crate::storage::Disk;
pub use error::TrainError;
use prepared::Prepared;
pub use prepared::loader;
pub use state::RestoreError;
use state::State;

/// Without `checkpoint.every_steps` a run is saved at least this often.
const SAVE_INTERVAL: Duration = Duration::from_mins(10);

/// Steps become lines of the log at most this often.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Images evaluated together are enough to keep a device busy; results do not depend on it.
const EVALUATION_BATCH: usize = 256;

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
        Err(error) => (Ending::Failed, Some(error.to_string())),
    };
    let finished = trainer.status.finish(ending, reason.as_deref());
    // The cause of a failure is worth more than that its status could not be written.
    result.and_then(|outcome| finished.map(|()| outcome).map_err(TrainError::from))
}

/// A run in motion.
struct Trainer<'a> {
    run: &'a Run<'a>,
    observer: &'a mut dyn Observer,
    prepared: Prepared,
    metrics: Metrics,
    log: TrainLog,
    bad_images: BadImages,
    status: Status,
    last_save: Instant,
    last_line: Option<Instant>,
}

impl<'a> Trainer<'a> {
    fn new(
        run: &'a Run,
        mut prepared: Prepared,
        observer: &'a mut dyn Observer,
    ) -> Result<Self, TrainError> {
        let mut metrics = run.directory.metrics()?;
        if prepared.has_checkpoint {
            metrics.cut_back_to(prepared.state.step)?;
        } else {
            metrics.clear()?;
        }
        let notes = std::mem::take(&mut prepared.notes);
        let mut trainer = Self {
            run,
            observer,
            metrics,
            log: run.directory.train_log()?,
            bad_images: run.directory.bad_images()?,
            status: run.directory.start_status(prepared.state.step)?,
            last_save: Instant::now(),
            last_line: None,
            prepared,
        };
        trainer.tell(&trainer.started())?;
        for note in &notes {
            trainer.tell(note)?;
        }
        Ok(trainer)
    }

    fn started(&self) -> Event {
        let Settings { encoder, projector, train, schedule, .. } = self.run.settings;
        let steps_per_epoch = self.prepared.loader.steps_per_epoch();
        let parameters = self.prepared.state.networks.parameter_count() as f64 / 1e6;
        Event::Started {
            step: self.prepared.state.step,
            total_steps: self.prepared.schedule.total_steps(),
            steps_per_epoch,
            summary: vec![
                self.run.environment.clone(),
                format!("images: {} from {}", self.run.source.len(), self.run.settings.data.source),
                format!(
                    "encoder: {} width {}, projector {} ({parameters:.2} M parameters)",
                    encoder.name.as_str(),
                    encoder.width,
                    projector.widths
                ),
                format!("objective: {}", self.prepared.state.objective.name()),
                format!(
                    "steps: {} epochs of {steps_per_epoch} steps of {} images",
                    schedule.epochs, train.batch_size
                ),
                format!("probe: {}", self.run.probe.describe()),
                format!("run directory: {}", self.run.directory.path().display()),
            ],
        }
    }

    /// Tells the observer and, except for passing progress, the log.
    fn tell(&mut self, event: &Event) -> Result<(), TrainError> {
        self.observer.event(event);
        if let Event::Step { is_line: true, .. } = event {
            self.last_line = Some(Instant::now());
        }
        match event {
            Event::Evaluating { .. } | Event::Step { is_line: false, .. } => Ok(()),
            _ => Ok(self.log.append(&event.to_string())?),
        }
    }

    fn go(&mut self, stop: &dyn Fn() -> Option<Signal>) -> Result<Outcome, TrainError> {
        let total = self.prepared.schedule.total_steps();
        let steps_per_epoch = self.prepared.loader.steps_per_epoch();
        if self.prepared.state.step == 0
            && !self.metrics.earlier().iter().any(|r| r["kind"] == "epoch")
        {
            self.measure(0)?;
        }
        let mut batches = self.prepared.loader.batches(self.prepared.state.step, total);
        let end = loop {
            if let Some(signal) = stop() {
                self.save()?;
                break End::Interrupted(signal);
            }
            if self.prepared.state.step.is_multiple_of(steps_per_epoch) {
                self.begin_epoch(self.prepared.state.step / steps_per_epoch)?;
            }
            self.step(&mut batches)?;
            let done = self.prepared.state.step;
            let ends_epoch = done.is_multiple_of(steps_per_epoch);
            if ends_epoch {
                self.measure(done / steps_per_epoch)?;
            }
            if done == total {
                self.save()?;
                break End::Finished;
            }
            if self.should_save(ends_epoch) {
                self.save_or_warn()?;
            }
        };
        let (step, encoder) = (self.prepared.state.step, self.run.directory.encoder_path());
        match end {
            End::Interrupted(_) => self.tell(&Event::Note(format!(
                "interrupted after step {step} of {total}; the state is saved, continue with \
                 `--resume`"
            )))?,
            _ => self.tell(&Event::Finished { step, encoder })?,
        }
        Ok(self.prepared.state.outcome(end, self.bad_images.len(), self.run))
    }

    fn begin_epoch(&mut self, epoch: u64) -> Result<(), TrainError> {
        self.prepared.state.readings.begin_epoch();
        let State { objective, networks, .. } = &mut self.prepared.state;
        let layer = self.prepared.layer;
        let (run, device) = (self.run, &self.run.device);
        let mut failure = None;
        let mut features = || {
            let network = networks.online.valid();
            let (source, pipeline) = (Arc::clone(&run.source), Arc::clone(&run.pipeline));
            let config = represent_config(run);
            let encoder = &network.encoder;
            match represent(encoder, source, pipeline, device, config, &mut |_| true) {
                Ok((features, _)) => {
                    let rows = rows(&features, 0..features.len(), device);
                    let outputs = match layer {
                        Layer::Representation => rows,
                        Layer::Embedding => {
                            let pass = Pass::evaluation(config.precision);
                            network.projector.forward(rows, &pass)?
                        }
                    };
                    Ok(of_all_images(outputs, &features.ids, run.source.len()))
                }
                Err(error) => {
                    failure = Some(error);
                    Ok(Tensor::zeros([0, 0], device))
                }
            }
        };
        let context = EpochContext {
            epoch,
            epochs: run.settings.schedule.epochs,
            seed: run.settings.train.seed,
            collective: run.collective,
        };
        objective.before_epoch(&context, &mut features)?;
        failure.map_or(Ok(()), |error| Err(error.into()))
    }

    /// One step: load, compute, apply unless a number is not finite, record.
    fn step(&mut self, batches: &mut Batches) -> Result<(), TrainError> {
        let begin = Instant::now();
        let step = self.prepared.state.step;
        let batch = batches.next().expect("the loader gives every step of the run");
        for bad in self.prepared.loader.drain_bad_images() {
            if self.bad_images.record(bad.id, &bad.name, &bad.reason)? {
                let text = format!("`{}` is skipped: {}", bad.name, bad.reason);
                self.tell(&Event::Warning(text))?;
            }
        }
        let batch = batch?;
        let tensor = |data: &[f32], shape: [usize; 4]| {
            Tensor::from_data(TensorData::new(data.to_vec(), shape), &self.prepared.device)
        };
        let views = batch.views.iter().map(|view| tensor(&view.data, view.shape)).collect();
        let context = StepContext {
            step,
            total_steps: self.prepared.schedule.total_steps(),
            seed: self.run.settings.train.seed,
            ids: &batch.ids,
            labels: &batch.labels,
            collective: self.run.collective,
        };
        let rates = self.prepared.schedule.rates(step);
        let computed = Step::compute(
            &self.prepared.state.networks,
            &*self.prepared.state.objective,
            views,
            &context,
        )?;
        let evaluation = computed.evaluation.clone();
        let cause = computed.fault.clone();
        match &cause {
            None => self.prepared.state.apply(computed, rates, &context)?,
            Some(cause) => self.skip(cause)?,
        }
        self.prepared.state.step += 1;
        self.status.set_step(self.prepared.state.step);

        let seconds = begin.elapsed().as_secs_f64();
        let settings = &self.run.settings.train;
        let images = settings.batch_size as u64;
        let event = Event::Step {
            step,
            epoch: batch.epoch,
            loss: evaluation.loss,
            floor: evaluation.floor,
            images_per_second: images as f64 / seconds,
            data_wait_fraction: batch.waited.as_secs_f64() / seconds,
            is_line: self.last_line.is_none_or(|last| last.elapsed() >= LINE_INTERVAL),
        };
        let is_recorded = step.is_multiple_of(settings.log_every_steps.max(1)) || cause.is_some();
        if let (Event::Step { images_per_second, data_wait_fraction, .. }, true) =
            (&event, is_recorded)
        {
            let pairs = |pairs: &[(&'static str, f64)]| -> serde_json::Map<String, _> {
                pairs.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
            };
            let mut record = json!({
                "kind": "step",
                "step": step,
                "epoch": batch.epoch,
                "images": (step + 1) * images,
                "loss": evaluation.loss,
                "terms": pairs(&evaluation.terms),
                "measures": pairs(&evaluation.measures),
                "floor": evaluation.floor,
                "learning_rates": {
                    "weights": rates.now.weights,
                    "biases_and_norms": rates.now.biases_and_norms,
                },
                "images_per_second": images_per_second,
                "data_wait_fraction": data_wait_fraction,
            });
            if let Some(cause) = &cause {
                record["skipped"] = json!(cause);
            }
            self.metrics.append(&record)?;
        }
        self.tell(&event)?;
        batches.recycle(batch);
        let most = settings.max_skipped_steps;
        match cause {
            Some(cause) if self.prepared.state.skipped_in_a_row >= most => {
                self.prepared.state.skipped_in_a_row = 0;
                self.save()?;
                Err(TrainError::Skipped { steps: most, cause, step: step + 1 })
            }
            _ => Ok(()),
        }
    }

    /// Counts a step that was not applied.
    fn skip(&mut self, cause: &str) -> Result<(), TrainError> {
        self.prepared.state.readings.skipped();
        self.prepared.state.skipped += 1;
        self.prepared.state.skipped_in_a_row += 1;
        let step = self.prepared.state.step;
        let text = format!("step {} is skipped: {cause}", step + 1);
        self.tell(&Event::Warning(text))?;
        Ok(())
    }

    /// Measures the network and records the epoch; `epoch` epochs are done.
    fn measure(&mut self, epoch: u64) -> Result<(), TrainError> {
        let epochs = self.run.settings.schedule.epochs;
        let every = self.run.settings.probe.every_epochs;
        let with_knn = every > 0 && (epoch.is_multiple_of(every) || epoch == epochs);
        let observer = &mut *self.observer;
        let measured = self.run.probe.measure(
            &self.prepared.state.networks.online,
            &self.run.pipeline,
            &self.run.device,
            represent_config(self.run),
            with_knn,
            &mut |images, of| observer.event(&Event::Evaluating { images, of }),
        )?;
        if let (0, Some(first)) = (epoch, measured.bad_images.first()) {
            // Later epochs meet the same ones.
            self.tell(&Event::Warning(format!(
                "{} images of the probe are left out, the first being `{}`: {}",
                measured.bad_images.len(),
                first.name,
                first.reason
            )))?;
        }
        let rank = match self.prepared.layer {
            Layer::Representation => measured.representation_rank,
            Layer::Embedding => measured.embedding_rank,
        };
        let batch_size = self.run.settings.train.batch_size;
        let (State { objective, readings, .. }, dim) =
            (&mut self.prepared.state, self.prepared.dim);
        let health = readings.verdict(&**objective, batch_size, dim, rank);
        let mut record = json!({
            "kind": "epoch",
            "epoch": epoch,
            "step": self.prepared.state.step,
            "effective_rank": {
                "representation": measured.representation_rank,
                "embedding": measured.embedding_rank,
            },
            "health": { "verdict": health.verdict.as_str(), "reason": health.reason },
        });
        if let Some(step) = health.since_step {
            record["health"]["since_step"] = json!(step);
        }
        if let Some(knn) = measured.knn {
            record["knn"] = json!(knn);
            let [first, last] = &mut self.prepared.state.knn;
            first.get_or_insert(knn);
            *last = Some(knn);
        }
        self.metrics.append(&record)?;
        self.tell(&Event::Epoch {
            epoch,
            of: epochs,
            knn: measured.knn,
            effective_rank: (measured.representation_rank, measured.embedding_rank),
            health,
        })
    }

    fn should_save(&self, ends_epoch: bool) -> bool {
        match self.run.settings.checkpoint.every_steps {
            0 => ends_epoch || self.last_save.elapsed() >= SAVE_INTERVAL,
            every => self.prepared.state.step.is_multiple_of(every),
        }
    }

    /// Saves; where that fails, says so and goes on: the previous checkpoint is still there, and the
    /// next save may work.
    fn save_or_warn(&mut self) -> Result<(), TrainError> {
        match self.save() {
            Err(error @ (TrainError::Save(_) | TrainError::Encoder { .. })) => {
                self.last_save = Instant::now();
                self.tell(&Event::Warning(with_causes(&error)))
            }
            other => other,
        }
    }

    fn save(&mut self) -> Result<(), TrainError> {
        let begin = Instant::now();
        self.metrics.sync()?;
        let snapshot = self.prepared.state.snapshot(self.run);
        checkpoint::save(&Disk, &self.run.directory.checkpoints_dir(), &snapshot)
            .map_err(TrainError::Save)?;
        self.prepared.write_encoder(self.run)?;
        self.last_save = Instant::now();
        let step = self.prepared.state.step;
        self.tell(&Event::Saved { step, took: begin.elapsed() })
    }
}

fn represent_config(run: &Run) -> RepresentConfig {
    let Settings { train, data, .. } = run.settings;
    RepresentConfig {
        batch_size: train.batch_size.min(EVALUATION_BATCH),
        workers: data.workers,
        precision: Precision::of(&train.precision, &run.device),
    }
}
