//! Optimizers: one update of one named tensor at a time.
//!
//! LARS is ours; SGD and AdamW are Burn's. Tensors come flattened, since nothing here depends on
//! their shape but the class, and state is kept by name, so that a checkpoint means the same in
//! every process. Tensors with one dimension (biases, γ and β of norms) have their own rate and
//! neither weight decay nor trust ratio.

mod fixed_sum;
mod lars;
mod square_sum;

use std::collections::BTreeMap;

use barlow_nn::named;
use barlow_nn::tensor_file::{Array, Dtype, TensorFileError, Tensors};
use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::{MomentumConfig, MomentumState};
use burn::optim::{
    AdamW, AdamWConfig, AdamWState, AdaptiveMomentumState, Optimizer as _, RecordState as _, Sgd,
    SgdConfig, SgdState, StateSink,
};
use burn::tensor::{Device, Tensor, TensorData};

pub use fixed_sum::{fixed_sum, norm};
pub use lars::Lars;
pub use square_sum::SquareSum;

use crate::schedule::Rates;
use crate::settings::{OptimizerName, OptimizerSettings};

/// Which rules apply to a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterClass {
    /// Two dimensions or more: decayed and, by LARS, adapted.
    Weights,
    /// One dimension: neither.
    BiasesAndNorms,
}

impl ParameterClass {
    /// The class of a tensor of this shape (official main.py: `ndim == 1` is excluded).
    pub fn of(shape: &[usize]) -> Self {
        if shape.len() == 1 { Self::BiasesAndNorms } else { Self::Weights }
    }

    fn rate(self, rates: Rates) -> f64 {
        match self {
            Self::Weights => rates.weights,
            Self::BiasesAndNorms => rates.biases_and_norms,
        }
    }
}

/// The rule of an optimizer, for weights and for the rest.
enum Rule {
    Lars(Lars),
    Sgd { weights: Sgd, biases_and_norms: Sgd },
    AdamW { weights: AdamW, biases_and_norms: AdamW },
}

/// What an optimizer remembers of one tensor.
#[derive(Clone)]
#[expect(clippy::large_enum_variant, reason = "all of a run's are of one kind")]
enum Memory {
    /// LARS's buffer.
    Buffer(Tensor<1>),
    Sgd(SgdState<1>),
    AdamW(AdamWState<1>),
}

/// A tensor after a step, and how far that step went.
#[derive(Debug, Clone)]
pub struct Update {
    /// The tensor's new values, `[n]`.
    pub value: Tensor<1>,
    /// For weights `‖Δw‖²` and `‖w‖²`, of the change and of the tensor before it.
    pub squares: Option<[SquareSum; 2]>,
}

/// An optimizer and what it remembers of each tensor.
pub struct Optimizer {
    rule: Rule,
    memories: BTreeMap<String, Memory>,
}

impl std::fmt::Debug for Optimizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rule = match &self.rule {
            Rule::Lars(_) => "Lars",
            Rule::Sgd { .. } => "Sgd",
            Rule::AdamW { .. } => "AdamW",
        };
        let tensors = self.memories.len();
        f.debug_struct("Optimizer").field("rule", &rule).field("tensors", &tensors).finish()
    }
}

impl Update {
    fn between(class: ParameterClass, mut value: Tensor<1>, updated: Tensor<1>) -> Self {
        let squares = (class == ParameterClass::Weights).then(|| {
            let mut change = updated.clone() - value.clone();
            [SquareSum::of(&mut change), SquareSum::of(&mut value)]
        });
        Self { value: updated, squares }
    }
}

impl Optimizer {
    /// An optimizer that has seen nothing yet.
    pub fn new(settings: &OptimizerSettings) -> Self {
        let decay = settings.weight_decay as f32;
        let rule = match settings.name {
            OptimizerName::Lars => Rule::Lars(Lars {
                momentum: settings.momentum,
                weight_decay: settings.weight_decay,
                trust_coefficient: settings.trust_coefficient,
                clip_trust_ratio: settings.clip_trust_ratio,
            }),
            OptimizerName::Sgd => {
                // Burn's default dampening is 0.1; PyTorch has none.
                let momentum =
                    MomentumConfig::new().with_momentum(settings.momentum).with_dampening(0.0);
                let plain = SgdConfig::new().with_momentum(Some(momentum));
                let decayed = plain.clone().with_weight_decay(Some(WeightDecayConfig::new(decay)));
                Rule::Sgd { weights: decayed.build(), biases_and_norms: plain.build() }
            }
            OptimizerName::AdamW => {
                // PyTorch's epsilon; Burn's default is 1e-5.
                let config = AdamWConfig::new().with_epsilon(1e-8);
                Rule::AdamW {
                    weights: config.clone().with_weight_decay(decay).build(),
                    biases_and_norms: config.with_weight_decay(0.0).build(),
                }
            }
        };
        Self { rule, memories: BTreeMap::new() }
    }

