//! Interleaved pixels of three channels to planes and back, by blocks.

use crate::Isa;

/// Pixels of a block: three planes of it are 1.5 KiB.
pub(crate) const BLOCK: usize = 512;

/// Three channels of a block, apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planes(pub(crate) [[u8; BLOCK]; 3]);

impl Default for Planes {
    fn default() -> Self {
        Self([[0; BLOCK]; 3])
    }
}

/// Takes up to [`BLOCK`] pixels apart. What is beyond them in the planes stays.
pub(super) fn split(isa: Isa, pixels: &[u8], planes: &mut Planes) {
    let pixels = pixels.as_chunks::<3>().0;
    assert!(pixels.len() <= BLOCK, "{} pixels are not a block", pixels.len());
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if isa >= Isa::Avx2 {
        // SAFETY: an `Isa` beyond `Portable` exists only where it was detected.
        done = unsafe { avx2::split(pixels.as_flattened(), planes) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = isa;
    let Planes([red, green, blue]) = planes;
    for (i, &pixel) in pixels.iter().enumerate().skip(done) {
        [red[i], green[i], blue[i]] = pixel;
    }
}

/// Joins as many pixels as fit in `pixels`, up to [`BLOCK`].
pub(crate) fn join(isa: Isa, planes: &Planes, pixels: &mut [u8]) {
    let pixels = pixels.as_chunks_mut::<3>().0;
    assert!(pixels.len() <= BLOCK, "{} pixels are not a block", pixels.len());
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if isa >= Isa::Avx2 {
        // SAFETY: as above.
        done = unsafe { avx2::join(planes, pixels.as_flattened_mut()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = isa;
    let Planes([red, green, blue]) = planes;
    for (i, pixel) in pixels.iter_mut().enumerate().skip(done) {
        *pixel = [red[i], green[i], blue[i]];
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m128i, _mm_loadu_si128, _mm_or_si128, _mm_shuffle_epi8, _mm_storeu_si128,
    };

    use super::Planes;

    /// Bytes of a register, pixels of a step.
    const LANES: usize = 16;
    /// A byte of a shuffle that gives 0.
    const NONE: u8 = 0x80;

    /// For each channel and each of the three registers that hold 16 pixels: which bytes of the
    /// register the channel takes.
    const SPLIT: [[[u8; LANES]; 3]; 3] = {
        let mut masks = [[[NONE; LANES]; 3]; 3];
        let mut at = 0;
        while at < 3 * LANES {
            masks[at % 3][at / LANES][at / 3] = (at % LANES) as u8;
            at += 1;
        }
        masks
    };

    /// For each of the three registers and each channel: which samples the register takes.
    const JOIN: [[[u8; LANES]; 3]; 3] = {
        let mut masks = [[[NONE; LANES]; 3]; 3];
        let mut at = 0;
        while at < 3 * LANES {
            masks[at / LANES][at % 3][at % LANES] = (at / 3) as u8;
            at += 1;
        }
        masks
    };

    /// Takes whole sixteens of pixels apart; how many pixels those are.
    #[target_feature(enable = "avx2")]
    pub(super) fn split(samples: &[u8], planes: &mut Planes) -> usize {
        let masks = load_masks(&SPLIT);
        let steps = samples.as_chunks::<{ 3 * LANES }>().0;
        for (step, pixels) in steps.iter().enumerate() {
            let (registers, _) = pixels.as_chunks::<LANES>();
            let registers = [load(&registers[0]), load(&registers[1]), load(&registers[2])];
            for (plane, masks) in planes.0.iter_mut().zip(&masks) {
                store(pick(registers, masks), &mut plane.as_chunks_mut().0[step]);
            }
        }
        steps.len() * LANES
    }

    /// Joins whole sixteens of pixels; how many pixels those are.
    #[target_feature(enable = "avx2")]
    pub(super) fn join(planes: &Planes, samples: &mut [u8]) -> usize {
        let masks = load_masks(&JOIN);
        let steps = samples.as_chunks_mut::<{ 3 * LANES }>().0;
        for (step, pixels) in steps.iter_mut().enumerate() {
            let [red, green, blue] = planes.0.each_ref();
            let place = |plane: &[u8]| load(&plane.as_chunks().0[step]);
            let channels = [place(red), place(green), place(blue)];
            for (register, masks) in pixels.as_chunks_mut().0.iter_mut().zip(&masks) {
                store(pick(channels, masks), register);
            }
        }
        steps.len() * LANES
    }

    fn load_masks(masks: &[[[u8; LANES]; 3]; 3]) -> [[__m128i; 3]; 3] {
        masks.each_ref().map(|masks| masks.each_ref().map(load))
    }

    /// One register of the bytes that the masks pick of three.
    #[target_feature(enable = "avx2")]
    fn pick([a, b, c]: [__m128i; 3], masks: &[__m128i; 3]) -> __m128i {
        let [a, b, c] = [
            _mm_shuffle_epi8(a, masks[0]),
            _mm_shuffle_epi8(b, masks[1]),
            _mm_shuffle_epi8(c, masks[2]),
        ];
        _mm_or_si128(_mm_or_si128(a, b), c)
    }

    #[inline(always)]
    fn load(bytes: &[u8; LANES]) -> __m128i {
        // SAFETY: 16 readable bytes, of any alignment.
        unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store(register: __m128i, bytes: &mut [u8; LANES]) {
        // SAFETY: 16 writable bytes, of any alignment.
        unsafe { _mm_storeu_si128(bytes.as_mut_ptr().cast(), register) };
    }
}
