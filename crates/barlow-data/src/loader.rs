//! Batches of views, filled ahead of the training step by worker threads.
//!
//! What a batch holds is a function of the source, the views, the seed and the step alone: the
//! order of an epoch is a keyed permutation, every view is drawn under the key of its position,
//! and an image that cannot be decoded gives its place (and its key) to the next one that can.
//! So neither the number of workers nor the step that a run is resumed at shows in the data.
//! A coordinating thread builds one batch after the other, in order, and shares each out over the
//! workers sample by sample; it stops when enough batches wait to be taken.

mod ahead;
mod bad_images;
mod batch;
mod error;
mod evaluation;
mod share;

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use barlow_random::{Key, Permutation};

use crate::source::Source;
use crate::views::{Scratch, ViewPipeline};
use ahead::Ahead;
use bad_images::BadImages;

pub use bad_images::BadImage;
pub use batch::{Batch, ViewBatch};
pub use error::{LoadError, LoaderError};
pub use evaluation::{EvaluationBatch, EvaluationBatches, EvaluationConfig};

/// The purpose of the key that orders an epoch.
const SAMPLE_ORDER: u64 = u64::from_be_bytes(*b"smplordr");

/// The order of an epoch: the position in the source of each sample, for `images` images.
pub fn epoch_order(seed: u64, epoch: u64, images: usize) -> Permutation {
    let key = Key { seed, purpose: SAMPLE_ORDER, epoch, ..Key::default() };
    Permutation::new(key, images as u64)
}

/// How a [`Loader`] works.
#[derive(Debug, Clone, PartialEq)]
pub struct LoaderConfig {
    /// Images in a batch, at least 1.
    pub batch_size: usize,
    /// Threads that decode and make views; 0 counts as 1. The batches do not depend on it.
    pub workers: usize,
    /// The run's seed.
    pub seed: u64,
    /// Batches that may wait to be taken while another is filled; the batches do not depend on it.
    pub prefetch: usize,
    /// The fraction of the source's images (0 to 1) that may turn out bad before loading fails; 19
    /// bad images are always tolerated.
    pub max_bad_image_fraction: f64,
}

/// The batches of a run, any part of which can be had.
#[derive(Debug)]
pub struct Loader {
    source: Arc<dyn Source>,
    pipeline: Arc<ViewPipeline>,
    config: LoaderConfig,
    bad_images: Arc<Mutex<BadImages>>,
}

impl Loader {
    /// A loader that has not begun to load.
    ///
    /// # Errors
    /// If the batch size is 0 or more than the source's images, or the fraction is not within 0 to 1.
    pub fn new(
        source: Arc<dyn Source>,
        pipeline: Arc<ViewPipeline>,
        config: LoaderConfig,
    ) -> Result<Self, LoaderError> {
        let LoaderConfig { batch_size, max_bad_image_fraction: fraction, .. } = config;
        if batch_size == 0 {
            return Err(LoaderError::ZeroBatchSize);
        }
        if !(0.0..=1.0).contains(&fraction) {
            return Err(LoaderError::FractionOutOfRange { fraction });
        }
        if source.len() < batch_size {
            return Err(LoaderError::FewerThanOneBatch { images: source.len(), batch_size });
        }
        Ok(Self { source, pipeline, config, bad_images: Arc::default() })
    }

    /// Batches in an epoch; the images of an incomplete last batch are left out (others each time).
    pub fn steps_per_epoch(&self) -> u64 {
        (self.source.len() / self.config.batch_size) as u64
    }

