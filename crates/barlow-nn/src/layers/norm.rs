//! Batch normalisation in three steps: channel sums, statistics (shared by ranks), normalise.
//!
//! The sums belong to the convolution or linear layer before the norm, which can take them while
//! its output is still at hand; the statistics are where ranks meet; and normalising takes the
//! residual and the ReLU along. Ioffe and Szegedy (2015); constants as PyTorch's `BatchNorm2d`.

use burn::module::{Module, Param};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};

use super::activation::Activation;
use crate::collective::{Collective, CollectiveError};
use crate::cpu::{Normalisation, Sums};
use crate::init::Initializer;
use crate::pass::{BatchStatistics, Pass};

/// Added to the variance before its root is taken (PyTorch's default).
pub(crate) const EPSILON: f64 = 1e-5;

/// How far one batch moves the running statistics (PyTorch's default).
pub(crate) const MOMENTUM: f64 = 0.1;

/// Σ and Σ² of each channel over this rank's batch and all positions.
#[derive(Debug, Clone)]
pub struct ChannelSums {
    sum: Tensor<1>,
    sum_of_squares: Tensor<1>,
    count: usize,
}

impl ChannelSums {
    /// Σ and Σ² as the CPU's kernels give them, of an activation of the given shape.
    pub(super) fn on_cpu(sums: Sums, [batch, channels, height, width]: [usize; 4]) -> Self {
        let [sum, sum_of_squares] = sums
            .map(|values| Tensor::from_data(TensorData::new(values, [channels]), &Device::flex()));
        Self { sum, sum_of_squares, count: batch * height * width }
    }

    /// The sums of `x`, `[batch, channels, height, width]`.
    pub fn of(x: &Tensor<4>) -> Self {
        let [batch, channels, height, width] = x.dims();
        let sum = |x: Tensor<4>| {
            x.reshape([batch, channels, height * width]).sum_dim(2).sum_dim(0).reshape([channels])
        };
        Self {
            sum: sum(x.clone()),
            sum_of_squares: sum(x.clone() * x.clone()),
            count: batch * height * width,
        }
    }

    /// The statistics of each channel over the batches of all ranks.
    ///
    /// # Numerics
    /// `E[x²] - E[x]²` in the tensor's precision, not below 0.
    ///
    /// # Errors
    /// If a rank is gone or late.
    pub fn statistics(
        self,
        collective: &dyn Collective,
    ) -> Result<ChannelStatistics, CollectiveError> {
        let count = self.count * collective.world();
        let channels = self.sum.dims()[0];
        let sums = collective.sum(Tensor::cat(vec![self.sum, self.sum_of_squares], 0))?;
        let mean = sums.clone().slice(0..channels) / count as f64;
        let square = sums.slice(channels..2 * channels) / count as f64;
        let variance = (square - mean.clone() * mean.clone()).clamp_min(0.0);
        Ok(ChannelStatistics { mean, variance, count })
    }
}

/// Mean and biased variance of each channel over the global batch.
#[derive(Debug, Clone)]
pub struct ChannelStatistics {
    mean: Tensor<1>,
    variance: Tensor<1>,
    count: usize,
}

impl ChannelStatistics {
    /// What the running statistics are moved towards: detached, with unbiased variance.
    fn owed(&self) -> BatchStatistics {
        let unbiased = self.count as f64 / (self.count as f64 - 1.0).max(1.0);
        BatchStatistics {
            mean: detached(&self.mean),
            variance: detached(&self.variance) * unbiased,
        }
    }
}

/// The tensor without its history; the CPU's kernels give none to begin with.
fn detached(tensor: &Tensor<1>) -> Tensor<1> {
    if tensor.device().is_autodiff() { tensor.clone().inner() } else { tensor.clone() }
}

/// What follows the normalisation in the same step.
#[derive(Debug, Clone, Default)]
pub struct Finish {
    /// Added to the normalised activation, of its shape.
    pub residual: Option<Activation>,
    /// Whether negative values become 0 at the end.
    pub relu: bool,
}

impl Finish {
    /// ReLU, no residual.
    pub fn relu() -> Self {
        Self { residual: None, relu: true }
    }

