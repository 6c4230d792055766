//! Sums over the pixels of each channel: of values and squares forward, of gradients and their
//! products with the input backward.
//!
//! Borders are 0 and need no care: they add nothing to any of these sums. A piece of the strip is
//! summed in f32, over few enough pixels that this costs no accuracy; pieces are added in f64, one
//! after the other.

use rayon::prelude::*;

use super::{period, periodic};
use crate::isa::per_isa;
use crate::{Activation, Element, Isa};

/// Σ y and Σ y² over the pixels of each channel.
///
/// # Numerics
/// Pieces in f32, their sum in f64, rounded to f32 at the end.
pub fn channel_sums<T: Element>(isa: Isa, y: &Activation<T>) -> (Vec<f32>, Vec<f32>) {
    let (sum, squares) = gradient_sums(isa, y, y, &vec![0.0; y.strip().channels], None);
    let round = |values: Vec<f64>| values.into_iter().map(|v| v as f32).collect();
    (round(sum), round(squares))
}

/// Σ g' and Σ g'·(y - mean) over the pixels of each channel, where g' is the gradient `g` with 0 where `x`
/// (the output of a ReLU) is not positive, and `g` itself where there is no `x`.
///
/// # Numerics
/// Pieces in f32, their sum in f64. The mean is taken off each value, not off the sum, where what is
/// left would be small beside what was rounded.
///
/// # Panics
/// If shapes differ or there is not one mean for each channel.
pub fn gradient_sums<T: Element>(
    isa: Isa,
    g: &Activation<T>,
    y: &Activation<T>,
    mean: &[f32],
    x: Option<&Activation<T>>,
) -> (Vec<f64>, Vec<f64>) {
    let strip = g.strip();
    assert_eq!(strip, y.strip(), "gradient and input differ in shape");
    assert!(x.is_none_or(|x| x.strip() == strip), "gradient and output differ in shape");
    let mean = periodic(strip, mean);
    let pitch = strip.channel_pitch();
    let piece = (strip.piece_pixels() * pitch).max(1);
    let mut partial = vec![0.0_f32; g.pixels().len().div_ceil(piece) * 2 * pitch];
    partial.par_chunks_mut((2 * pitch).max(1)).enumerate().for_each(|(index, sums)| {
        let start = index * piece;
        let range = start..(start + piece).min(g.pixels().len());
        let x = x.map(|x| &x.pixels()[range.clone()]);
        let (first, second) = sums.split_at_mut(pitch);
        let (g, y) = (&g.pixels()[range.clone()], &y.pixels()[range]);
        let mut scratch = vec![0.0; 2 * period(strip)];
        add_products(isa, g, y, &mean, x, &mut scratch, first, second);
    });
    let mut total = vec![0.0_f64; 2 * pitch];
    for sums in partial.chunks((2 * pitch).max(1)) {
        for (total, sum) in total.iter_mut().zip(sums) {
            *total += f64::from(*sum);
        }
    }
    let mut second = total.split_off(pitch);
    total.truncate(strip.channels);
    second.truncate(strip.channels);
    (total, second)
}

per_isa! {
    /// The sums of whole pixels into `first` and `second`, of one pixel's length; `scratch` holds
    /// zeros, two periods of them.
    fn add_products<T: Element>(
        g: &[T],
        y: &[T],
        mean: &[f32],
        x: Option<&[T]>,
        scratch: &mut [f32],
        first: &mut [f32],
        second: &mut [f32],
    ) {
        let period = scratch.len() / 2;
        let (sums, products) = scratch.split_at_mut(period);
        match x {
            Some(x) => {
                let periods = g.chunks(period).zip(y.chunks(period)).zip(x.chunks(period));
                for ((g, y), x) in periods {
                    add_period::<T, true>(g, y, mean, x, sums, products);
                }
            }
            None => {
                for (g, y) in g.chunks(period).zip(y.chunks(period)) {
                    add_period::<T, false>(g, y, mean, y, sums, products);
                }
            }
        }
        fold(sums, first);
        fold(products, second);
    }
}

/// Adds one period, or less of one at the end. Where not `MASK`, `x` is anything of the same length.
#[inline(always)]
fn add_period<T: Element, const MASK: bool>(
    g: &[T],
    y: &[T],
    mean: &[f32],
    x: &[T],
    sums: &mut [f32],
    products: &mut [f32],
) {
    let n = g.len();
    let (y, mean, x) = (&y[..n], &mean[..n], &x[..n]);
    let (sums, products) = (&mut sums[..n], &mut products[..n]);
    for i in 0..n {
        let mut gradient = g[i].to_f32();
        if MASK {
            gradient = if x[i].to_f32() > 0.0 { gradient } else { 0.0 };
        }
        sums[i] += gradient;
        products[i] += gradient * (y[i].to_f32() - mean[i]);
    }
}

per_isa! {
    /// Σ of each channel of whole pixels into `sums`, of one pixel's length; `scratch` is a period
    /// long and holds zeros.
    pub(crate) fn add_up<T: Element>(pixels: &[T], scratch: &mut [f32], sums: &mut [f32]) {
        for values in pixels.chunks(scratch.len()) {
            add_values(values, scratch);
        }
        fold(scratch, sums);
    }
}

#[inline(always)]
fn add_values<T: Element>(values: &[T], sums: &mut [f32]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value.to_f32();
    }
}

/// Adds the pixels of a period.
#[inline(always)]
fn fold(period: &[f32], sums: &mut [f32]) {
    for pixel in period.chunks_exact(sums.len()) {
        for (sum, value) in sums.iter_mut().zip(pixel) {
            *sum += value;
        }
    }
}
