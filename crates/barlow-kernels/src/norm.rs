//! Batch norm with what follows it, y·scale + shift, a residual and ReLU, in one pass each way.
//!
//! Statistics are sums over the pixels of each channel ([`channel_sums`]); with their mean and
//! variance the norm is one multiplication and one addition ([`scale_and_shift`]). Backward, the sums
//! of the gradient and of its product with the input ([`gradient_sums`]) say everything about the
//! way through the statistics, so that the gradient of the input is linear in gradient and input,
//! with [`Coefficients`] for each channel ([`normalise_backward`]).
//!
//! Per-channel numbers are repeated up to a *period*, a few hundred values, and rows of pixels are
//! read period by period, so that loops are as long with 16 channels as with 512. Nothing here is
//! fused (`mul_add`), so every instruction set gives the same bits. The tests compare with f64
//! formulae written from the definition.

mod backward;
mod coefficients;
mod sums;
#[cfg(test)]
mod tests;

pub use backward::normalise_backward;
pub use coefficients::{Coefficients, parameter_gradients, scale_and_shift};
pub(crate) use sums::add_up;
pub use sums::{channel_sums, gradient_sums};

use rayon::prelude::*;

use crate::isa::per_isa;
use crate::{Activation, Element, Isa, Strip};

const LANES: usize = Strip::LANES;

/// x = relu(y·scale + shift + residual), of which residual and relu may be absent.
///
/// # Shapes
/// `residual` and the result have the strip of `y`; `scale` and `shift` one number per channel.
///
/// # Numerics
/// Computed in f32 and rounded once. Not-a-number goes through the ReLU.
///
/// # Panics
/// If shapes differ.
pub fn normalise<T: Element>(
    isa: Isa,
    y: &Activation<T>,
    scale: &[f32],
    shift: &[f32],
    residual: Option<&Activation<T>>,
    relu: bool,
) -> Activation<T> {
    let strip = y.strip();
    assert!(residual.is_none_or(|r| r.strip() == strip), "residual and input differ in shape");
    let (scale, shift) = (periodic(strip, scale), periodic(strip, shift));
    let mut x = Activation::dirty(strip);
    let rows = strip.piece_rows();
    let piece = rows * strip.row_values();
    x.pixels_mut().par_chunks_mut(piece).enumerate().for_each(|(index, x)| {
        let range = index * piece..index * piece + x.len();
        let y = &y.pixels()[range.clone()];
        let residual = residual.map(|r| &r.pixels()[range]);
        normalise_rows(isa, strip, index * rows, x, y, residual, &scale, &shift, relu);
    });
    x
}

/// One number per channel, 0 for spare channels, repeated up to the period.
///
/// # Panics
/// If there is not one for each channel.
fn periodic(strip: Strip, values: &[f32]) -> Vec<f32> {
    assert_eq!(values.len(), strip.channels, "one number for each channel");
    let mut one = values.to_vec();
    one.resize(strip.channel_pitch().max(LANES), 0.0);
    one.repeat(period(strip) / one.len())
}

/// Values after which per-channel numbers repeat: whole pixels, at least 256 values.
fn period(strip: Strip) -> usize {
    let pitch = strip.channel_pitch().max(LANES);
    pitch * 256_usize.div_ceil(pitch)
}

per_isa! {
    /// Rows of the strip from row `first` on.
    fn normalise_rows<T: Element>(
        strip: Strip,
        first: usize,
        x: &mut [T],
        y: &[T],
        residual: Option<&[T]>,
        scale: &[f32],
        shift: &[f32],
        relu: bool,
    ) {
        let pitch = strip.row_values();
        for (row, x) in x.chunks_mut(pitch).enumerate() {
            let (x, border) = x.split_at_mut(strip.inner_values(first + row));
            border.fill(T::default());
            let range = row * pitch..row * pitch + x.len();
            let y = &y[range.clone()];
            match (residual, relu) {
                (None, false) => normalise_row::<T, false, false>(x, y, y, scale, shift),
                (None, true) => normalise_row::<T, false, true>(x, y, y, scale, shift),
                (Some(r), false) => normalise_row::<T, true, false>(x, y, &r[range], scale, shift),
                (Some(r), true) => normalise_row::<T, true, true>(x, y, &r[range], scale, shift),
            }
        }
    }
}

/// Pixels without border; all slices begin with channel 0. Where not `RESIDUAL`, `residual` is
/// anything of the same length.
#[inline(always)]
fn normalise_row<T: Element, const RESIDUAL: bool, const RELU: bool>(
    x: &mut [T],
    y: &[T],
    residual: &[T],
    scale: &[f32],
    shift: &[f32],
) {
    let period = scale.len();
    let periods = x.chunks_mut(period).zip(y.chunks(period)).zip(residual.chunks(period));
    for ((x, y), residual) in periods {
        normalise_period::<T, RESIDUAL, RELU>(x, y, residual, scale, shift);
    }
}

#[inline(always)]
fn normalise_period<T: Element, const RESIDUAL: bool, const RELU: bool>(
    x: &mut [T],
    y: &[T],
    residual: &[T],
    scale: &[f32],
    shift: &[f32],
) {
    let n = x.len();
    let (y, residual, scale, shift) = (&y[..n], &residual[..n], &scale[..n], &shift[..n]);
    for i in 0..n {
        let mut value = y[i].to_f32() * scale[i] + shift[i];
        if RESIDUAL {
            value += residual[i].to_f32();
        }
        if RELU && value < 0.0 {
            value = 0.0;
        }
        x[i] = T::from_f32(value);
    }
}
