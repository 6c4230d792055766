//! How fast this machine multiplies and reads: loops that do nothing else, against which the other
//! kernels are judged.
//!
//! Each multiplication loop keeps enough independent accumulators in registers that only the
//! arithmetic units limit it. One call uses one thread; the caller starts as many as it wants to
//! measure, and takes the time.

use std::hint::black_box;

use crate::Isa;
use crate::isa::per_isa;

/// Multiplications and additions in one round of [`multiply`]: of bf16 with sums in f32 for the sets
/// that have them ([`Isa::Avx512Bf16`], [`Isa::Amx`]), of f32 for the others. The portable loop
/// multiplies and adds in two instructions, as portable code does.
pub fn flops_per_round(isa: Isa) -> u64 {
    2 * match isa {
        Isa::Portable => 12 * 4,
        Isa::Avx2 => 12 * 8,
        Isa::Avx512 => 24 * 16,
        Isa::Avx512Bf16 => 24 * 32,
        Isa::Amx => 4 * 16 * 16 * 32,
    }
}

/// Runs so many rounds of products on this thread.
///
/// # Panics
/// If the machine does not have the instruction set.
pub fn multiply(isa: Isa, rounds: u64) {
    isa.check();
    match isa {
        // SAFETY: the set was detected.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { x86::avx2(rounds) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe { x86::avx512(rounds) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Bf16 => unsafe { x86::avx512_bf16(rounds) },
        #[cfg(target_arch = "x86_64")]
        Isa::Amx => x86::tiles(rounds),
        _ => portable(rounds),
    }
}

per_isa! {
    /// The sum of all values, of any number, read once from the first to the last; in f32, so of use
    /// for its time alone.
    pub fn read(values: &[f32]) -> f32 {
        let mut sums = [0.0_f32; 128];
        let chunks = values.chunks_exact(128);
        let rest: f32 = chunks.remainder().iter().sum();
        for chunk in chunks {
            for (sum, value) in sums.iter_mut().zip(chunk) {
                *sum += value;
            }
        }
        sums.iter().sum::<f32>() + rest
    }
}

fn portable(rounds: u64) {
    let (a, b) = black_box((0.999_f32, 1e-3_f32));
    let mut sums = [[0.0_f32; 4]; 12];
    for _ in 0..rounds {
        for sum in &mut sums {
            for lane in sum {
                *lane = *lane * a + b;
            }
        }
    }
    black_box(sums);
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::asm;
    use std::arch::x86_64::{
        __m512bh, _mm256_fmadd_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm512_dpbf16_ps,
        _mm512_fmadd_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps,
    };
    use std::hint::black_box;

    use crate::Isa;
    use crate::micro::Tiles;

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn avx2(rounds: u64) {
        let (a, b) = black_box((_mm256_set1_ps(0.999), _mm256_set1_ps(1e-3)));
        let mut sums = [_mm256_setzero_ps(); 12];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm256_fmadd_ps(a, b, *sum);
            }
        }
        black_box(sums);
    }

    #[target_feature(enable = "avx512f")]
    pub(super) fn avx512(rounds: u64) {
        let (a, b) = black_box((_mm512_set1_ps(0.999), _mm512_set1_ps(1e-3)));
        let mut sums = [_mm512_setzero_ps(); 24];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm512_fmadd_ps(a, b, *sum);
            }
        }
        black_box(sums);
    }

    #[target_feature(enable = "avx512f,avx512bf16")]
    pub(super) fn avx512_bf16(rounds: u64) {
        // Pairs of 2^-7.
        let pairs = black_box(_mm512_set1_epi32(0x3c00_3c00));
        // SAFETY: both are 64 bytes of plain numbers.
        let pairs: __m512bh = unsafe { std::mem::transmute(pairs) };
        let mut sums = [_mm512_setzero_ps(); 24];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm512_dpbf16_ps(*sum, pairs, pairs);
            }
        }
        black_box(sums);
    }

    /// Four tiles of sums, each the product of one of two tiles by one of two.
    pub(super) fn tiles(rounds: u64) {
        let _tiles = Tiles::enter(Isa::Amx);
        // SAFETY: the tiles are ready; nothing but them is touched.
        unsafe {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "tilezero tmm4",
                "tilezero tmm5",
                "tilezero tmm6",
                "tilezero tmm7",
                "2:",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "dec {rounds}",
                "jnz 2b",
                rounds = inout(reg) rounds.max(1) => _,
                options(nostack, nomem),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_loop_ends_on_this_machine() {
        for isa in Isa::available() {
            for rounds in [0, 1, 1000] {
                multiply(isa, rounds);
            }
            assert!(flops_per_round(isa) > 0);
        }
    }

    #[test]
    fn reading_sees_every_value() {
        for isa in Isa::available() {
            for length in [0, 1, 127, 128, 129, 1000] {
                let values: Vec<f32> = (0..length).map(|i| (i % 7) as f32).collect();
                let expected: f32 = values.iter().sum();
                // Whole numbers below 2^24: exact in any order.
                assert!((read(isa, &values) - expected).abs() < 0.5, "{isa}, {length}");
            }
        }
    }
}