    /// The tensor called `name` after a step.
    ///
    /// # Shapes
    /// - `value` and `gradient`: `[n]`, outside any gradient graph
    pub fn step(
        &mut self,
        name: &str,
        class: ParameterClass,
        rates: Rates,
        value: Tensor<1>,
        gradient: Tensor<1>,
    ) -> Update {
        let rate = class.rate(rates);
        let memory = self.memories.remove(name);
        let (update, memory) = match &self.rule {
            Rule::Lars(lars) => {
                let buffer = match memory {
                    Some(Memory::Buffer(buffer)) => Some(buffer),
                    _ => None,
                };
                let (value, buffer, squares) = lars.step(class, rate, value, gradient, buffer);
                (Update { value, squares }, Some(Memory::Buffer(buffer)))
            }
            Rule::Sgd { weights, biases_and_norms } => {
                let state = match memory {
                    Some(Memory::Sgd(state)) => Some(state),
                    _ => None,
                };
                let sgd = if class == ParameterClass::Weights { weights } else { biases_and_norms };
                let (updated, state) = sgd.step(rate, value.clone(), gradient, state);
                (Update::between(class, value, updated), state.map(Memory::Sgd))
            }
            Rule::AdamW { weights, biases_and_norms } => {
                let state = match memory {
                    Some(Memory::AdamW(state)) => Some(state),
                    _ => None,
                };
                let adam =
                    if class == ParameterClass::Weights { weights } else { biases_and_norms };
                let (updated, state) = adam.step(rate, value.clone(), gradient, state);
                (Update::between(class, value, updated), state.map(Memory::AdamW))
            }
        };
        self.memories.extend(memory.map(|memory| (name.to_owned(), memory)));
        update
    }

    /// What is remembered, as arrays called `TENSOR:momentum`, and for AdamW `:first_moment`,
    /// `:second_moment` and `:time`, the names behind `prefix`.
    pub fn state(&self, prefix: &str) -> Tensors {
        let mut arrays = Tensors::new();
        for (name, memory) in &self.memories {
            let mut put =
                |leaf: &str, array| arrays.insert(format!("{prefix}{name}:{leaf}"), array);
            match memory {
                Memory::Buffer(buffer) => {
                    put("momentum", flat(buffer));
                }
                Memory::Sgd(state) => {
                    if let Some(momentum) = &state.momentum {
                        put("momentum", flat(&velocity(momentum)));
                    }
                }
                Memory::AdamW(AdamWState { momentum }) => {
                    put("first_moment", flat(&momentum.moment_1));
                    put("second_moment", flat(&momentum.moment_2));
                    let bytes = (momentum.time as u64).to_le_bytes().to_vec();
                    put("time", Array { dtype: Dtype::U64, shape: vec![1], bytes });
                }
            }
        }
        arrays
    }

    /// Takes back what [`Optimizer::state`] gave under the same prefix.
    ///
    /// # Errors
    /// If an array is not of the type that was written.
    pub fn restore(
        &mut self,
        arrays: &Tensors,
        prefix: &str,
        device: &Device,
    ) -> Result<(), TensorFileError> {
        let tensor = |array: &Array| -> Result<Tensor<1>, TensorFileError> {
            let values = array.to_f32()?;
            let length = [values.len()];
            Ok(Tensor::from_data(TensorData::new(values, length), device))
        };
        self.memories.clear();
        for (key, array) in arrays {
            let Some((name, leaf)) =
                key.strip_prefix(prefix).and_then(|rest| rest.rsplit_once(':'))
            else {
                continue;
            };
            let sibling = |leaf: &str| arrays.get(&format!("{prefix}{name}:{leaf}"));
            let memory = match (leaf, &self.rule) {
                ("momentum", Rule::Lars(_)) => Memory::Buffer(tensor(array)?),
                ("momentum", Rule::Sgd { .. }) => {
                    Memory::Sgd(SgdState::new(Some(MomentumState::new(tensor(array)?))))
                }
                ("first_moment", Rule::AdamW { .. }) => {
                    let (Some(second), Some(time)) = (sibling("second_moment"), sibling("time"))
                    else {
                        continue;
                    };
                    Memory::AdamW(AdamWState::new(AdaptiveMomentumState {
                        time: time.to_u64()?.first().copied().unwrap_or(0) as usize,
                        moment_1: tensor(array)?,
                        moment_2: tensor(second)?,
                        max_moment_2: None,
                    }))
                }
                _ => continue,
            };
            self.memories.insert(name.to_owned(), memory);
        }
        Ok(())
    }
}

fn flat(values: &Tensor<1>) -> Array {
    named::array(values.clone(), &[values.dims()[0]])
}

/// The velocity inside Burn's momentum state, whose field is private.
fn velocity(state: &MomentumState<1>) -> Tensor<1> {
    let mut sink = StateSink::default();
    state.state_flatten("", &mut sink);
    let (_, data) = sink.tensors.swap_remove(0);
    Tensor::from_data(data, &Device::flex())
}

#[cfg(test)]
mod tests;
