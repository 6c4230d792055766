//! Between epochs: what the objective wants of all images, and what the network is worth.

use std::sync::Arc;

use barlow_nn::{Pass, Precision};
use barlow_objectives::{EpochContext, Layer};
use burn::module::Module;
use burn::tensor::Tensor;
use serde_json::json;

use super::state::State;
use super::trainer::Trainer;
use super::{Run, TrainError};
use crate::event::Event;
use crate::represent::{RepresentConfig, of_all_images, represent, rows};
use crate::settings::Settings;

/// Images evaluated together are enough to keep a device busy; results do not depend on it.
const EVALUATION_BATCH: usize = 256;

impl Trainer<'_> {
    /// Tells the objective, which may look at all images.
    pub(super) fn begin_epoch(&mut self, epoch: u64) -> Result<(), TrainError> {
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

    /// Measures the network and records the epoch; `epoch` epochs are done.
    pub(super) fn measure(&mut self, epoch: u64) -> Result<(), TrainError> {
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
}

fn represent_config(run: &Run) -> RepresentConfig {
    let Settings { train, data, .. } = run.settings;
    RepresentConfig {
        batch_size: train.batch_size.min(EVALUATION_BATCH),
        workers: data.workers,
        precision: Precision::of(&train.precision, &run.device),
    }
}
