//! In which precision the large products of a network are computed.

use barlow_kernels::Isa;
use burn::tensor::{DType, Device, FloatDType, Tensor};

/// The precision of activations and of the operands of products. Weights, statistics,
/// standardisation and loss are f32 either way, and products are summed in f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// 24 significant bits.
    #[default]
    F32,
    /// 8 significant bits, the range of f32.
    Bf16,
}

impl Precision {
    /// The precision of this name, `f32` or `bf16`; any other text leaves the choice to
    /// [`Precision::auto`].
    pub fn of(name: &str, device: &Device) -> Self {
        match name {
            "f32" => Self::F32,
            "bf16" => Self::Bf16,
            _ => Self::auto(device),
        }
    }

    /// As [`Precision::of`] reads it.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }

    /// bf16 where it is the faster one on a device: on processors with matrix tiles, or with fast
    /// products of bf16 pairs. On other devices f32, until bf16 has been measured there.
    pub fn auto(device: &Device) -> Self {
        if is_cpu(device) && Isa::best().prefers_bf16() { Self::Bf16 } else { Self::F32 }
    }

    /// A product of two tensors of the engine, in this precision; f32 again after it.
    pub(crate) fn multiply<const D: usize>(
        self,
        a: Tensor<D>,
        b: Tensor<D>,
        product: impl FnOnce(Tensor<D>, Tensor<D>) -> Tensor<D>,
    ) -> Tensor<D> {
        match self {
            Self::F32 => product(a, b),
            Self::Bf16 => {
                let (a, b) = (a.cast(FloatDType::BF16), b.cast(FloatDType::BF16));
                product(a, b).cast(FloatDType::F32)
            }
        }
    }
}

/// The instructions that our own kernels use on this machine, as `avx512` or `amx-bf16`.
pub fn instruction_set() -> String {
    Isa::best().to_string()
}

/// Whether kernels of our own can work on a tensor: f32 on the CPU, outside any graph.
pub fn serves<const D: usize>(tensor: &Tensor<D>) -> bool {
    tensor.device() == Device::flex() && !tensor.is_autodiff() && tensor.dtype() == DType::F32
}

/// Whether tensors of a device live where our own kernels run.
pub(crate) fn is_cpu(device: &Device) -> bool {
    device.clone().inner() == Device::flex()
}
