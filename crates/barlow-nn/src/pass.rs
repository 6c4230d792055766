//! What a forward pass knows besides its input.

use std::cell::RefCell;
use std::collections::BTreeMap;

use barlow_kernels::Isa;
use burn::module::ParamId;
use burn::tensor::{Device, Tensor};

use crate::collective::Collective;
use crate::precision::{Precision, is_cpu};

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
    precision: Precision,
    /// The instructions of our own kernels; `None` leaves everything to the engine.
    kernels: Option<Isa>,
    statistics: RefCell<BTreeMap<ParamId, BatchStatistics>>,
}

impl<'a> Pass<'a> {
    /// A training pass over a batch that is shared by the ranks of `collective`.
    pub fn training(collective: &'a dyn Collective, precision: Precision) -> Self {
        Self { collective: Some(collective), ..Self::evaluation(precision) }
    }

    /// An evaluation pass.
    pub fn evaluation(precision: Precision) -> Self {
        let kernels = Some(Isa::best());
        Self { collective: None, precision, kernels, statistics: RefCell::default() }
    }

    /// The same pass by the engine's ordinary operations only, on the CPU, too.
    #[must_use]
    pub fn without_kernels(self) -> Self {
        Self { kernels: None, ..self }
    }

    /// The same pass with the given instructions of those that the machine has.
    #[must_use]
    pub fn with_kernels(self, isa: Isa) -> Self {
        Self { kernels: Some(isa.min(Isa::best())), ..self }
    }

    /// The precision of activations and products.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The instructions of our own kernels where they can take a view: on the CPU, without gradient.
    pub(crate) fn kernels_for(&self, view: &Tensor<4>) -> Option<Isa> {
        self.kernels_on(&view.device()).filter(|_| !view.is_tracked())
    }

    /// The instructions of our own kernels on a device, if it is the CPU.
    pub(crate) fn kernels_on(&self, device: &Device) -> Option<Isa> {
        self.kernels.filter(|_| is_cpu(device))
    }

    /// The precision of a matrix product by the engine: on the CPU the engine has f32 only.
    pub(crate) fn linear_precision(&self, x: &Tensor<2>) -> Precision {
        if is_cpu(&x.device()) { Precision::F32 } else { self.precision }
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