    fn apply(self, x: Tensor<4>) -> Tensor<4> {
        let x = match self.residual {
            Some(residual) => x + residual.tensor(),
            None => x,
        };
        if self.relu { relu(x) } else { x }
    }
}

/// Batch normalisation with scale and shift, trained or not.
#[derive(Module, Debug)]
pub struct BatchNorm {
    /// γ, `[channels]`.
    pub weight: Param<Tensor<1>>,
    /// β, `[channels]`.
    pub bias: Param<Tensor<1>>,
    /// Moving mean, `[channels]`.
    pub running_mean: Param<Tensor<1>>,
    /// Moving unbiased variance, `[channels]`.
    pub running_var: Param<Tensor<1>>,
}

impl BatchNorm {
    /// A norm with γ = `weight`, β = 0 and running statistics of 0 and 1.
    pub fn new(channels: usize, weight: f64, initializer: &Initializer) -> Self {
        Self {
            weight: initializer.constant(channels, weight),
            bias: initializer.constant(channels, 0.0),
            running_mean: initializer.buffer(channels, 0.0),
            running_var: initializer.buffer(channels, 1.0),
        }
    }

    /// A norm whose γ = 1 and β = 0 are not trained.
    pub fn without_affine(channels: usize, initializer: &Initializer) -> Self {
        Self {
            weight: initializer.buffer(channels, 1.0),
            bias: initializer.buffer(channels, 0.0),
            running_mean: initializer.buffer(channels, 0.0),
            running_var: initializer.buffer(channels, 1.0),
        }
    }

    /// Normalises each channel: in training by the statistics of the global batch, which the pass
    /// then owes the running ones; in evaluation by the running statistics.
    ///
    /// # Shapes
    /// - `x` and output: `[batch, channels, height, width]`
    /// - `sums`: of `x`; taken here where the layer before did not (`None`), unused in evaluation
    ///
    /// # Errors
    /// If a rank is gone or late.
    pub fn forward(
        &self,
        x: &Activation,
        sums: Option<ChannelSums>,
        pass: &Pass,
        finish: Finish,
    ) -> Result<Activation, CollectiveError> {
        if x.is_on_cpu() {
            return self.forward_on_cpu(x, sums, pass, &finish);
        }
        let x = x.tensor();
        let channels = x.dims()[1];
        let (mean, variance) = match pass.collective() {
            Some(collective) => {
                let sums = sums.unwrap_or_else(|| ChannelSums::of(&x));
                let statistics = sums.statistics(collective)?;
                pass.owe(self.running_mean.id, statistics.owed());
                (statistics.mean, statistics.variance)
            }
            None => (self.running_mean.val(), self.running_var.val()),
        };
        let scale = self.weight.val() / (variance + EPSILON).sqrt();
        let shift = self.bias.val() - mean * scale.clone();
        let column = |vector: Tensor<1>| vector.reshape([1, channels, 1, 1]);
        Ok(finish.apply(x * column(scale) + column(shift)).into())
    }

    fn forward_on_cpu(
        &self,
        x: &Activation,
        sums: Option<ChannelSums>,
        pass: &Pass,
        finish: &Finish,
    ) -> Result<Activation, CollectiveError> {
        let vector = |tensor: Tensor<1>| tensor.into_data().iter::<f32>().collect::<Vec<f32>>();
        let taken = || Some(ChannelSums::on_cpu(x.sums_on_cpu()?, x.dims()));
        let sums = pass.collective().and_then(|_| sums.or_else(taken));
        let (mean, variance, batch) = match (pass.collective(), sums) {
            (Some(collective), Some(sums)) => {
                let statistics = sums.statistics(collective)?;
                pass.owe(self.running_mean.id, statistics.owed());
                let batch = (statistics.count, collective.share());
                (statistics.mean, statistics.variance, Some(batch))
            }
            _ => (self.running_mean.val(), self.running_var.val(), None),
        };
        let by = Normalisation {
            mean: vector(mean),
            variance: vector(variance),
            weight: self.weight.val(),
            bias: self.bias.val(),
            epsilon: EPSILON,
            batch,
        };
        Ok(x.normalise_on_cpu(by, finish.residual.as_ref(), finish.relu))
    }
}
