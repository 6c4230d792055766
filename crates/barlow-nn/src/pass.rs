//! What a forward pass knows besides its input.

use std::cell::RefCell;
use std::collections::BTreeMap;

use burn::module::ParamId;
use burn::tensor::Tensor;

use crate::collective::Collective;

/// The statistics of one batch at one norm, which will move its running statistics.
#[derive(Debug, Clone)]
pub struct BatchStatistics {
    /// Mean of each channel, `[channels]`.
    pub mean: Tensor<1>,
    /// **Unbiased** variance of each channel, `[channels]`, as PyTorch keeps it.
    pub variance: Tensor<1>,
}

/// One forward pass: training, with the statistics of its own batch, or evaluation, with the
/// running ones.
///
/// A training pass changes nothing: the statistics it owes the running ones are collected here, to
/// be committed together with the optimizer's update or dropped with it.
#[derive(Debug)]
pub struct Pass<'a> {
    collective: Option<&'a dyn Collective>,
    statistics: RefCell<BTreeMap<ParamId, BatchStatistics>>,
}

impl<'a> Pass<'a> {
    /// A training pass over a batch that is shared by the ranks of `collective`.
    pub fn training(collective: &'a dyn Collective) -> Self {
        Self { collective: Some(collective), statistics: RefCell::default() }
    }

    /// An evaluation pass.
    pub fn evaluation() -> Self {
        Self { collective: None, statistics: RefCell::default() }
    }

    /// The ranks that share a training batch; `None` in evaluation.
    pub fn collective(&self) -> Option<&'a dyn Collective> {
        self.collective
    }

    /// Notes what the norm owning `running_mean` saw.
    pub fn owe(&self, running_mean: ParamId, statistics: BatchStatistics) {
        self.statistics.borrow_mut().insert(running_mean, statistics);
    }

    /// What the norms of this pass saw, by the identity of their running mean.
    pub fn into_statistics(self) -> BTreeMap<ParamId, BatchStatistics> {
        self.statistics.into_inner()
    }
}
