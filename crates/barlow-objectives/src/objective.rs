//! The objective seam: what an objective asks for, gets, and gives back.

use std::collections::BTreeMap;
use std::fmt;

use barlow_nn::ProjectorConfig;
use barlow_nn::collective::{Collective, CollectiveError, SingleRank};
use burn::tensor::Tensor;

use crate::registry::Unfit;

/// The output of a network that an objective reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layer {
    /// The encoder's.
    Representation,
    /// The projector's.
    #[default]
    Embedding,
}

/// Some of the views of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Views {
    /// Every one.
    #[default]
    All,
    /// The two large ones, which come first.
    Large,
    /// The one at this position.
    Only(usize),
}

/// The large views.
pub(crate) const LARGE: usize = 2;

impl Views {
    /// Whether the view at a position is one of them.
    pub fn contain(self, position: usize) -> bool {
        match self {
            Self::All => true,
            Self::Large => position < LARGE,
            Self::Only(only) => only == position,
        }
    }
}

/// A perceptron behind the online network, trained with it.
#[derive(Debug, Clone)]
pub struct Predictor {
    /// What it is made of.
    pub config: ProjectorConfig,
    /// Of which views a prediction is wanted.
    pub views: Views,
    /// Whether its learning rate is the highest of the schedule in every step, warm-up included.
    pub has_constant_rate: bool,
}

/// An averaged copy of the online network.
#[derive(Debug, Clone, Copy, Default)]
pub struct Target {
    /// Of which views its output is wanted.
    pub views: Views,
    /// Whether it sees the batch in another order than the online network, which matters where
    /// batch norm works in groups.
    pub is_shuffled: bool,
}

/// What the loop must prepare for an objective.
#[derive(Debug, Clone)]
pub struct Needs {
    /// Of which views the output of the trained network is wanted.
    pub online: Views,
    /// Whose predictions it wants.
    pub predictor: Option<Predictor>,
    /// Whether, and of which views, it wants the outputs of an averaged copy of the network.
    pub target: Option<Target>,
    /// Into how many groups of images a batch is cut, each normalised by its own statistics.
    pub batch_norm_groups: usize,
    /// How many views of an image it can compare at most, if not any number.
    pub most_views: Option<usize>,
}

impl Default for Needs {
    fn default() -> Self {
        Self {
            online: Views::All,
            predictor: None,
            target: None,
            batch_norm_groups: 1,
            most_views: None,
        }
    }
}

impl Needs {
    /// Whether it can compare so many views of an image.
    ///
    /// # Errors
    /// If it cannot.
    pub fn check_views(&self, views: usize) -> Result<(), Unfit> {
        match self.most_views {
            Some(most) if views > most => {
                let small = most.saturating_sub(2);
                let allowed = format!("{small}, as the objective compares {most} views at most");
                Err(Unfit::Key { key: "views.small_views", allowed })
            }
            _ => Ok(()),
        }
    }
}

/// What the networks made of one view, as far as the objective asked for it; rows are the images of
/// this rank, in batch order. No tensor is part of a gradient graph.
#[derive(Debug, Clone, Default)]
pub struct ViewOutputs {
    /// Of the trained network, `[n, d]`.
    pub online: Option<Tensor<2>>,
    /// Of the predictor behind it.
    pub prediction: Option<Tensor<2>>,
    /// Of the target network, `[n, d]`.
    pub target: Option<Tensor<2>>,
}

impl ViewOutputs {
    /// The output of the trained network.
    ///
    /// # Panics
    /// If the objective did not ask for it.
    pub fn online(&self) -> Tensor<2> {
        self.online.clone().expect("the objective asked for this view's online output")
    }

    /// The prediction.
    ///
    /// # Panics
    /// If the objective did not ask for it.
    pub fn prediction(&self) -> Tensor<2> {
        self.prediction.clone().expect("the objective asked for this view's prediction")
    }

