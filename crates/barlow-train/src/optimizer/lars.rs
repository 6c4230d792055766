//! LARS: layer-wise adaptive rates (You et al., 2017), in the order of the official program.
//!
//! For a weight tensor `p` with gradient `g`, and buffer `m` (zeros at first):
//!
//! ```text
//! d = g + decay p
//! d = d · η ‖p‖ / ‖d‖          (1 where either norm is 0)
//! m = 0.9 m + d
//! p = p - rate m
//! ```
//!
//! For tensors with one dimension `d = g`. Source: official main.py, class `LARS`. The clipped
//! variant is solo-learn's, for small images: the ratio is
//! `min(η ‖p‖ / (‖g‖ + decay ‖p‖ + 1e-8) / rate, 1)`, so that a layer's step is at most its plain
//! rate; where a norm is 0 there is no decay either.

use barlow_kernels::{Isa, LarsClass};
use burn::tensor::{Tensor, TensorData};

use super::{ParameterClass, SquareSum, fixed_sum, norm};

/// Added to the denominator of the clipped ratio (solo-learn's LARS).
const CLIPPED_EPSILON: f64 = 1e-8;

/// LARS and its constants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lars {
    /// Share of the buffer that is kept.
    pub momentum: f64,
    /// Pull of weights towards 0.
    pub weight_decay: f64,
    /// η.
    pub trust_coefficient: f64,
    /// Whether the ratio is clipped.
    pub clip_trust_ratio: bool,
}

impl Lars {
    /// A tensor and its buffer after a step at `rate`; for weights also `‖Δw‖²` and `‖w‖²`.
    ///
    /// On the CPU by a kernel, elsewhere by the engine's operations.
    ///
    /// # Shapes
    /// - `value`, `gradient`, `buffer` and both outputs: `[n]`
    pub fn step(
        &self,
        class: ParameterClass,
        rate: f64,
        value: Tensor<1>,
        gradient: Tensor<1>,
        buffer: Option<Tensor<1>>,
    ) -> (Tensor<1>, Tensor<1>, Option<[SquareSum; 2]>) {
        let tensors = [Some(&value), Some(&gradient), buffer.as_ref()];
        if tensors.into_iter().flatten().all(barlow_nn::serves) {
            self.by_kernel(class, rate, value, gradient, buffer)
        } else {
            self.by_operations(class, rate, value, gradient, buffer)
        }
    }

    pub(super) fn by_kernel(
        &self,
        class: ParameterClass,
        rate: f64,
        value: Tensor<1>,
        gradient: Tensor<1>,
        buffer: Option<Tensor<1>>,
    ) -> (Tensor<1>, Tensor<1>, Option<[SquareSum; 2]>) {
        let device = value.device();
        let is_first = buffer.is_none();
        let (mut value, gradient) = (value.into_data(), gradient.into_data());
        let mut buffer = match buffer {
            Some(buffer) => buffer.into_data(),
            None => {
                TensorData::new(vec![0.0_f32; gradient.num_elements()], gradient.shape().clone())
            }
        };
        let class = match class {
            ParameterClass::BiasesAndNorms => LarsClass::Plain,
            ParameterClass::Weights => LarsClass::Adapted {
                weight_decay: self.weight_decay,
                trust_coefficient: self.trust_coefficient,
                is_clipped: self.clip_trust_ratio,
            },
        };
        let sums = barlow_kernels::Lars { rate, momentum: self.momentum, class }.step(
            Isa::best(),
            value.as_mut_slice().expect("it holds f32"),
            gradient.as_slice().expect("it holds f32"),
            buffer.as_mut_slice().expect("it holds f32"),
            is_first,
        );
        let squares = match class {
            LarsClass::Plain => None,
            LarsClass::Adapted { .. } => Some([sums.change, sums.value].map(SquareSum::Known)),
        };
        let [value, buffer] = [value, buffer].map(|data| Tensor::from_data(data, &device));
        (value, buffer, squares)
    }

    pub(super) fn by_operations(
        &self,
        class: ParameterClass,
        rate: f64,
        value: Tensor<1>,
        gradient: Tensor<1>,
        buffer: Option<Tensor<1>>,
    ) -> (Tensor<1>, Tensor<1>, Option<[SquareSum; 2]>) {
        let direction = match class {
            ParameterClass::BiasesAndNorms => gradient,
            ParameterClass::Weights if self.clip_trust_ratio => {
                self.clipped(rate, &value, gradient)
            }
            ParameterClass::Weights => self.adapted(&value, gradient),
        };
        let buffer = match buffer {
            Some(buffer) => buffer * self.momentum + direction,
            None => direction,
        };
        let updated = value.clone() - buffer.clone() * rate;
        let squares = (class == ParameterClass::Weights).then(|| {
            let change = updated.clone() - value.clone();
            [change, value].map(|v| SquareSum::Pending(fixed_sum(v.clone() * v)))
        });
        (updated, buffer, squares)
    }

    fn adapted(&self, value: &Tensor<1>, gradient: Tensor<1>) -> Tensor<1> {
        let direction = gradient + value.clone() * self.weight_decay;
        let (value_norm, direction_norm) = (norm(value), norm(&direction));
        let either_is_zero = (value_norm.clone() * direction_norm.clone()).equal_elem(0.0);
        let ratio = value_norm * self.trust_coefficient / direction_norm;
        direction * ratio.mask_fill(either_is_zero, 1.0)
    }

    fn clipped(&self, rate: f64, value: &Tensor<1>, gradient: Tensor<1>) -> Tensor<1> {
        let (value_norm, gradient_norm) = (norm(value), norm(&gradient));
        let either_is_zero = (value_norm.clone() * gradient_norm.clone()).equal_elem(0.0);
        let denominator = gradient_norm + value_norm.clone() * self.weight_decay + CLIPPED_EPSILON;
        let ratio = value_norm * self.trust_coefficient / denominator;
        let ratio = if rate > 0.0 { (ratio / rate).clamp_max(1.0) } else { ratio.ones_like() };
        let ratio = ratio.mask_fill(either_is_zero.clone(), 1.0);
        let decay = ratio.ones_like().mask_fill(either_is_zero, 0.0) * self.weight_decay;
        (gradient + value.clone() * decay) * ratio
    }
}
