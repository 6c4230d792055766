//! What activations are made of.

pub use half::bf16;

use std::fmt::Debug;

use crate::micro::Micro;
use crate::operands::Operands;

/// f32, or bf16 (f32 cut to 8 significant bits); sums are f32 either way.
pub trait Element:
    Micro + Operands + Copy + Default + Debug + PartialEq + Send + Sync + 'static
{
    /// Bits.
    const BITS: usize;

    /// The value, exactly.
    fn to_f32(self) -> f32;

    /// The nearest value, ties to even; not-a-number stays one.
    fn from_f32(value: f32) -> Self;
}

impl Element for f32 {
    const BITS: usize = 32;

    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }

    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        value
    }
}

impl Element for bf16 {
    const BITS: usize = 16;

    #[inline(always)]
    fn to_f32(self) -> f32 {
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }

    /// Without a branch, so that loops over it vectorise.
    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        let bits = value.to_bits();
        let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
        let quiet = (bits >> 16) | 0x40;
        bf16::from_bits(if value.is_nan() { quiet as u16 } else { rounded as u16 })
    }
}
