//! Fine-tuning and linear classification with augmentation: epochs over labelled images.

use std::io;
use std::sync::Arc;

use barlow_data::loader::{BadImage, LoadError, Loader, LoaderConfig, LoaderError};
use barlow_data::source::Source;
use barlow_data::views::{ViewConfig, ViewPipeline};
use barlow_nn::Classifier;
use barlow_nn::collective::CollectiveError;
use barlow_nn::tensor_file::Tensors;
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::interrupt::Signal;
use crate::supervised::{RestoreError, Supervised, SupervisedConfig, SupervisedRates};

/// How the rates fall; they change after an epoch, never within one.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Decay {
    /// Half a cosine from the base rate to 0 (official evaluate.py).
    Cosine,
    /// Multiplied by `factor` after each of some epochs (paper, appendix: 0.2 after 12 and 16).
    Steps {
        /// Epochs done when the rate falls.
        after: Vec<u64>,
        /// What it is multiplied by.
        factor: f64,
    },
}

impl Decay {
    /// The rate of epoch `epoch` (from 0) of `epochs` as a share of the base rate.
    pub fn share(&self, epoch: u64, epochs: u64) -> f64 {
        match self {
            Self::Cosine => {
                let done = epoch as f64 / epochs as f64;
                0.5 * (1.0 + (std::f64::consts::PI * done).cos())
            }
            Self::Steps { after, factor } => {
                let falls = after.iter().filter(|&&at| epoch >= at).count();
                factor.powi(falls as i32)
            }
        }
    }
}

/// How a classifier is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct FinetuneConfig {
    /// Passes over the images.
    pub epochs: u64,
    /// The most images in a step, see [`even_batches`].
    pub batch_size: usize,
    /// The highest rates.
    pub rates: SupervisedRates,
    /// How they fall.
    pub decay: Decay,
    /// The rest of the rule.
    pub supervised: SupervisedConfig,
    /// Decides sample order and views.
    pub seed: u64,
    /// Threads that decode.
    pub workers: usize,
    /// The share of unreadable images (0..1) above which training ends.
    pub max_bad_image_fraction: f64,
}

/// What an epoch of training was.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FinetuneEpoch {
    /// Epochs done.
    pub epoch: u64,
    /// Mean cross-entropy of its steps, nats.
    pub loss: f64,
    /// Share of the images that were classified rightly while training, 0..1.
    pub accuracy: f64,
}

/// What is told of the way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FinetuneEvent {
    /// So many steps are done, of so many.
    Step(u64, u64),
    /// An epoch is done.
    Epoch(FinetuneEpoch),
}

/// Why training with labels ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FinetuneError {
    /// The images do not make a batch.
    #[error(transparent)]
    Loader(#[from] LoaderError),
    /// The images could not be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The ranks could not act together.
    #[error(transparent)]
    Collective(#[from] CollectiveError),
    /// The state could not be saved.
    #[error("the state cannot be saved")]
    Save(#[source] io::Error),
    /// The rates are too high.
    #[error("the loss of step {step} is not finite: lower the learning rates")]
    NotFinite {
        /// Steps done.
        step: u64,
    },
    /// What was saved is of another classifier.
    #[error("what was saved cannot be taken back")]
    Restore(#[from] RestoreError),
}

/// How far training with labels is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FinetuneState {
    /// Steps done.
    pub step: u64,
    /// Each epoch done.
    pub epochs: Vec<FinetuneEpoch>,
    /// Sum of the losses of the epoch that is under way.
    loss: f64,
    /// Images of it that were classified rightly.
    right: usize,
    /// Weights, running statistics and the optimizer's memory.
    #[serde(skip)]
    pub tensors: Tensors,
}

/// Who looks on, and may end it.
pub struct FinetuneHooks<'a> {
    /// Told of each step and epoch.
    pub observe: &'a mut dyn FnMut(FinetuneEvent),
    /// Given the state after each epoch and at an interruption.
    pub save: &'a mut dyn FnMut(&FinetuneState) -> io::Result<()>,
    /// Asked before each step whether to end.
    pub interrupted: &'a dyn Fn() -> Option<Signal>,
}

impl std::fmt::Debug for FinetuneHooks<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FinetuneHooks").finish_non_exhaustive()
    }
}

/// How training ended.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one")]
pub enum FinetuneEnd {
    /// All epochs are done.
    Finished(Finetuned),
    /// A signal came, and the state was saved.
    Interrupted(Signal),
}

/// What training gave.
#[derive(Debug)]
pub struct Finetuned {
    /// The classifier, on the device without autodiff.
    pub classifier: Classifier,
    /// Each epoch of the way.
    pub epochs: Vec<FinetuneEpoch>,
    /// Images that could not be decoded; others stood in for them.
    pub bad_images: Vec<BadImage>,
}

/// The view for training with labels: a random crop and a mirror image (official evaluate.py).
pub fn crop_and_flip() -> ViewConfig {
    ViewConfig {
        jitter_probability: 0.0,
        grayscale_probability: 0.0,
        blur_probability: 0.0,
        solarize_probability: 0.0,
        ..ViewConfig::official_a()
    }
}

