//! Training with labels: softmax cross-entropy of a linear classifier, the encoder trained as well
//! or frozen.
//!
//! Source: official evaluate.py. A frozen encoder is in evaluation mode; SGD with momentum, weight
//! decay on everything that is trained, one rate for the encoder and one for the classifier.

use barlow_nn::collective::{CollectiveError, SingleRank};
use barlow_nn::named::WeightsMismatch;
use barlow_nn::tensor_file::{TensorFileError, Tensors};
use barlow_nn::{Classifier, Pass, Precision, commit, named};
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

use crate::optimizer::{Optimizer, ParameterClass};
use crate::schedule::Rates;
use crate::settings::{OptimizerName, OptimizerSettings};

/// Prefix of the classifier's parameters among all names.
const CLASSIFIER: &str = "fc.";

/// Why a state cannot be taken back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// It is of another classifier.
    #[error(transparent)]
    Weights(#[from] WeightsMismatch),
    /// What the optimizer remembered is of another type.
    #[error(transparent)]
    Optimizer(#[from] TensorFileError),
}

/// A classifier in training.
#[derive(Debug)]
pub struct Supervised {
    classifier: Classifier,
    optimizer: Optimizer,
    config: SupervisedConfig,
}

/// What does not change while it trains.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SupervisedConfig {
    /// Whether the encoder stays as it is.
    pub is_frozen: bool,
    /// Share of the last update that is kept.
    pub momentum: f64,
    /// Pull of everything that is trained towards 0.
    pub weight_decay: f64,
    /// In which the encoder computes.
    pub precision: Precision,
}

/// The rates of one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SupervisedRates {
    /// Of the encoder's parameters; unused while it is frozen.
    pub encoder: f64,
    /// Of the classifier's.
    pub classifier: f64,
}

/// What a batch said before the update.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SupervisedStep {
    /// Mean cross-entropy, nats.
    pub loss: f64,
    /// Images whose class had the highest score.
    pub right: usize,
}

impl Supervised {
    /// Training of `classifier`, which lies on an autodiff device.
    pub fn new(classifier: Classifier, config: SupervisedConfig) -> Self {
        let optimizer = Optimizer::new(&OptimizerSettings {
            name: OptimizerName::Sgd,
            momentum: config.momentum,
            weight_decay: config.weight_decay,
            ..OptimizerSettings::default()
        });
        Self { classifier, optimizer, config }
    }

    /// One update from a batch; a loss that is not finite changes nothing.
    ///
    /// # Shapes
    /// - `view`: `[n, c, h, w]`, on the device without autodiff
    /// - `labels`: n, each below the number of classes
    ///
    /// # Errors
    /// If a rank is gone or late.
    pub fn step(
        &mut self,
        view: Tensor<4>,
        labels: &[usize],
        rates: SupervisedRates,
    ) -> Result<SupervisedStep, CollectiveError> {
        let precision = self.config.precision;
        let (representation, statistics) = if self.config.is_frozen {
            let encoder = self.classifier.encoder.valid();
            let representation = encoder.forward(view, &Pass::evaluation(precision))?;
            (representation.autodiff(), None)
        } else {
            let pass = Pass::training(&SingleRank, precision);
            let representation = self.classifier.encoder.forward(view.autodiff(), &pass)?;
            (representation, Some(pass.into_statistics()))
        };
        let scores = self.classifier.fc.forward(representation);
        let [_, classes] = scores.dims();
        let values: Vec<f32> = scores.clone().inner().into_data().iter::<f32>().collect();
        let (step, gradient) = cross_entropy(&values, classes, labels);
        if !step.loss.is_finite() {
            return Ok(step);
        }
        let shape = [labels.len(), classes];
        let gradient =
            Tensor::from_data(TensorData::new(gradient, shape), &scores.device().inner());
        let surrogate = (scores * gradient.autodiff()).sum();
        let mut gradients = named::gradients(&self.classifier, &surrogate.backward());
        let optimizer = &mut self.optimizer;
        let updated = named::replace(self.classifier.clone(), |name, old| {
            let gradient = gradients.remove(name)?;
            let is_head = name.starts_with(CLASSIFIER);
            let rate = if is_head { rates.classifier } else { rates.encoder };
            // Of one class: evaluate.py decays biases and norms, too.
            let rates = Rates { weights: rate, biases_and_norms: rate };
            let class = ParameterClass::Weights;
            Some(optimizer.step(name, class, rates, old.values.clone(), gradient).value)
        });
        self.classifier = match statistics {
            Some(statistics) => commit(updated, &statistics),
            None => updated,
        };
        Ok(step)
    }

    /// Everything that the next step depends on: `classifier/…` and `optimizer/…`.
    pub fn state(&self) -> Tensors {
        let mut state = named::arrays(&self.classifier, "classifier/");
        state.append(&mut self.optimizer.state("optimizer/"));
        state
    }

    /// Takes back what [`Supervised::state`] gave.
    ///
    /// # Errors
    /// If it is of another classifier; nothing is changed then.
    pub fn restore(&mut self, state: &Tensors, device: &Device) -> Result<(), RestoreError> {
        let weights: Tensors = state
            .iter()
            .filter(|(name, _)| name.starts_with("classifier/"))
            .map(|(name, array)| (name.clone(), array.clone()))
            .collect();
        let classifier = named::load(self.classifier.clone(), &weights, "classifier/")?;
        self.optimizer.restore(state, "optimizer/", device)?;
        self.classifier = classifier;
        Ok(())
    }

    /// The classifier as it is now, on the device without autodiff.
    pub fn classifier(&self) -> Classifier {
        self.classifier.valid()
    }
}

/// The mean cross-entropy of scores, and its gradient, `(softmax - one hot) / n`.
///
/// # Shapes
/// - `scores` and the gradient: `[n, classes]`, contiguous
fn cross_entropy(scores: &[f32], classes: usize, labels: &[usize]) -> (SupervisedStep, Vec<f32>) {
    let n = labels.len() as f64;
    let (mut loss, mut right) = (0.0, 0);
    let mut gradient = Vec::with_capacity(scores.len());
    for (row, &label) in scores.chunks_exact(classes).zip(labels) {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let exps = row.iter().map(|&score| f64::from(score - largest).exp());
        let sum: f64 = exps.clone().sum();
        loss += sum.ln() - f64::from(row[label] - largest);
        right += usize::from(row.iter().position(|&score| score >= largest) == Some(label));
        let softmax = exps.map(|exp| exp / sum);
        gradient.extend(softmax.enumerate().map(|(class, share)| {
            let hot = if class == label { 1.0 } else { 0.0 };
            ((share - hot) / n) as f32
        }));
    }
    (SupervisedStep { loss: loss / n, right }, gradient)
}
