//! From pixels to points and back.

use std::ops::Range;

use super::{POINTS, Planes, Run, Tiling};
use crate::isa::per_isa;
use crate::micro::{BLOCK, TILE_PITCH, Tile};
use crate::{Activation, Buffer};

/// Channels transformed at a time.
const WIDTH: usize = 64;

/// Tiles transformed at a time.
const RUN: usize = 14;

/// Pixels under a run's patches.
const PATCH_COLUMNS: usize = 2 * RUN + 2;

/// What the transforms keep on the way, in the first-level cache.
pub(super) struct Scratch(Buffer<f32>);

impl Scratch {
    pub(super) fn new() -> Self {
        Self(Buffer::dirty(4 * PATCH_COLUMNS * WIDTH))
    }
}

per_isa! {
    /// `Bᵀ d B` of the tiles' patches: a row of `to` for each tile, from `channels.start` on.
    pub(super) fn transform_patches(
        x: &Activation<f32>,
        tiling: Tiling,
        tiles: Range<usize>,
        channels: Range<usize>,
        scratch: &mut Scratch,
        to: &mut [f32],
        planes: Planes,
    ) {
        let strip = x.strip();
        let pitch = strip.channel_pitch();
        for run in tiling.runs(tiles, RUN) {
            let pixel = strip.pixel(run.image, run.y, run.x);
            // The patch begins one pixel up and left; the strip holds zeros before the first.
            let corner = strip.origin() + pixel * pitch - (strip.row_pitch() + 1) * pitch;
            for channel in channels.clone().step_by(WIDTH) {
                let width = WIDTH.min(channels.end - channel);
                let from = &x.buffer()[corner + channel..];
                down_patches(from, strip.row_values(), pitch, run.count, width, &mut scratch.0);
                let column = channel - channels.start;
                for (rows, to) in scratch.0.chunks_exact(PATCH_COLUMNS * WIDTH)
                    .zip(to.chunks_mut(4 * planes.plane))
                {
                    across_patches(rows, run, column, width, to, planes);
                }
            }
        }
    }
}

/// `Bᵀ d` of the patches of a run: four rows of pixels, `width` channels each.
#[inline(always)]
fn down_patches(
    from: &[f32],
    row: usize,
    pitch: usize,
    count: usize,
    width: usize,
    to: &mut [f32],
) {
    let mut rows = to.chunks_exact_mut(PATCH_COLUMNS * WIDTH);
    let mut next = || rows.next().expect("four rows");
    let (to0, to1, to2, to3) = (next(), next(), next(), next());
    for column in 0..2 * count + 2 {
        let place = column * width..(column + 1) * width;
        let pixel = |y: usize| &from[y * row + column * pitch..][..width];
        to_points(
            (pixel(0), pixel(1), pixel(2), pixel(3)),
            &mut to0[place.clone()],
            &mut to1[place.clone()],
            &mut to2[place.clone()],
            &mut to3[place],
        );
    }
}

/// `(Bᵀ d) B` of one row of points.
#[inline(always)]
fn across_patches(
    from: &[f32],
    run: Run,
    column: usize,
    width: usize,
    to: &mut [f32],
    planes: Planes,
) {
    let (to0, rest) = to.split_at_mut(planes.plane);
    let (to1, rest) = rest.split_at_mut(planes.plane);
    let (to2, to3) = rest.split_at_mut(planes.plane);
    for tile in 0..run.count {
        let start = (run.index + tile) * planes.row + column;
        let place = start..start + width;
        let from = &from[2 * tile * width..][..4 * width];
        let (left, right) = from.split_at(2 * width);
        let ((a, b), (c, d)) = (left.split_at(width), right.split_at(width));
        to_points(
            (a, b, c, d),
            &mut to0[place.clone()],
            &mut to1[place.clone()],
            &mut to2[place.clone()],
            &mut to3[place],
        );
    }
}

/// `Bᵀ` of four pixels.
#[inline(always)]
fn to_points(
    (a, b, c, d): (&[f32], &[f32], &[f32], &[f32]),
    to0: &mut [f32],
    to1: &mut [f32],
    to2: &mut [f32],
    to3: &mut [f32],
) {
    let n = to0.len();
    let (a, b, c, d) = (&a[..n], &b[..n], &c[..n], &d[..n]);
    let (to1, to2, to3) = (&mut to1[..n], &mut to2[..n], &mut to3[..n]);
    for i in 0..n {
        to0[i] = a[i] - c[i];
        to1[i] = b[i] + c[i];
        to2[i] = c[i] - b[i];
        to3[i] = b[i] - d[i];
    }
}

/// Channels of the results' strip that a task computes, at most [`TILE_PITCH`].
pub(super) struct Destination {
    /// First channel at pixel 0.
    pub(super) start: *mut f32,
    /// Whether results are added to what is there.
    pub(super) is_added: bool,
}

/// Σ and Σ² of up to [`TILE_PITCH`] channels.
pub(super) type Sums = [[f32; TILE_PITCH]; 2];

