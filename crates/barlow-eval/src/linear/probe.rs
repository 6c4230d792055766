//! Training: settings tried on a part of the training set, the best one used on all of it.

use barlow_kernels::Isa;

use super::data::{Block, Standardisation};
use super::lbfgs::{Minimum, minimise};
use super::objective::Shape;
use super::{Lbfgs, LinearClassifier, LinearConfig, LinearOptimizer, LinearSetting, sgd};
use crate::error::EvalError;
use crate::features::Features;
use crate::held_out::held_out;
use crate::metrics::top_k_accuracy;

/// The largest number that a class may have: a classifier has weights for all smaller ones.
const MOST_CLASSES: usize = 1 << 16;

/// A trained classifier, and how it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearOutcome {
    /// The classifier of raw features.
    pub classifier: LinearClassifier,
    /// What was chosen.
    pub setting: LinearSetting,
    /// Accuracy of every setting on the images held out, 0..1; empty where there was no choice, or no
    /// class had images to spare.
    pub held_out_accuracies: Vec<f64>,
    /// Images held out while settings were tried.
    pub held_out_images: usize,
    /// Share of the training images that the final classifier gets right, 0..1.
    pub training_accuracy: f64,
    /// What was minimised, on all training images: mean cross-entropy in nats and decay.
    pub training_loss: f64,
    /// Steps of the final training; as many as allowed where L-BFGS did not come to its end.
    pub steps: usize,
}

/// Trains a linear classifier on the images that have a label.
///
/// Each setting is trained without the images held out and judged by its accuracy on them; the best is
/// trained again on all. There are as many classes as the largest label says.
///
/// # Numerics
/// The same for every number of threads.
///
/// # Errors
/// If features are malformed or not finite, fewer than two classes have images, a class has a number
/// beyond 65,535, or a setting is out of range.
///
/// # Source
/// scikit-learn's `LogisticRegression` (multinomial) on features scaled by `StandardScaler`.
pub fn train_linear(
    features: &Features,
    config: &LinearConfig,
) -> Result<LinearOutcome, EvalError> {
    config.check()?;
    features.check()?;
    let (features, labels) = features.labelled();
    let (Some(&least), Some(&most)) = (labels.iter().min(), labels.iter().max()) else {
        return Err(EvalError::NoLabels);
    };
    if least == most {
        return Err(EvalError::OneClass { class: least });
    }
    if most >= MOST_CLASSES {
        return Err(EvalError::ClassNumber { class: most, most: MOST_CLASSES - 1 });
    }
    let classes = most + 1;
    let mut held_out_accuracies = Vec::new();
    let mut held_out_images = 0;
    let mut chosen = 0;
    if config.settings.len() > 1 {
        let out = held_out(&features.labels, config.held_out_fraction, config.seed);
        held_out_images = out.len();
        if !out.is_empty() {
            let is_out = |index: usize| out.binary_search(&(index as u64)).is_ok();
            let judges = features.filter(is_out);
            let mut trainer =
                Trainer::new(features.filter(|index| !is_out(index)), classes, config.seed);
            for setting in &config.settings {
                let classifier = trainer.train(setting).classifier;
                let scores = classifier.scores(&judges)?;
                held_out_accuracies.push(top_k_accuracy(&scores, classes, &judges.labels, 1)?);
            }
            for (index, accuracy) in held_out_accuracies.iter().enumerate() {
                if *accuracy > held_out_accuracies[chosen] {
                    chosen = index;
                }
            }
        }
    }
    let setting = config.settings[chosen];
    let mut trainer = Trainer::new(features, classes, config.seed);
    let Trained { classifier, loss, steps } = trainer.train(&setting);
    let scores = classifier.scores(&trainer.features)?;
    let training_accuracy = top_k_accuracy(&scores, classes, &trainer.features.labels, 1)?;
    Ok(LinearOutcome {
        classifier,
        setting,
        held_out_accuracies,
        held_out_images,
        training_accuracy,
        training_loss: loss,
        steps,
    })
}

/// What one training gave.
struct Trained {
    classifier: LinearClassifier,
    loss: f64,
    steps: usize,
}

/// Training images, and the weights that one setting leaves to the next.
struct Trainer {
    features: Features,
    standardisation: Standardisation,
    blocks: Vec<Block>,
    shape: Shape,
    /// Minima of neighbouring decays are near each other.
    last_minimum: Vec<f64>,
    seed: u64,
}

impl Trainer {
    /// Of features that all have labels.
    fn new(features: Features, classes: usize, seed: u64) -> Self {
        let labels: Vec<usize> = features.labels.iter().copied().flatten().collect();
        let standardisation = Standardisation::of(&features);
        let blocks = Block::all(&features, &labels, &standardisation);
        let shape = Shape { dim: features.dim, classes };
        Self { features, standardisation, blocks, shape, last_minimum: shape.zeros(), seed }
    }

    fn train(&mut self, setting: &LinearSetting) -> Trained {
        let isa = Isa::best();
        let (shape, decay) = (self.shape, setting.decay);
        let evaluate = |list: &[f64]| {
            let evaluation = shape.evaluate(isa, &self.blocks, list, decay);
            (evaluation.loss, evaluation.gradient)
        };
        let (list, loss, steps) = match setting.optimizer {
            LinearOptimizer::Lbfgs(Lbfgs { most_steps, tolerance }) => {
                let start = std::mem::take(&mut self.last_minimum);
                let Minimum { place, value, steps } =
                    minimise(start, most_steps, tolerance, evaluate);
                self.last_minimum.clone_from(&place);
                (place, value, steps)
            }
            LinearOptimizer::Sgd(settings) => {
                let list = sgd::train(isa, &self.blocks, shape, settings, decay, self.seed);
                let loss = evaluate(&list).0;
                let steps = settings.epochs * self.features.len().div_ceil(settings.batch_size);
                (list, loss, steps)
            }
        };
        let places = shape.weights(&list);
        let weight = |at: usize, class: usize| list[places.index(at, class)];
        let classifier = self.standardisation.fold(&weight, &list[shape.weights_len()..]);
        Trained { classifier, loss, steps }
    }
}
