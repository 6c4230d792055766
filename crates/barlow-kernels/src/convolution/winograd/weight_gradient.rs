//! The gradient for the weights: for each point a product over tiles.

use rayon::prelude::*;

use super::transforms::{transform_gradients, transform_patches};
use super::{POINTS, Planes, Tiling, as_f32};
use crate::convolution::forward::Target;
use crate::isa::per_isa;
use crate::micro::{BLOCK, BLOCKS, Left, Micro, Right, Segment, TILE_PITCH, Tile, Tiles};
use crate::operands::CHANNELS;
use crate::{Activation, Buffer, Element, Isa};

/// Tiles of a piece, so that both operands stay in the second-level cache.
const PIECE: usize = 96;

/// At least so many tasks where the shape allows.
const TASKS: usize = 32;

/// Most memory for sums that are kept apart until the end, in bytes.
const PARTS_BYTES: usize = 32 << 20;

/// Sums for each tap, `[part][tap][channel in][channel out]`, and how many parts.
/// Both elements are f32.
pub(in super::super) fn weight_gradient<T: Element>(
    isa: Isa,
    x: &Activation<T>,
    gradient: &Activation<T>,
) -> (Buffer<f32>, usize) {
    let (x, gradient) = (as_f32(x), as_f32(gradient));
    let tiling = Tiling::of(gradient.strip());
    let (rows, columns) = (x.strip().channel_pitch(), gradient.strip().channel_pitch());
    let (row_blocks, column_blocks) = (rows.div_ceil(CHANNELS), columns.div_ceil(TILE_PITCH));
    let pieces = tiling.count().div_ceil(PIECE);
    let part_length = 9 * rows * columns;
    let most = (PARTS_BYTES / (part_length * size_of::<f32>())).max(1);
    let parts = TASKS.div_ceil(row_blocks * column_blocks).min(pieces).min(most);
    let mut sums = Buffer::<f32>::dirty(parts * part_length);
    let sums_start = Target(sums.as_mut_ptr());
    (0..parts * row_blocks * column_blocks).into_par_iter().for_each(|task| {
        let (part, block) = (task % parts, task / parts);
        let (row, column) = (block / column_blocks * CHANNELS, block % column_blocks * TILE_PITCH);
        let channels = row..rows.min(row + CHANNELS);
        let blocks = BLOCKS.min((columns - column) / BLOCK);
        let _tiles = Tiles::enter(isa);
        let mut tile = Tile::new();
        let planes = Planes::of(PIECE, CHANNELS);
        let mut left = Buffer::<f32>::dirty(planes.len());
        let mut right = Buffer::<f32>::dirty(POINTS * PIECE * TILE_PITCH);
        let mut points = Buffer::<f32>::dirty(POINTS * CHANNELS * TILE_PITCH);
        let pieces = part * pieces / parts..(part + 1) * pieces / parts;
        for piece in pieces.clone() {
            let tiles = piece * PIECE..tiling.count().min((piece + 1) * PIECE);
            let count = tiles.len();
            transform_patches(
                isa,
                x,
                tiling,
                tiles.clone(),
                channels.clone(),
               
                &mut left,
                planes,
            );
            transform_gradients(isa, gradient, tiling, tiles, column, blocks, &mut right);
            for (point, sums) in points.chunks_exact_mut(CHANNELS * TILE_PITCH).enumerate() {
                let start = left[point * planes.plane..].as_ptr();
                let left = Left { start, row: 1, step: planes.row };
                let block = count * BLOCK;
                let right = Right { start: right[point * blocks * block..].as_ptr(), block };
                let segments = [Segment { offset: 0, k: count }];
                // SAFETY: both operands hold this point's tiles; rows of the left one have 16 more
                // values, and its end 32.
                unsafe {
                    f32::multiply(isa, channels.len(), blocks, left, &segments, right, &mut tile);
                }
                let length = channels.len() * TILE_PITCH;
                add(isa, &tile.0[..length], &mut sums[..length], piece > pieces.start);
            }
        }
        for (i, channel) in channels.enumerate() {
            let to = sums_start.at(part * part_length + channel * columns + column);
            let from = &points[i * TILE_PITCH..];
            store_taps(isa, from, CHANNELS * TILE_PITCH, blocks, to, rows * columns);
        }
    });
    (sums, parts)
}

per_isa! {
    /// Adds a tile to sums, or makes it the first.
    fn add(tile: &[f32], sums: &mut [f32], is_added: bool) {
        if is_added {
            for (sum, value) in sums.iter_mut().zip(tile) {
                *sum += value;
            }
        } else {
            sums.copy_from_slice(tile);
        }
    }
}

per_isa! {
    /// `Gᵀ p G` of the points of one channel in, `plane` values apart, as nine taps, `pitch` values
    /// apart, which no other thread touches.
    fn store_taps(
        from: &[f32],
        plane: usize,
        blocks: usize,
        to: *mut f32,
        pitch: usize,
    ) {
        for block in 0..blocks {
            let point = |i: usize| &from[i * plane + block * BLOCK..][..BLOCK];
            let mut down = [[0.0; BLOCK]; 12];
            for x in 0..4 {
                let points = (point(x), point(4 + x), point(8 + x), point(12 + x));
                to_taps(points, &mut down[3 * x..]);
            }
            let mut across = [[0.0; BLOCK]; 3];
            for y in 0..3 {
                let points = (&down[y][..], &down[3 + y][..], &down[6 + y][..], &down[9 + y][..]);
                to_taps(points, &mut across);
                for (x, values) in across.iter().enumerate() {
                    let to = to.wrapping_add((3 * y + x) * pitch + block * BLOCK);
                    // SAFETY: the caller owns these values.
                    unsafe { to.cast::<[f32; BLOCK]>().write_unaligned(*values) };
                }
            }
        }
    }
}

/// `Gᵀ` of four points.
#[inline(always)]
fn to_taps((a, b, c, d): (&[f32], &[f32], &[f32], &[f32]), to: &mut [[f32; BLOCK]]) {
    let [to0, to1, to2] = to.first_chunk_mut().expect("three taps");
    let (a, b, c, d) = (&a[..BLOCK], &b[..BLOCK], &c[..BLOCK], &d[..BLOCK]);
    for i in 0..BLOCK {
        let (sum, difference) = (0.5 * (b[i] + c[i]), 0.5 * (b[i] - c[i]));
        to0[i] = a[i] + sum;
        to1[i] = difference;
        to2[i] = sum + d[i];
    }
}