/// How many images a step has, and how many steps an epoch: as many steps as evaluate.py makes, whose
/// last batch is incomplete, but all batches of one size, so that few images are left out (less than
/// one a step, others in each epoch).
///
/// # Range
/// - `images` and `most`: at least 1
pub fn even_batches(images: usize, most: usize) -> [usize; 2] {
    let steps = images.div_ceil(most).max(1);
    [images / steps, steps]
}

/// Trains a classifier on the labelled images of `source`, the first view of `pipeline` each, from the
/// beginning or from a saved state.
///
/// # Errors
/// If the images cannot be loaded, the loss is not finite, or the state cannot be saved or taken back.
///
/// # Panics
/// If an image of the source has no label.
pub fn finetune(
    classifier: Classifier,
    source: &Arc<dyn Source>,
    pipeline: Arc<ViewPipeline>,
    device: &Device,
    config: &FinetuneConfig,
    mut state: FinetuneState,
    hooks: FinetuneHooks,
) -> Result<FinetuneEnd, FinetuneError> {
    let FinetuneHooks { observe, save, interrupted } = hooks;
    let [batch_size, _] = even_batches(source.len().max(1), config.batch_size.max(1));
    let loader = Loader::new(
        Arc::clone(source),
        pipeline,
        LoaderConfig {
            batch_size,
            workers: config.workers,
            seed: config.seed,
            prefetch: 2,
            max_bad_image_fraction: config.max_bad_image_fraction,
        },
    )?;
    let steps_per_epoch = loader.steps_per_epoch();
    let steps = steps_per_epoch * config.epochs;
    let mut training = Supervised::new(classifier, config.supervised);
    if state.step > 0 {
        training.restore(&state.tensors, device)?;
    }
    let mut save = |state: &mut FinetuneState, training: &Supervised| {
        state.tensors = training.state();
        save(state).map_err(FinetuneError::Save)
    };
    let mut batches = loader.batches(state.step, steps);
    while state.step < steps {
        if let Some(signal) = interrupted() {
            save(&mut state, &training)?;
            return Ok(FinetuneEnd::Interrupted(signal));
        }
        let mut batch = batches.next().expect("the loader gives every step")?;
        let view = batch.views.swap_remove(0);
        let view = Tensor::from_data(TensorData::new(view.data, view.shape), device);
        let labels: Vec<usize> =
            batch.labels.iter().map(|label| label.expect("every image has a label")).collect();
        let share = config.decay.share(batch.epoch, config.epochs);
        let SupervisedRates { encoder, classifier } = config.rates;
        let rates = SupervisedRates { encoder: encoder * share, classifier: classifier * share };
        let done = training.step(view, &labels, rates)?;
        if !done.loss.is_finite() {
            return Err(FinetuneError::NotFinite { step: state.step });
        }
        state.loss += done.loss;
        state.right += done.right;
        state.step += 1;
        observe(FinetuneEvent::Step(state.step, steps));
        if state.step.is_multiple_of(steps_per_epoch) {
            let images = steps_per_epoch as f64 * batch_size as f64;
            let epoch = FinetuneEpoch {
                epoch: batch.epoch + 1,
                loss: state.loss / steps_per_epoch as f64,
                accuracy: state.right as f64 / images,
            };
            observe(FinetuneEvent::Epoch(epoch));
            state.epochs.push(epoch);
            (state.loss, state.right) = (0.0, 0);
            save(&mut state, &training)?;
        }
    }
    drop(batches);
    Ok(FinetuneEnd::Finished(Finetuned {
        classifier: training.classifier(),
        epochs: state.epochs,
        bad_images: loader.drain_bad_images(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_as_many_as_with_an_incomplete_last_one_and_all_alike() {
        for (images, most, expected) in [
            (600, 256, [200, 3]),
            (500, 256, [250, 2]),
            (60_000, 256, [255, 235]),
            (512, 256, [256, 2]),
            (10, 256, [10, 1]),
            (7, 1, [1, 7]),
        ] {
            assert_eq!(even_batches(images, most), expected);
            let left = images - expected[0] * expected[1];
            assert!(left < expected[1], "{left} of {images}");
        }
    }

    #[test]
    fn the_papers_steps_fall_after_their_epochs() {
        let decay = Decay::Steps { after: vec![12, 16], factor: 0.2 };
        let shares = [0, 11, 12, 15, 16, 19].map(|epoch| decay.share(epoch, 20));
        for (found, expected) in shares.iter().zip([1.0, 1.0, 0.2, 0.2, 0.04, 0.04]) {
            assert!((found - expected).abs() < 1e-12);
        }
        // torch.optim.lr_scheduler.CosineAnnealingLR, T_max 4, stepped after each epoch.
        for (epoch, expected) in [1.0, 0.853_553_39, 0.5, 0.146_446_61].into_iter().enumerate() {
            assert!((Decay::Cosine.share(epoch as u64, 4) - expected).abs() < 1e-8);
        }
    }
}
