//! Linear classifiers of frozen features: multinomial logistic regression.
//!
//! Features are standardised by mean and deviation of the training set, so one decay and one learning
//! rate serve encoders of any scale; the classifier that results is of raw features. Settings are
//! chosen on images held out of the training set, never on the test set.

mod data;
mod lbfgs;
mod objective;
mod probe;
mod sgd;

use barlow_kernels::{Isa, PanelMatrix};
use rayon::prelude::*;

use crate::error::EvalError;
use crate::features::Features;
use crate::metrics::check_table;

pub use probe::{LinearOutcome, train_linear};

/// Images that are scored at once.
const BLOCK: usize = 256;

/// Scores of classes that are linear in the features: `weights · x + bias`.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearClassifier {
    /// Number of classes.
    pub classes: usize,
    /// Length of a feature vector.
    pub dim: usize,
    /// `[classes, dim]`, of raw features, contiguous.
    pub weights: Vec<f32>,
    /// `[classes]`.
    pub bias: Vec<f32>,
}

impl LinearClassifier {
    /// The score of every image for every class, `[n, classes]`, contiguous.
    ///
    /// # Numerics
    /// f32.
    ///
    /// # Errors
    /// If the features are malformed, not finite or of another dimension, or weights and bias do not have
    /// their shapes.
    pub fn scores(&self, features: &Features) -> Result<Vec<f32>, EvalError> {
        features.check()?;
        check_table(self.weights.len(), self.classes, self.dim)?;
        check_table(self.bias.len(), self.classes, 1)?;
        if features.is_empty() {
            return Ok(vec![]);
        }
        if features.dim != self.dim {
            return Err(EvalError::Dimension { expected: self.dim, found: features.dim });
        }
        let isa = Isa::best();
        let weights = PanelMatrix::transposed(isa, self.classes, self.dim, |class, to| {
            to.copy_from_slice(&self.weights[class * self.dim..(class + 1) * self.dim]);
        });
        let mut scores = vec![0.0; features.len() * self.classes];
        let blocks = scores.par_chunks_mut((BLOCK * self.classes).max(1)).enumerate();
        blocks.for_each(|(block, scores)| {
            let count = scores.len() / self.classes;
            let rows = PanelMatrix::from_rows(count, self.dim, |row, to| {
                to.copy_from_slice(features.row(block * BLOCK + row));
            });
            let mut products = PanelMatrix::zeroed(count, self.classes);
            products.set_product(isa, &rows, &weights);
            for (row, scores) in scores.chunks_exact_mut(self.classes).enumerate() {
                let values = products.row(row).flatten().zip(&self.bias);
                for (score, (value, bias)) in scores.iter_mut().zip(values) {
                    *score = value + bias;
                }
            }
        });
        Ok(scores)
    }

    /// Names, shapes and values, for a file; the names are those of torchvision's last layer.
    pub fn arrays(&self) -> [(&'static str, Vec<usize>, &[f32]); 2] {
        [
            ("fc.weight", vec![self.classes, self.dim], &self.weights),
            ("fc.bias", vec![self.classes], &self.bias),
        ]
    }
}

/// Stochastic gradient descent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgd {
    /// Rate of the first epoch, above 0; it falls as half a cosine over the epochs.
    pub learning_rate: f64,
    /// 0..1, 1 excluded.
    pub momentum: f64,
    /// Passes over the training set, at least 1.
    pub epochs: usize,
    /// Images of a step, at least 1.
    pub batch_size: usize,
}

impl Default for Sgd {
    /// Rate 0.1, momentum 0.9, 30 epochs, batches of 256.
    fn default() -> Self {
        Self { learning_rate: 0.1, momentum: 0.9, epochs: 30, batch_size: 256 }
    }
}

/// L-BFGS over all images at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lbfgs {
    /// Most steps, at least 1.
    pub most_steps: usize,
    /// Ends where no component of the gradient is larger, at least 0.
    pub tolerance: f64,
}

impl Default for Lbfgs {
    /// 200 steps; 1e-4 is scikit-learn's tolerance.
    fn default() -> Self {
        Self { most_steps: 200, tolerance: 1e-4 }
    }
}

/// How weights are found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LinearOptimizer {
    /// The minimum itself.
    Lbfgs(Lbfgs),
    /// A fixed number of epochs.
    Sgd(Sgd),
}

/// One way to train.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinearSetting {
    /// How weights are found.
    pub optimizer: LinearOptimizer,
    /// Factor of `‖W‖² / 2` beside the mean cross-entropy, at least 0, on standardised features. With
    /// `n` images, scikit-learn's `C` is `1 / (n · decay)`.
    pub decay: f64,
}

/// What is tried.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearConfig {
    /// The settings to choose from; one alone is taken as it is. Of equally good ones the earlier is
    /// taken, so those that regularise most belong first.
    pub settings: Vec<LinearSetting>,
    /// Share of each class of the training set that settings are chosen on, 0..1, rounded down.
    pub held_out_fraction: f64,
    /// Draws the images held out, and the order of stochastic gradient descent.
    pub seed: u64,
}

impl Default for LinearConfig {
    /// L-BFGS, its decay chosen among 1e-1 to 1e-6 on a tenth of the training set.
    fn default() -> Self {
        let optimizer = LinearOptimizer::Lbfgs(Lbfgs::default());
        let decays = [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6];
        Self {
            settings: decays.map(|decay| LinearSetting { optimizer, decay }).to_vec(),
            held_out_fraction: 0.1,
            seed: 0,
        }
    }
}

impl LinearConfig {
    /// Stochastic gradient descent with [`Sgd::default`] and no decay; nothing is chosen.
    pub fn sgd(seed: u64) -> Self {
        let optimizer = LinearOptimizer::Sgd(Sgd::default());
        Self { settings: vec![LinearSetting { optimizer, decay: 0.0 }], seed, ..Self::default() }
    }

    /// Whether every number is in its range.
    ///
    /// # Errors
    /// With the first that is not.
    pub fn check(&self) -> Result<(), EvalError> {
        let count = self.settings.len();
        EvalError::unless(count > 0, "number of settings", count as f64, "at least 1")?;
        let share = self.held_out_fraction;
        EvalError::unless(
            (0.0..1.0).contains(&share),
            "held-out fraction",
            share,
            "0 up to below 1",
        )?;
        let (positive, whole) = ("above 0 and finite", "at least 1");
        for LinearSetting { optimizer, decay } in &self.settings {
            let is_allowed = *decay >= 0.0 && decay.is_finite();
            EvalError::unless(is_allowed, "decay", *decay, "at least 0 and finite")?;
            match optimizer {
                LinearOptimizer::Lbfgs(Lbfgs { most_steps, tolerance }) => {
                    EvalError::unless(*most_steps > 0, "steps", 0.0, whole)?;
                    let is_allowed = *tolerance >= 0.0;
                    EvalError::unless(is_allowed, "tolerance", *tolerance, "at least 0")?;
                }
                LinearOptimizer::Sgd(Sgd { learning_rate, momentum, epochs, batch_size }) => {
                    let is_allowed = *learning_rate > 0.0 && learning_rate.is_finite();
                    EvalError::unless(is_allowed, "learning rate", *learning_rate, positive)?;
                    let is_allowed = (0.0..1.0).contains(momentum);
                    EvalError::unless(is_allowed, "momentum", *momentum, "0 up to below 1")?;
                    EvalError::unless(*epochs > 0, "epochs", 0.0, whole)?;
                    EvalError::unless(*batch_size > 0, "batch size", 0.0, whole)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests;
