//! Objectives: what the outputs of two views are worth, and the gradient that says how to do better.
//!
//! [`Objective`] is the seam: the training loop computes the networks an objective [`Needs`], hands
//! over what came out, and sends back through them whatever gradients it gets. [`BarlowTwins`] is
//! the method of this project; others are one file each. No objective sees an image.

mod by_autodiff;
mod classification;
mod constants;
mod contrast;
mod cross_correlation;
mod gathered;
mod host;
mod image_labels;
mod normalise;
mod objective;
mod prediction;
mod registry;
mod sinkhorn;
mod standardise;
mod variation;

/// Declares the objectives, a file each, and lists them.
macro_rules! objectives {
    ($($module:ident),* $(,)?) => {
        $(mod $module;)*

        /// Every objective of this crate.
        static ALL: &[&Entry] = &[$(&$module::ENTRY),*];
    };
}

objectives! {
    barlow_twins,
    byol,
    corinfomax,
    deepcluster,
    directclr,
    hsic,
    imax,
    infonce,
    mixed_barlow_twins,
    moco,
    sela,
    simclr,
    simsiam,
    supervised,
    swav,
    vicreg,
    w_mse,
}

pub use barlow_twins::{BarlowTwins, CrossCorrelationForm};
pub use by_autodiff::by_autodiff;
pub use constants::{Allowed, Bounds, Constant, ConstantValue, Constants};
pub use objective::{
    CONSTANT, EpochContext, Evaluation, Finding, Layer, Needs, Objective, Predictor, Reading,
    StepContext, Target, Verdict, ViewGradients, ViewOutputs, Views,
};
pub use registry::{Constructor, Entry, ObjectiveConfig, ObjectiveError, Registry, Scope, Unfit};
pub use standardise::Standardised;
