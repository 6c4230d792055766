//! All images of a source in order, each in the one view that evaluation uses.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::LoadError;
use super::ahead::Ahead;
use super::bad_images::BadImage;
use super::batch::load;
use super::share::share;
use crate::source::Source;
use crate::views::{Scratch, ViewPipeline};

/// Batches that may wait to be taken.
const PREFETCH: usize = 1;

/// How [`EvaluationBatches`] work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluationConfig {
    /// The most images in a batch; 0 counts as 1.
    pub batch_size: usize,
    /// Threads that decode; 0 counts as 1. The batches do not depend on it.
    pub workers: usize,
}

/// Images in the view that evaluation uses: no randomness, the centre cropped.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EvaluationBatch {
    /// The values, `[n, c, h, w]`, contiguous.
    pub data: Vec<f32>,
    /// `[n, c, h, w]`; `n` is at least 1.
    pub shape: [usize; 4],
    /// Where each image is in the source, increasing.
    pub ids: Vec<u64>,
    /// The class of each image, if it has one.
    pub labels: Vec<Option<usize>>,
}

/// All images of a source in order, an iterator. Bad images are left out of their batch.
#[derive(Debug)]
pub struct EvaluationBatches {
    ahead: Option<Ahead<Result<Filled, LoadError>>>,
    failure: Option<LoadError>,
    bad_images: Vec<BadImage>,
}

#[derive(Debug)]
struct Filled {
    batch: EvaluationBatch,
    bad_images: Vec<BadImage>,
}

impl EvaluationBatches {
    /// Begins to load in the background.
    pub fn new(
        source: Arc<dyn Source>,
        pipeline: Arc<ViewPipeline>,
        config: &EvaluationConfig,
    ) -> Self {
        let batch_size = config.batch_size.max(1);
        let mut scratches: Vec<Scratch> =
            std::iter::repeat_with(Scratch::default).take(config.workers.max(1)).collect();
        let mut starts = (0..source.len()).step_by(batch_size);
        let ahead = Ahead::start("barlow-evaluation-0", PREFETCH, move |stop| {
            let first = starts.next()?;
            let ids = first..source.len().min(first + batch_size);
            Some(fill(&*source, &pipeline, ids, &mut scratches, stop))
        });
        let (ahead, failure) = match ahead {
            Ok(ahead) => (Some(ahead), None),
            Err(source) => (None, Some(LoadError::Thread { source })),
        };
        Self { ahead, failure, bad_images: Vec::new() }
    }

    /// The images left out of the batches taken so far that no earlier call has given.
    pub fn drain_bad_images(&mut self) -> Vec<BadImage> {
        std::mem::take(&mut self.bad_images)
    }
}

impl Iterator for EvaluationBatches {
    type Item = Result<EvaluationBatch, LoadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(failure) = self.failure.take() {
            return Some(Err(failure));
        }
        loop {
            let filled = match self.ahead.as_mut()?.next()? {
                Ok(filled) => filled,
                Err(message) => Err(LoadError::WorkerPanic { message }),
            };
            match filled {
                Ok(Filled { batch, bad_images }) => {
                    self.bad_images.extend(bad_images);
                    if !batch.ids.is_empty() {
                        return Some(Ok(batch));
                    }
                }
                Err(error) => {
                    self.ahead = None;
                    return Some(Err(error));
                }
            }
        }
    }
}

/// The batch of some images.
fn fill(
    source: &dyn Source,
    pipeline: &ViewPipeline,
    ids: std::ops::Range<usize>,
    scratches: &mut [Scratch],
    stop: &AtomicBool,
) -> Result<Filled, LoadError> {
    let [channels, height, width] = pipeline.evaluation_shape();
    let values = channels * height * width;
    let mut data = vec![0.0; ids.len() * values];
    let mut outcomes: Vec<Option<BadImage>> = vec![None; ids.len()];
    let parts = ids.clone().zip(data.chunks_exact_mut(values)).zip(&mut outcomes);
    share(parts, scratches, stop, |((id, out), outcome), scratch| {
        match load(source, pipeline, id) {
            Ok(image) => pipeline.render_evaluation(&image, scratch, out),
            Err(error) => *outcome = Some(BadImage::new(source, id, &error)),
        }
    })?;
    let mut batch = EvaluationBatch::default();
    let mut bad_images = Vec::new();
    for ((index, id), outcome) in ids.enumerate().zip(outcomes) {
        if let Some(bad_image) = outcome {
            bad_images.push(bad_image);
            continue;
        }
        let kept = batch.ids.len();
        data.copy_within(index * values..(index + 1) * values, kept * values);
        batch.ids.push(id as u64);
        batch.labels.push(source.label(id));
    }
    data.truncate(batch.ids.len() * values);
    batch.shape = [batch.ids.len(), channels, height, width];
    Ok(Filled { batch: EvaluationBatch { data, ..batch }, bad_images })
}
