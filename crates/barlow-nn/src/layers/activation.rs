//! What flows between layers.

use std::sync::Arc;

use barlow_kernels::{Element, bf16, channel_sums};
use burn::tensor::Tensor;

use crate::cpu::{self, Sums, Tape, Value};
use crate::pass::Pass;
use crate::precision::Precision;

/// Images between layers, `[batch, channels, height, width]`. How they lie in memory, and in which
/// precision, is private to the layers.
#[derive(Debug, Clone)]
pub struct Activation(Form);

#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "a tensor of the engine is large, and there are few")]
enum Form {
    /// A tensor of the engine: a view, or any activation where there are no kernels of our own.
    Tensor(Tensor<4>),
    /// On the CPU, in f32.
    F32(Value<f32>),
    /// On the CPU, in bf16.
    Bf16(Value<bf16>),
}

impl From<Tensor<4>> for Activation {
    fn from(tensor: Tensor<4>) -> Self {
        Self(Form::Tensor(tensor))
    }
}

/// A tape for what is made of a tensor, if there will be a way back.
fn tape_of<T: Element, const D: usize>(tensor: &Tensor<D>) -> Option<Arc<Tape<T>>> {
    tensor.device().is_autodiff().then(|| Tape::new(&tensor.device()))
}

impl Activation {
    /// Rows of features, `[batch, channels]`, as images of one pixel; in the form of the CPU's
    /// kernels where they can take them.
    pub fn from_rows(rows: Tensor<2>, pass: &Pass) -> Self {
        let Some(isa) = pass.kernels_on(&rows.device()) else {
            let [batch, channels] = rows.dims();
            return rows.reshape([batch, channels, 1, 1]).into();
        };
        Self(match pass.precision() {
            Precision::F32 => Form::F32(Value::of_rows(isa, tape_of(&rows), rows)),
            Precision::Bf16 => Form::Bf16(Value::of_rows(isa, tape_of(&rows), rows)),
        })
    }

    /// `[batch, channels, height, width]`.
    pub fn dims(&self) -> [usize; 4] {
        let strip = match &self.0 {
            Form::Tensor(tensor) => return tensor.dims(),
            Form::F32(value) => value.data.strip(),
            Form::Bf16(value) => value.data.strip(),
        };
        [strip.batch, strip.channels, strip.height, strip.width]
    }

    /// The tensor, where the layers before used the engine's operations.
    ///
    /// # Panics
    /// If they used the CPU's kernels, after which every layer does.
    pub(super) fn tensor(&self) -> Tensor<4> {
        match &self.0 {
            Form::Tensor(tensor) => tensor.clone(),
            Form::F32(_) | Form::Bf16(_) => unreachable!("layers stay with the CPU's kernels"),
        }
    }

    /// Convolves by the CPU's kernels: an activation that is theirs already, or a view without
    /// gradient on the CPU, if the pass allows.
    pub(super) fn convolve_on_cpu(
        &self,
        weight: Tensor<4>,
        stride: usize,
        pass: &Pass,
    ) -> Option<(Self, Sums)> {
        match &self.0 {
            Form::F32(value) => {
                let (y, sums) = value.convolve(weight, stride);
                Some((Self(Form::F32(y)), sums))
            }
            Form::Bf16(value) => {
                let (y, sums) = value.convolve(weight, stride);
                Some((Self(Form::Bf16(y)), sums))
            }
            Form::Tensor(view) => {
                let isa = pass.kernels_for(view)?;
                let view = view.clone();
                Some(match pass.precision() {
                    Precision::F32 => {
                        let (y, sums) =
                            Value::of_view(isa, tape_of(&view).as_ref(), view, weight, stride);
                        (Self(Form::F32(y)), sums)
                    }
                    Precision::Bf16 => {
                        let (y, sums) =
                            Value::of_view(isa, tape_of(&view).as_ref(), view, weight, stride);
                        (Self(Form::Bf16(y)), sums)
                    }
                })
            }
        }
    }

    /// Whether the CPU's kernels made it.
    pub(super) fn is_on_cpu(&self) -> bool {
        !matches!(self.0, Form::Tensor(_))
    }

    /// Σ and Σ² of each channel of an activation that the CPU's kernels made.
    pub(super) fn sums_on_cpu(&self) -> Option<Sums> {
        let (sum, squares) = match &self.0 {
            Form::Tensor(_) => return None,
            Form::F32(x) => channel_sums(x.isa, &x.data),
            Form::Bf16(x) => channel_sums(x.isa, &x.data),
        };
        Some([sum, squares])
    }

    /// Normalises an activation that the CPU's kernels made.
    pub(super) fn normalise_on_cpu(
        &self,
        by: cpu::Normalisation,
        residual: Option<&Self>,
        has_relu: bool,
    ) -> Self {
        match (&self.0, residual.map(|residual| &residual.0)) {
            (Form::F32(y), None) => Self(Form::F32(by.apply(y, None, has_relu))),
            (Form::F32(y), Some(Form::F32(x))) => Self(Form::F32(by.apply(y, Some(x), has_relu))),
            (Form::Bf16(y), None) => Self(Form::Bf16(by.apply(y, None, has_relu))),
            (Form::Bf16(y), Some(Form::Bf16(x))) => {
                Self(Form::Bf16(by.apply(y, Some(x), has_relu)))
            }
            _ => unreachable!("both come from the same view, so in the same form"),
        }
    }

    pub(super) fn relu_on_cpu(&self) -> Option<Self> {
        match &self.0 {
            Form::Tensor(_) => None,
            Form::F32(x) => Some(Self(Form::F32(cpu::relu(x)))),
            Form::Bf16(x) => Some(Self(Form::Bf16(cpu::relu(x)))),
        }
    }

    pub(super) fn max_pool_on_cpu(&self) -> Option<Self> {
        match &self.0 {
            Form::Tensor(_) => None,
            Form::F32(x) => Some(Self(Form::F32(cpu::max_pool_3x3(x)))),
            Form::Bf16(x) => Some(Self(Form::Bf16(cpu::max_pool_3x3(x)))),
        }
    }

    pub(super) fn average_on_cpu(&self) -> Option<Tensor<2>> {
        match &self.0 {
            Form::Tensor(_) => None,
            Form::F32(x) => Some(cpu::global_average_pool(x)),
            Form::Bf16(x) => Some(cpu::global_average_pool(x)),
        }
    }
}
