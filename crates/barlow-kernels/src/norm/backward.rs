//! The gradient of the norm's input, and of the residual that was added to its output.

use rayon::prelude::*;

use super::{Coefficients, periodic};
use crate::isa::per_isa;
use crate::{Activation, Element, Isa, Strip};

/// dy = a·g' + b·y + k, where g' is the gradient `g` with 0 where `x` (the output of a ReLU) is not
/// positive, and `g` itself where there is no `x`. With `wants_residual`, g' as well: the gradient of
/// the residual. Reads each tensor once; one result takes the place of `g`.
///
/// # Shapes
/// All of the strip of `g`; `by` has a number for each channel.
///
/// # Numerics
/// Computed in f32 and rounded once.
///
/// # Panics
/// If shapes differ.
pub fn normalise_backward<T: Element>(
    isa: Isa,
    mut g: Activation<T>,
    y: &Activation<T>,
    x: Option<&Activation<T>>,
    by: &Coefficients,
    wants_residual: bool,
) -> (Activation<T>, Option<Activation<T>>) {
    let strip = g.strip();
    assert_eq!(strip, y.strip(), "gradient and input differ in shape");
    assert!(x.is_none_or(|x| x.strip() == strip), "gradient and output differ in shape");
    let by = [&by.a, &by.b, &by.k].map(|values| periodic(strip, values));
    let rows = strip.piece_rows();
    let piece = rows * strip.row_values();
    let work = |index: usize, dy: Option<&mut [T]>, g: &mut [T]| {
        let range = index * piece..index * piece + g.len();
        let y = &y.pixels()[range.clone()];
        let x = x.map(|x| &x.pixels()[range]);
        backward_rows(isa, strip, index * rows, dy, g, y, x, &by);
    };
    if !wants_residual {
        let pieces = g.pixels_mut().par_chunks_mut(piece).enumerate();
        pieces.for_each(|(index, g)| work(index, None, g));
        return (g, None);
    }
    let mut dy = Activation::dirty(strip);
    let pieces = dy.pixels_mut().par_chunks_mut(piece).zip(g.pixels_mut().par_chunks_mut(piece));
    pieces.enumerate().for_each(|(index, (dy, g))| work(index, Some(dy), g));
    (dy, Some(g))
}

per_isa! {
    /// Rows of the strip from row `first` on: g' into `g` and dy into `dy`, or dy into `g`.
    fn backward_rows<T: Element>(
        strip: Strip,
        first: usize,
        dy: Option<&mut [T]>,
        g: &mut [T],
        y: &[T],
        x: Option<&[T]>,
        by: &[Vec<f32>; 3],
    ) {
        let pitch = strip.row_values();
        let mut dy = dy;
        for (row, g) in g.chunks_mut(pitch).enumerate() {
            let (g, border) = g.split_at_mut(strip.inner_values(first + row));
            let range = row * pitch..row * pitch + g.len();
            let y = &y[range.clone()];
            let x = x.map(|x| &x[range.clone()]);
            if let Some(dy) = dy.as_deref_mut() {
                dy[range.end..range.end + border.len()].fill(T::default());
                let dy = &mut dy[range];
                match x {
                    Some(x) => split_row::<T, true>(dy, g, y, x, by),
                    None => split_row::<T, false>(dy, g, y, y, by),
                }
            } else {
                match x {
                    Some(x) => row_in_place::<T, true>(g, y, x, by),
                    None => row_in_place::<T, false>(g, y, y, by),
                }
            }
        }
    }
}

/// g' and dy of one value; where not `MASK`, `x` is not looked at.
#[inline(always)]
fn gradients<T: Element, const MASK: bool>(g: T, y: T, x: T, [a, b, k]: [f32; 3]) -> (T, T) {
    let masked = if !MASK || x.to_f32() > 0.0 { g } else { T::default() };
    (masked, T::from_f32(masked.to_f32() * a + y.to_f32() * b + k))
}

/// Pixels without border: dy takes the place of g.
#[inline(always)]
fn row_in_place<T: Element, const MASK: bool>(g: &mut [T], y: &[T], x: &[T], by: &[Vec<f32>; 3]) {
    let period = by[0].len();
    for ((g, y), x) in g.chunks_mut(period).zip(y.chunks(period)).zip(x.chunks(period)) {
        period_in_place::<T, MASK>(g, y, x, &by[0], &by[1], &by[2]);
    }
}

#[inline(always)]
fn period_in_place<T: Element, const MASK: bool>(
    g: &mut [T],
    y: &[T],
    x: &[T],
    a: &[f32],
    b: &[f32],
    k: &[f32],
) {
    let n = g.len();
    let (y, x, a, b, k) = (&y[..n], &x[..n], &a[..n], &b[..n], &k[..n]);
    for i in 0..n {
        g[i] = gradients::<T, MASK>(g[i], y[i], x[i], [a[i], b[i], k[i]]).1;
    }
}

/// Pixels without border: g' takes the place of g.
#[inline(always)]
fn split_row<T: Element, const MASK: bool>(
    dy: &mut [T],
    g: &mut [T],
    y: &[T],
    x: &[T],
    by: &[Vec<f32>; 3],
) {
    let period = by[0].len();
    let periods = dy.chunks_mut(period).zip(g.chunks_mut(period));
    for (((dy, g), y), x) in periods.zip(y.chunks(period)).zip(x.chunks(period)) {
        split_period::<T, MASK>(dy, g, y, x, &by[0], &by[1], &by[2]);
    }
}

#[inline(always)]
fn split_period<T: Element, const MASK: bool>(
    dy: &mut [T],
    g: &mut [T],
    y: &[T],
    x: &[T],
    a: &[f32],
    b: &[f32],
    k: &[f32],
) {
    let n = g.len();
    let (dy, y, x, a, b, k) = (&mut dy[..n], &y[..n], &x[..n], &a[..n], &b[..n], &k[..n]);
    for i in 0..n {
        (g[i], dy[i]) = gradients::<T, MASK>(g[i], y[i], x[i], [a[i], b[i], k[i]]);
    }
}
