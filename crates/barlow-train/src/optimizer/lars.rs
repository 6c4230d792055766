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

use burn::tensor::Tensor;

use super::{ParameterClass, norm};

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
    /// A tensor and its buffer after a step at `rate`.
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
    ) -> (Tensor<1>, Tensor<1>) {
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
        (value - buffer.clone() * rate, buffer)
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
