//! Vectors of each instruction set, for transforms whose sixteen inputs and outputs the compiler
//! does not vectorise by itself.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256, __m512, _mm256_add_ps, _mm256_loadu_ps, _mm256_mul_ps, _mm256_set1_ps,
    _mm256_storeu_ps, _mm256_sub_ps, _mm512_add_ps, _mm512_loadu_ps, _mm512_mul_ps, _mm512_set1_ps,
    _mm512_storeu_ps, _mm512_sub_ps,
};

/// Values side by side. Its methods are for functions that [`per_lanes`] compiles, which have the
/// instructions.
pub(super) trait Lanes: Copy {
    /// How many; a divisor of 16.
    const COUNT: usize;

    /// The same value in all places.
    ///
    /// # Safety
    /// The instructions are there.
    unsafe fn all(value: f32) -> Self;

    /// Reads so many values.
    ///
    /// # Safety
    /// They are readable, and the instructions are there.
    unsafe fn read(from: *const f32) -> Self;

    /// Writes them.
    ///
    /// # Safety
    /// They are writable, and the instructions are there.
    unsafe fn write(self, to: *mut f32);

    /// # Safety
    /// The instructions are there.
    unsafe fn plus(self, other: Self) -> Self;

    /// # Safety
    /// The instructions are there.
    unsafe fn minus(self, other: Self) -> Self;

    /// # Safety
    /// The instructions are there.
    unsafe fn times(self, other: Self) -> Self;
}

/// Plain Rust.
impl Lanes for [f32; 4] {
    const COUNT: usize = 4;

    #[inline(always)]
    unsafe fn all(value: f32) -> Self {
        [value; 4]
    }

    #[inline(always)]
    unsafe fn read(from: *const f32) -> Self {
        // SAFETY: the caller's contract.
        unsafe { from.cast::<Self>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn write(self, to: *mut f32) {
        // SAFETY: the caller's contract.
        unsafe { to.cast::<Self>().write_unaligned(self) };
    }

    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] + other[i])
    }

    #[inline(always)]
    unsafe fn minus(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] - other[i])
    }

    #[inline(always)]
    unsafe fn times(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] * other[i])
    }
}

macro_rules! lanes {
    ($vector:ty, $count:literal, $all:ident, $read:ident, $write:ident, $plus:ident, $minus:ident, $times:ident) => {
        #[cfg(target_arch = "x86_64")]
        impl Lanes for $vector {
            const COUNT: usize = $count;

            #[inline(always)]
            unsafe fn all(value: f32) -> Self {
                // SAFETY: the caller's contract.
                unsafe { $all(value) }
            }

            #[inline(always)]
            unsafe fn read(from: *const f32) -> Self {
                // SAFETY: the caller's contract.
                unsafe { $read(from) }
            }

            #[inline(always)]
            unsafe fn write(self, to: *mut f32) {
                // SAFETY: the caller's contract.
                unsafe { $write(to, self) };
            }

            #[inline(always)]
            unsafe fn plus(self, other: Self) -> Self {
                // SAFETY: the caller's contract.
                unsafe { $plus(self, other) }
            }

            #[inline(always)]
            unsafe fn minus(self, other: Self) -> Self {
                // SAFETY: the caller's contract.
                unsafe { $minus(self, other) }
            }

            #[inline(always)]
            unsafe fn times(self, other: Self) -> Self {
                // SAFETY: the caller's contract.
                unsafe { $times(self, other) }
            }
        }
    };
}

lanes!(
    __m256,
    8,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_add_ps,
    _mm256_sub_ps,
    _mm256_mul_ps
);
lanes!(
    __m512,
    16,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_add_ps,
    _mm512_sub_ps,
    _mm512_mul_ps
);

/// Defines a function whose one body, with the vector as the type it is given a name for, is
/// compiled for each instruction set; the first argument becomes `isa: Isa`, which picks.
macro_rules! per_lanes {
    (
        $(#[$attribute:meta])*
        $vis:vis unsafe fn $name:ident<$lanes:ident>($($argument:ident : $type:ty),* $(,)?) $body:block
    ) => {
        $(#[$attribute])*
        $vis unsafe fn $name(isa: $crate::Isa, $($argument: $type),*) {
            #[inline(always)]
            unsafe fn body<$lanes: $crate::convolution::winograd::lanes::Lanes>(
                $($argument: $type),*
            ) $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2($($argument: $type),*) {
                // SAFETY: the caller's contract, and the instructions are there.
                unsafe { body::<std::arch::x86_64::__m256>($($argument),*) }
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f")]
            unsafe fn avx512($($argument: $type),*) {
                // SAFETY: as above.
                unsafe { body::<std::arch::x86_64::__m512>($($argument),*) }
            }

            isa.check();
            // SAFETY: the caller's contract, and this machine has the instructions.
            unsafe {
                match isa {
                    #[cfg(target_arch = "x86_64")]
                    $crate::Isa::Avx2 => avx2($($argument),*),
                    #[cfg(target_arch = "x86_64")]
                    $crate::Isa::Avx512 | $crate::Isa::Avx512Bf16 | $crate::Isa::Amx => {
                        avx512($($argument),*);
                    }
                    _ => body::<[f32; 4]>($($argument),*),
                }
            }
        }
    };
}
pub(super) use per_lanes;