per_isa! {
    /// `Aᵀ m A` of the tiles' products, stored and added to `sums`.
    pub(super) fn store_outputs(
        products: &[Tile; POINTS],
        tiling: Tiling,
        tiles: Range<usize>,
        blocks: usize,
        to: &Destination,
        sums: &mut Sums,
    ) {
        let strip = tiling.strip;
        let width = blocks * BLOCK;
        let [sum, squares] = sums;
        let mut down = [[0.0; TILE_PITCH]; 8];
        for run in tiling.runs(tiles, usize::MAX) {
            for tile in 0..run.count {
                let start = (run.index + tile) * TILE_PITCH;
                let point = |i: usize| &products[i].0[start..start + width];
                let (upper, lower) = down.split_at_mut(4);
                for (i, (upper, lower)) in upper.iter_mut().zip(lower).enumerate() {
                    let points = (point(i), point(i + 4), point(i + 8), point(i + 12));
                    to_pixels(points, &mut upper[..width], &mut lower[..width]);
                }
                let (y, x) = (run.y, run.x + 2 * tile);
                for (row, points) in down.chunks_exact(4).enumerate() {
                    if y + row == strip.height {
                        continue;
                    }
                    let pixel = strip.pixel(run.image, y + row, x) * strip.channel_pitch();
                    let left = to.start.wrapping_add(pixel);
                    // SAFETY: the caller owns these channels of the strip's inner pixels.
                    let left = unsafe { std::slice::from_raw_parts_mut(left, width) };
                    let points = (&points[0][..], &points[1][..], &points[2][..], &points[3][..]);
                    if x + 1 == strip.width {
                        let mut beyond = [0.0; TILE_PITCH];
                        let mut own = [0.0; TILE_PITCH];
                        to_pixels(points, &mut own[..width], &mut beyond[..width]);
                        add(&own, left, to.is_added, sum, squares);
                    } else {
                        let right = to.start.wrapping_add(pixel + strip.channel_pitch());
                        // SAFETY: as above.
                        let right = unsafe { std::slice::from_raw_parts_mut(right, width) };
                        let mut values = [[0.0; TILE_PITCH]; 2];
                        let [a, b] = &mut values;
                        to_pixels(points, &mut a[..width], &mut b[..width]);
                        add(a, left, to.is_added, sum, squares);
                        add(b, right, to.is_added, sum, squares);
                    }
                }
            }
        }
    }
}

/// `Aᵀ` of four points.
#[inline(always)]
fn to_pixels((a, b, c, d): (&[f32], &[f32], &[f32], &[f32]), to0: &mut [f32], to1: &mut [f32]) {
    let n = to0.len();
    let (a, b, c, d, to1) = (&a[..n], &b[..n], &c[..n], &d[..n], &mut to1[..n]);
    for i in 0..n {
        to0[i] = a[i] + b[i] + c[i];
        to1[i] = b[i] - c[i] - d[i];
    }
}

/// Stores the values of a pixel.
#[inline(always)]
fn add(values: &[f32], to: &mut [f32], is_added: bool, sum: &mut [f32], squares: &mut [f32]) {
    let n = to.len();
    let (values, sum, squares) = (&values[..n], &mut sum[..n], &mut squares[..n]);
    for i in 0..n {
        let old = if is_added { to[i] } else { 0.0 };
        let value = values[i] + old;
        to[i] = value;
        sum[i] += value;
        squares[i] += value * value;
    }
}

per_isa! {
    /// `A e Aᵀ` of the tiles' gradients, `[point][block][tile][16]`, of `blocks` blocks of channels
    /// from `channel` on.
    pub(super) fn transform_gradients(
        gradient: &Activation<f32>,
        tiling: Tiling,
        tiles: Range<usize>,
        channel: usize,
        blocks: usize,
        to: &mut [f32],
    ) {
        let strip = gradient.strip();
        let pitch = strip.channel_pitch();
        let length = tiles.len() * BLOCK;
        let plane = blocks * length;
        let mut down = [[0.0; BLOCK]; 8];
        for run in tiling.runs(tiles, usize::MAX) {
            for tile in 0..run.count {
                let pixel = strip.pixel(run.image, run.y, run.x + 2 * tile);
                // Beyond an odd size is the border's 0.
                let pixels = &gradient.buffer()[strip.origin() + pixel * pitch + channel..];
                for block in 0..blocks {
                    let (left, right) = down.split_at_mut(4);
                    for (x, down) in [&mut *left, &mut *right].into_iter().enumerate() {
                        let upper = &pixels[x * pitch + block * BLOCK..][..BLOCK];
                        let lower = &pixels[strip.row_values() + x * pitch + block * BLOCK..];
                        let (top, bottom) = down.split_at_mut(2);
                        let ((to0, to1), (to2, to3)) = (top.split_at_mut(1), bottom.split_at_mut(1));
                        spread(upper, lower, &mut to0[0], &mut to1[0], &mut to2[0], &mut to3[0]);
                    }
                    let first = block * length + (run.index + tile) * BLOCK;
                    for (row, (left, right)) in left.iter().zip(&*right).enumerate() {
                        let to = &mut to[4 * row * plane..][..4 * plane];
                        let (to0, rest) = to.split_at_mut(plane);
                        let (to1, rest) = rest.split_at_mut(plane);
                        let (to2, to3) = rest.split_at_mut(plane);
                        let place = first..first + BLOCK;
                        spread(
                            left,
                            right,
                            &mut to0[place.clone()],
                            &mut to1[place.clone()],
                            &mut to2[place.clone()],
                            &mut to3[place],
                        );
                    }
                }
            }
        }
    }
}

/// `A` of two pixels.
#[inline(always)]
fn spread(
    a: &[f32],
    b: &[f32],
    to0: &mut [f32],
    to1: &mut [f32],
    to2: &mut [f32],
    to3: &mut [f32],
) {
    let (a, b) = (&a[..BLOCK], &b[..BLOCK]);
    let (to0, to1) = (&mut to0[..BLOCK], &mut to1[..BLOCK]);
    let (to2, to3) = (&mut to2[..BLOCK], &mut to3[..BLOCK]);
    for i in 0..BLOCK {
        to0[i] = a[i];
        to1[i] = a[i] + b[i];
        to2[i] = a[i] - b[i];
        to3[i] = -b[i];
    }
}
