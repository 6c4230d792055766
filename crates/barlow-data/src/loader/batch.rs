//! One batch: its samples decoded and their views drawn, in place.

use std::slice::ChunksExactMut;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::LoadError;
use super::bad_images::BadImage;
use super::share::share;
use crate::DecodedImage;
use crate::decode::{ImageError, ReducedImage};
use crate::source::Source;
use crate::views::{Scratch, ViewKey, ViewPipeline};

/// The views of a batch of images.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// The optimizer step that this batch is for, counted over the whole run from 0.
    pub step: u64,
    /// The epoch of that step, from 0.
    pub epoch: u64,
    /// Each view of all images.
    pub views: Vec<ViewBatch>,
    /// For each sample the position of its image in the source: that of the replacement where the
    /// image in turn was bad.
    pub ids: Vec<u64>,
    /// For each sample the class of its image, if it has one.
    pub labels: Vec<Option<usize>>,
    /// How long the batch was waited for when it was taken.
    pub waited: Duration,
}

/// One view of all images of a batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ViewBatch {
    /// The values, `[n, c, h, w]`, contiguous, normalised as the pipeline does.
    pub data: Vec<f32>,
    /// `[n, c, h, w]`.
    pub shape: [usize; 4],
}

impl Batch {
    /// A batch to be filled, in the memory of a used one if there is any.
    pub(super) fn with_buffers_of(
        used: Option<Self>,
        pipeline: &ViewPipeline,
        batch_size: usize,
    ) -> Self {
        let mut batch = used.unwrap_or_default();
        batch.views.resize_with(pipeline.views(), ViewBatch::default);
        for (index, view) in batch.views.iter_mut().enumerate() {
            let [channels, height, width] = pipeline.shape(index);
            view.shape = [batch_size, channels, height, width];
            view.data.resize(view.shape.iter().product(), 0.0);
        }
        batch
    }
}

/// A batch that was worked on.
#[derive(Debug)]
pub(super) struct Filled {
    /// Complete unless too many images were bad.
    pub(super) batch: Batch,
    /// The bad images that were met, in the order of the samples.
    pub(super) bad_images: Vec<BadImage>,
}

/// What the samples of a batch have in common.
pub(super) struct Work<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) pipeline: &'a ViewPipeline,
    pub(super) seed: u64,
    pub(super) epoch: u64,
    /// After so many bad images in a row a sample is given up: so many in all are fatal.
    pub(super) attempts: usize,
}

/// The part of a batch that one sample fills.
struct Sample<'a> {
    position: u64,
    id: usize,
    views: Vec<&'a mut [f32]>,
    outcome: &'a mut Outcome,
}

/// What became of a sample.
#[derive(Debug, Default)]
struct Outcome {
    id: u64,
    label: Option<usize>,
    bad_images: Vec<BadImage>,
}

impl Work<'_> {
    /// Fills a batch with samples, given as positions in the epoch and ids.
    pub(super) fn fill(
        &self,
        mut batch: Batch,
        samples: impl ExactSizeIterator<Item = (u64, usize)> + Send,
        scratches: &mut [Scratch],
        stop: &AtomicBool,
    ) -> Result<Filled, LoadError> {
        let mut outcomes: Vec<Outcome> = Vec::new();
        outcomes.resize_with(samples.len(), Outcome::default);
        let mut views: Vec<ChunksExactMut<'_, f32>> = batch
            .views
            .iter_mut()
            .map(|view| view.data.chunks_exact_mut(view.shape[1..].iter().product()))
            .collect();
        let parts = samples.zip(&mut outcomes).map(|((position, id), outcome)| {
            let views = views
                .iter_mut()
                .map(|chunks| chunks.next().expect("a view has a chunk for each sample"))
                .collect();
            Sample { position, id, views, outcome }
        });
        share(parts, scratches, stop, |sample, scratch| {
            self.fill_sample(sample, scratch);
        })?;
        batch.ids.clear();
        batch.labels.clear();
        let mut bad_images = Vec::new();
        for outcome in outcomes {
            batch.ids.push(outcome.id);
            batch.labels.push(outcome.label);
            bad_images.extend(outcome.bad_images);
        }
        Ok(Filled { batch, bad_images })
    }

    fn fill_sample(&self, sample: Sample<'_>, scratch: &mut Scratch) {
        let Sample { position, id, views, outcome } = sample;
        let key = ViewKey { seed: self.seed, epoch: self.epoch, position, view: 0 };
        let Some((id, image)) = self.load(id, key, &mut outcome.bad_images) else {
            return;
        };
        outcome.id = id as u64;
        outcome.label = self.source.label(id);
        let range = self.pipeline.range(&image.image, scratch);
        for (view, out) in views.into_iter().enumerate() {
            self.pipeline.render_reduced(&image, range, ViewKey { view, ..key }, scratch, out);
        }
    }

    /// The first image from `first` on, around the source's end, that views can be made of.
    fn load(
        &self,
        first: usize,
        key: ViewKey,
        bad_images: &mut Vec<BadImage>,
    ) -> Option<(usize, ReducedImage)> {
        let choose = |size| self.pipeline.reduction(key, size);
        for offset in 0..self.attempts {
            let id = (first + offset) % self.source.len();
            let loaded = self.source.load_reduced(id, &choose).and_then(|image| {
                self.pipeline.check(&image.image)?;
                Ok(image)
            });
            match loaded {
                Ok(image) => return Some((id, image)),
                Err(error) => bad_images.push(BadImage::new(self.source, id, &error)),
            }
        }
        None
    }
}

/// An image that views can be made of.
pub(super) fn load(
    source: &dyn Source,
    pipeline: &ViewPipeline,
    id: usize,
) -> Result<DecodedImage, ImageError> {
    let image = source.load(id)?;
    pipeline.check(&image)?;
    Ok(image)
}