    /// The batches of the steps from `first_step` up to, but without, `last_step`, filled from now
    /// on in the background. Step `s` is batch `s % steps_per_epoch` of epoch
    /// `s / steps_per_epoch`.
    pub fn batches(&self, first_step: u64, last_step: u64) -> Batches {
        let (recycler, returned) = channel();
        let mut filler = Filler {
            source: Arc::clone(&self.source),
            pipeline: Arc::clone(&self.pipeline),
            config: self.config.clone(),
            steps_per_epoch: self.steps_per_epoch(),
            scratches: std::iter::repeat_with(Scratch::default)
                .take(self.config.workers.max(1))
                .collect(),
            returned,
        };
        let mut steps = first_step..last_step;
        let ahead = Ahead::start("barlow-loader-0", self.config.prefetch, move |stop| {
            Some(filler.fill(steps.next()?, stop))
        });
        let (ahead, failure) = match ahead {
            Ok(ahead) => (Some(ahead), None),
            Err(source) => (None, Some(LoadError::Thread { source })),
        };
        Batches {
            ahead,
            failure,
            recycler,
            bad_images: Arc::clone(&self.bad_images),
            images: self.source.len(),
            max_bad_image_fraction: self.config.max_bad_image_fraction,
        }
    }

    /// The bad images met in the batches taken so far, each image once in the loader's life, that
    /// no earlier call has given.
    pub fn drain_bad_images(&self) -> Vec<BadImage> {
        lock(&self.bad_images).drain()
    }
}

/// Consecutive batches, an iterator that ends after the last step or the first error. Dropping it
/// stops the workers.
pub struct Batches {
    ahead: Option<Ahead<Result<batch::Filled, LoadError>>>,
    failure: Option<LoadError>,
    recycler: Sender<Batch>,
    bad_images: Arc<Mutex<BadImages>>,
    images: usize,
    max_bad_image_fraction: f64,
}

impl Batches {
    /// Gives a batch's buffers back to be filled again; that only saves memory traffic.
    pub fn recycle(&self, batch: Batch) {
        // Where no batch will be filled any more, the buffers are simply freed.
        let _ = self.recycler.send(batch);
    }

    /// Takes note of a batch's bad images.
    fn judge(&self, filled: batch::Filled, waited: Duration) -> Result<Batch, LoadError> {
        let mut known = lock(&self.bad_images);
        let last = filled.bad_images.last().cloned();
        for image in filled.bad_images {
            known.add(image);
        }
        known.check(self.images, self.max_bad_image_fraction, last.as_ref())?;
        Ok(Batch { waited, ..filled.batch })
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, LoadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(failure) = self.failure.take() {
            return Some(Err(failure));
        }
        let begin = Instant::now();
        let filled = match self.ahead.as_mut()?.next()? {
            Ok(filled) => filled,
            Err(message) => Err(LoadError::WorkerPanic { message }),
        };
        let batch = filled.and_then(|filled| self.judge(filled, begin.elapsed()));
        if batch.is_err() {
            self.ahead = None;
        }
        Some(batch)
    }
}

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches").field("images", &self.images).finish_non_exhaustive()
    }
}

/// What the coordinating thread owns.
struct Filler {
    source: Arc<dyn Source>,
    pipeline: Arc<ViewPipeline>,
    config: LoaderConfig,
    steps_per_epoch: u64,
    /// One for each worker.
    scratches: Vec<Scratch>,
    returned: Receiver<Batch>,
}

impl Filler {
    fn fill(&mut self, step: u64, stop: &AtomicBool) -> Result<batch::Filled, LoadError> {
        let batch_size = self.config.batch_size;
        let (epoch, index) = (step / self.steps_per_epoch, step % self.steps_per_epoch);
        let images = self.source.len();
        let order = epoch_order(self.config.seed, epoch, images);
        let buffers = self.returned.try_recv().ok();
        let work = batch::Work {
            source: &*self.source,
            pipeline: &self.pipeline,
            seed: self.config.seed,
            epoch,
            attempts: images
                .min(bad_images::tolerated(images, self.config.max_bad_image_fraction) + 1),
        };
        let samples = (0..batch_size).map(|sample| {
            let position = index * batch_size as u64 + sample as u64;
            (position, order.at(position) as usize)
        });
        let mut batch = Batch::with_buffers_of(buffers, &self.pipeline, batch_size);
        (batch.step, batch.epoch) = (step, epoch);
        work.fill(batch, samples, &mut self.scratches, stop)
    }
}

fn lock(bad_images: &Mutex<BadImages>) -> MutexGuard<'_, BadImages> {
    bad_images.lock().expect("nothing panics while this lock is held")
}

#[cfg(test)]
mod tests;