    /// The output of the target network.
    ///
    /// # Panics
    /// If the objective did not ask for it.
    pub fn target(&self) -> Tensor<2> {
        self.target.clone().expect("the objective asked for this view's target output")
    }
}

/// Where in the run a step is, and with whom it is shared.
#[derive(Debug, Clone, Copy)]
pub struct StepContext<'a> {
    /// The step, from 0.
    pub step: u64,
    /// Steps in the run.
    pub total_steps: u64,
    /// The seed of the run.
    pub seed: u64,
    /// Position in the source of each image of this rank's batch.
    pub ids: &'a [u64],
    /// The class of each, where it has one.
    pub labels: &'a [Option<usize>],
    /// The ranks that share the batch.
    pub collective: &'a dyn Collective,
}

impl StepContext<'_> {
    /// A step on one rank, with seed 0 and neither ids nor labels: all that most losses look at.
    pub fn on_one_rank(step: u64, total_steps: u64) -> Self {
        Self { step, total_steps, seed: 0, ids: &[], labels: &[], collective: &SingleRank }
    }
}

/// Where in the run an epoch is, and with whom it is shared.
#[derive(Debug, Clone, Copy)]
pub struct EpochContext<'a> {
    /// The epoch, from 0.
    pub epoch: u64,
    /// Epochs in the run.
    pub epochs: u64,
    /// The seed of the run.
    pub seed: u64,
    /// The ranks that share it.
    pub collective: &'a dyn Collective,
}

/// The gradient of the loss for what the networks made of one view; `None` where it is zero.
#[derive(Debug, Clone, Default)]
pub struct ViewGradients {
    /// For the online output.
    pub online: Option<Tensor<2>>,
    /// For the prediction.
    pub prediction: Option<Tensor<2>>,
}

impl ViewGradients {
    /// One for the online output only.
    pub fn of_online(gradient: Tensor<2>) -> Self {
        Self { online: Some(gradient), prediction: None }
    }

    /// One for the prediction only.
    pub fn of_prediction(gradient: Tensor<2>) -> Self {
        Self { online: None, prediction: Some(gradient) }
    }
}

/// What an objective says of one step.
#[derive(Debug, Clone, Default)]
pub struct Evaluation {
    /// The loss over the global batch.
    pub loss: f64,
    /// Its terms by name, unweighted.
    pub terms: Vec<(&'static str, f64)>,
    /// Further readings by name that are not part of the loss; those that a batch cannot give are left
    /// out.
    pub measures: Vec<(&'static str, f64)>,
    /// The loss that perfectly decorrelated outputs would still have at this batch size, where the
    /// objective has such a floor.
    pub floor: Option<f64>,
    /// The **true** gradient of the global loss for each view's outputs on this rank.
    pub gradients: Vec<ViewGradients>,
    /// Gradients for the objective's own parameters, by name, already summed over ranks; a parameter
    /// without one stays as it is.
    pub parameter_gradients: BTreeMap<String, Tensor<2>>,
    /// Why the step must not be applied, in a sentence without a stop, if it cannot be.
    pub fault: Option<String>,
}

impl Evaluation {
    /// Whether its measure `variation` is that of outputs that are the same for every image.
    pub fn is_constant(&self) -> bool {
        self.measure("variation").is_some_and(|variation| variation < CONSTANT)
    }

    /// One of its measures.
    pub fn measure(&self, name: &str) -> Option<f64> {
        self.measures.iter().find(|(known, _)| *known == name).map(|&(_, value)| value)
    }
}

/// The state of health of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is wrong.
    Healthy,
    /// Embeddings no longer tell images apart, or say nothing of them.
    Collapsed,
    /// Updates are destroying the weights.
    Diverging,
    /// The batch cannot tell chance correlation from redundancy at this width.
    BatchTooSmall,
    /// The dimensions of the embedding repeat each other.
    Redundant,
}

impl Verdict {
    /// The word for reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Collapsed => "collapsed",
            Self::Diverging => "diverging",
            Self::BatchTooSmall => "batch too small for the width",
            Self::Redundant => "redundant",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A verdict and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What is the matter.
    pub verdict: Verdict,
    /// The numbers behind it, in words, and what to do.
    pub reason: String,
    /// The step since which it has been so, where that is known.
    pub since_step: Option<u64>,
}

impl Finding {
    /// A verdict and why.
    pub fn new(verdict: Verdict, reason: String) -> Self {
        Self { verdict, reason, since_step: None }
    }
}

/// Means over the steps of the present epoch, for a verdict.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Images in a batch.
    pub batch_size: usize,
    /// Length of what the objective reads.
    pub dim: usize,
    /// The objective's measures.
    pub measures: BTreeMap<String, f64>,
}

