//! The gradient for the weights: for each point a product over tiles.

use std::ops::Range;

use rayon::prelude::*;

use super::transforms::{to_taps, transform_gradients, transform_patches};
use super::{POINTS, Planes, Tiling, as_f32};
use crate::convolution::forward::Target;
use crate::isa::per_isa;
use crate::micro::{BLOCK, BLOCKS, Left, Micro, Right, Segment, TILE_PITCH, Tile, Tiles};
use crate::operands::CHANNELS;
use crate::{Activation, Buffer, Element, Isa};

/// Tiles of a piece, so that both operands stay in the second-level cache.
const PIECE: usize = 96;

/// At least so many tasks where the shape allows.
const TASKS: usize = 16;

/// Most memory for sums that are kept apart until the end, in bytes.
const PARTS_BYTES: usize = 32 << 20;

/// Values of the result that are added up at a time.
const SUMS: usize = 1 << 13;

/// Taps of a kernel.
const TAPS: usize = 9;

/// The gradient for the weights, `[output, input, 3, 3]`. Both elements are f32.
///
/// Blocks of channels in by channels out are tasks; where these are few, tiles are cut into parts
/// with sums of their own.
pub(in super::super) fn weight_gradient<T: Element>(
    isa: Isa,
    x: &Activation<T>,
    gradient: &Activation<T>,
) -> Vec<f32> {
    let (x, gradient) = (as_f32(x), as_f32(gradient));
    let tiling = Tiling::of(gradient.strip());
    let (inputs, outputs) = (x.strip().channels, gradient.strip().channels);
    let (rows, columns) = (x.strip().channel_pitch(), gradient.strip().channel_pitch());
    let (row_blocks, column_blocks) = (rows.div_ceil(CHANNELS), columns.div_ceil(TILE_PITCH));
    let length = outputs * inputs * TAPS;
    let pieces = tiling.count().div_ceil(PIECE);
    let most = (PARTS_BYTES / (length * size_of::<f32>())).max(1);
    let parts = TASKS.div_ceil(row_blocks * column_blocks).min(pieces).min(most);
    let mut weights = vec![0.0; length];
    let mut sums = Buffer::<f32>::dirty(if parts == 1 { 0 } else { parts * length });
    let start = Target(if parts == 1 { weights.as_mut_ptr() } else { sums.as_mut_ptr() });
    (0..parts * row_blocks * column_blocks).into_par_iter().for_each(|task| {
        let (part, block) = (task % parts, task / parts);
        let (row, column) = (block / column_blocks * CHANNELS, block % column_blocks * TILE_PITCH);
        let channels = row..rows.min(row + CHANNELS);
        let blocks = BLOCKS.min((columns - column) / BLOCK);
        let pieces = part * pieces / parts..(part + 1) * pieces / parts;
        let points = sum_points(isa, x, gradient, tiling, &pieces, &channels, column, blocks);
        let channels = row..channels.end.min(inputs);
        let mut taps = Buffer::<f32>::dirty(CHANNELS * TAPS * BLOCK);
        let taps = &mut taps[..channels.len() * TAPS * BLOCK];
        for block in (0..blocks).map(|block| block * BLOCK) {
            for (channel, taps) in taps.chunks_exact_mut(TAPS * BLOCK).enumerate() {
                let from = points[channel * TILE_PITCH + block..].as_ptr();
                // SAFETY: the points have such planes, and there is room for nine taps.
                unsafe { to_taps(isa, from, CHANNELS * TILE_PITCH, taps.as_mut_ptr()) };
            }
            let first = column + block;
            let to = start.at(part * length + (first * inputs + row) * TAPS);
            turn_over(isa, taps, BLOCK.min(outputs - first), to, inputs * TAPS);
        }
    });
    if parts > 1 {
        weights.par_chunks_mut(SUMS).enumerate().for_each(|(index, weights)| {
            for (part, sums) in sums.chunks_exact(length).enumerate() {
                add(isa, &sums[index * SUMS..][..weights.len()], weights, part > 0);
            }
        });
    }
    weights
}

/// Sums over the tiles of some pieces, `[point][64 channels in][64 channels out]`, of which those
/// asked for are written.
fn sum_points(
    isa: Isa,
    x: &Activation<f32>,
    gradient: &Activation<f32>,
    tiling: Tiling,
    pieces: &Range<usize>,
    channels: &Range<usize>,
    column: usize,
    blocks: usize,
) -> Buffer<f32> {
    let _tiles = Tiles::enter(isa);
    let mut tile = Tile::new();
    let planes = Planes::of(PIECE, CHANNELS);
    let mut left = Buffer::<f32>::dirty(planes.len());
    let mut right = Buffer::<f32>::dirty(POINTS * PIECE * TILE_PITCH);
    let mut points = Buffer::<f32>::dirty(POINTS * CHANNELS * TILE_PITCH);
    for piece in pieces.clone() {
        let tiles = piece * PIECE..tiling.count().min((piece + 1) * PIECE);
        let count = tiles.len();
        transform_patches(isa, x, tiling, tiles.clone(), channels.clone(), &mut left, planes);
        transform_gradients(isa, gradient, tiling, tiles, column, blocks, &mut right);
        for (point, sums) in points.chunks_exact_mut(CHANNELS * TILE_PITCH).enumerate() {
            let start = left[point * planes.plane..].as_ptr();
            let left = Left { start, row: 1, step: planes.row };
            let block = count * BLOCK;
            let right = Right { start: right[point * blocks * block..].as_ptr(), block };
            let segments = [Segment { offset: 0, k: count }];
            // SAFETY: both operands hold this point's tiles, and 32 values more.
            unsafe {
                f32::multiply(isa, channels.len(), blocks, left, &segments, right, &mut tile);
            }
            let length = channels.len() * TILE_PITCH;
            add(isa, &tile.0[..length], &mut sums[..length], piece > pieces.start);
        }
    }
    points
}

per_isa! {
    /// Adds values to sums, or makes them the first.
    fn add(values: &[f32], sums: &mut [f32], is_added: bool) {
        if is_added {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += value;
            }
        } else {
            sums.copy_from_slice(values);
        }
    }
}

per_isa! {
    /// Writes the first `columns` of `[rows][16]` as rows, `pitch` values apart, which no other
    /// thread touches.
    fn turn_over(from: &[f32], columns: usize, to: *mut f32, pitch: usize) {
        for (square, rows) in from.chunks(BLOCK * BLOCK).enumerate() {
            for column in 0..columns {
                let to = to.wrapping_add(column * pitch + square * BLOCK);
                // SAFETY: the caller owns these values.
                let to = unsafe { std::slice::from_raw_parts_mut(to, rows.len() / BLOCK) };
                if let Some(to) = to.first_chunk_mut::<BLOCK>() {
                    *to = std::array::from_fn(|row| rows[row * BLOCK + column]);
                } else {
                    for (row, to) in to.iter_mut().enumerate() {
                        *to = rows[row * BLOCK + column];
                    }
                }
            }
        }
    }
}
