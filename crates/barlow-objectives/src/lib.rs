//! Objectives: what the outputs of two views are worth, and the gradient that says how to do better.
//!
//! [`Objective`] is the seam: the training loop computes the networks an objective [`Needs`], hands
//! over what came out, and sends back through them whatever gradients it gets. [`BarlowTwins`] is
//! the method of this project; others are one file each. No objective sees an image.

mod barlow_twins;
mod by_autodiff;
mod objective;
mod registry;
mod standardise;

pub use barlow_twins::{BarlowTwins, CrossCorrelationForm};
pub use by_autodiff::by_autodiff;
pub use objective::{
    Evaluation, Finding, Layer, Needs, Objective, Reading, StepContext, Verdict, ViewGradients,
    ViewOutputs,
};
pub use registry::{Constructor, ObjectiveConfig, Registry};
pub use standardise::Standardised;