impl Reading {
    /// One of the objective's measures.
    pub fn measure(&self, name: &str) -> Option<f64> {
        self.measures.get(name).copied()
    }
}

/// Share of the outputs' power (the measure `variation`) that must differ between images; f32
/// rounding alone gives 1e-13.
pub const CONSTANT: f64 = 1e-8;

/// A loss on the outputs of several views, with everything it carries from step to step.
///
/// [`Objective::evaluate`] changes nothing: a step whose numbers are not finite is dropped as a
/// whole. What has to be remembered of a step that counted is taken in [`Objective::after_step`].
pub trait Objective: fmt::Debug + Send {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// What the loop must prepare.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// Loss and gradients of one step.
    ///
    /// # Errors
    /// If a rank is gone or late.
    fn evaluate(
        &self,
        views: &[ViewOutputs],
        context: &StepContext,
    ) -> Result<Evaluation, CollectiveError>;

    /// Before an epoch; `features` computes the outputs of the layer it reads for the whole source
    /// in order, `[images, d]`, when called; an image that cannot be read has a row of zeros.
    ///
    /// # Errors
    /// If a rank is gone or late.
    fn before_epoch(
        &mut self,
        _context: &EpochContext,
        _features: &mut dyn FnMut() -> Result<Tensor<2>, CollectiveError>,
    ) -> Result<(), CollectiveError> {
        Ok(())
    }

    /// Before the networks see the views: may mix, replace or add some, each `[n, c, h, w]`.
    ///
    /// # Errors
    /// If a rank is gone or late.
    fn before_views(
        &self,
        views: Vec<Tensor<4>>,
        _context: &StepContext,
    ) -> Result<Vec<Tensor<4>>, CollectiveError> {
        Ok(views)
    }

    /// After a step that counted, with the outputs it was computed from.
    ///
    /// # Errors
    /// If a rank is gone or late.
    fn after_step(
        &mut self,
        _views: &[ViewOutputs],
        _context: &StepContext,
    ) -> Result<(), CollectiveError> {
        Ok(())
    }

    /// The share of the target network that a step keeps, if it has one.
    fn target_momentum(&self, _context: &StepContext) -> f64 {
        1.0
    }

    /// Its own trained parameters by name.
    fn parameters(&self) -> BTreeMap<String, Tensor<2>> {
        BTreeMap::new()
    }

    /// Takes parameters as the optimizer left them.
    fn set_parameters(&mut self, _parameters: BTreeMap<String, Tensor<2>>) {}

    /// What else it carries from step to step, by name; parameters need not be repeated.
    fn state(&self) -> BTreeMap<String, Tensor<2>> {
        BTreeMap::new()
    }

    /// Takes back what [`Objective::state`] gave.
    fn restore(&mut self, _state: BTreeMap<String, Tensor<2>>) {}

    /// Whether one step's measures are those of a network whose outputs no longer tell images apart, or
    /// say nothing of them.
    fn has_collapsed(&self, evaluation: &Evaluation) -> bool {
        evaluation.is_constant()
    }

    /// What the objective itself finds wrong with a run, beyond a constant output and divergence.
    fn diagnose(&self, _reading: &Reading) -> Option<Finding> {
        None
    }
}
