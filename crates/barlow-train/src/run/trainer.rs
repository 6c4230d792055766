//! A run in motion: step after step, recorded and saved.

use std::time::{Duration, Instant};

use barlow_data::loader::Batches;
use barlow_objectives::StepContext;
use burn::tensor::{Tensor, TensorData};
use serde_json::json;

use super::prepared::Prepared;
use super::{End, Outcome, Run, TrainError};
use crate::checkpoint;
use crate::event::{Event, Observer, with_causes};
use crate::interrupt::Signal;
use crate::run_directory::{BadImages, Metrics, Status, TrainLog};
use crate::settings::Settings;
use crate::step::Step;
use crate::storage::Disk;

/// Without `checkpoint.every_steps` a run is saved at least this often.
const SAVE_INTERVAL: Duration = Duration::from_mins(10);

/// Steps become lines of the log at most this often.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// A run in motion.
pub(super) struct Trainer<'a> {
    pub(super) run: &'a Run<'a>,
    pub(super) observer: &'a mut dyn Observer,
    pub(super) prepared: Prepared,
    pub(super) metrics: Metrics,
    log: TrainLog,
    bad_images: BadImages,
    pub(super) status: Status,
    last_save: Instant,
    last_line: Option<Instant>,
}

impl<'a> Trainer<'a> {
    pub(super) fn new(
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
    pub(super) fn tell(&mut self, event: &Event) -> Result<(), TrainError> {
        self.observer.event(event);
        if let Event::Step { is_line: true, .. } = event {
            self.last_line = Some(Instant::now());
        }
        match event {
            Event::Evaluating { .. } | Event::Step { is_line: false, .. } => Ok(()),
            _ => Ok(self.log.append(&event.to_string())?),
        }
    }

    pub(super) fn go(&mut self, stop: &dyn Fn() -> Option<Signal>) -> Result<Outcome, TrainError> {
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

    pub(super) fn save(&mut self) -> Result<(), TrainError> {
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
