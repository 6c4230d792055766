//! The output of a convolution, or its gradient for the input: patches to points, products, points
//! to pixels.

use std::any::Any;

use rayon::prelude::*;

use super::transforms::{Destination, Sums, store_outputs, transform_patches};
use super::weights::block_length;
use super::{POINTS, Planes, Tiling, as_f32};
use crate::convolution::forward::Target;
use crate::micro::{BLOCK, BLOCKS, Left, Micro, ROWS, Right, Segment, TILE_PITCH, Tile, Tiles};
use crate::{Activation, Buffer, Element, Isa, Strip};

/// Points of one piece of the work, so that they stay well within the second-level cache, in bytes:
/// with 1 MiB, 64 channels take a quarter longer on a Xeon with 2 MiB.
const PIECE_BYTES: usize = 1 << 18;

/// Tiles of a piece are a multiple of this, which the heights of most register tiles divide.
const STEP: usize = 12;

/// At least so many tasks where the shape allows.
const TASKS: usize = 32;

/// The work: pieces of tiles by sets of channels out.
struct Plan {
    /// Tiles of a piece, the last one perhaps fewer.
    tiles: usize,
    pieces: usize,
    /// Blocks of 16 channels that are computed at a time.
    blocks: usize,
    /// Such groups, and how many of them a task computes from the same points.
    groups: usize,
    groups_per_set: usize,
}

impl Plan {
    fn new(tiles: usize, rows: usize, columns: usize) -> Self {
        let bytes = POINTS * Planes::of(1, rows).plane * size_of::<f32>();
        let most = (PIECE_BYTES / bytes / STEP * STEP).clamp(2 * STEP, ROWS);
        let pieces = tiles.div_ceil(most);
        let tiles = tiles.div_ceil(pieces.max(1)).next_multiple_of(STEP);
        // Beyond, 64 columns of the weights are too many for the first-level cache.
        let blocks = if rows > 128 { BLOCKS / 2 } else { BLOCKS };
        let groups = (columns / BLOCK).div_ceil(blocks);
        let sets = TASKS.div_ceil(pieces.max(1)).min(groups);
        Self { tiles, pieces, blocks, groups, groups_per_set: groups.div_ceil(sets) }
    }
}

/// The sum over channels of `x` by the points of the weights, written to `to` or added to it;
/// returns Σ and Σ² of each of its channels. Both elements are f32.
pub(in super::super) fn multiply<T: Element>(
    isa: Isa,
    x: &Activation<T>,
    points: &[f32],
    to: &mut Activation<T>,
    is_added: bool,
) -> (Vec<f32>, Vec<f32>) {
    let x = as_f32(x);
    let to: &mut Activation<f32> = (to as &mut dyn Any).downcast_mut().expect("points are of f32");
    let strip = to.strip();
    if !is_added {
        clear_borders(to);
    }
    let tiling = Tiling::of(strip);
    let (rows, columns) = (x.strip().channel_pitch(), strip.channel_pitch());
    let block = block_length(rows);
    assert_eq!(points.len(), columns / BLOCK * block, "points of another convolution");
    let plan = Plan::new(tiling.count(), rows, columns);
    let planes = Planes::of(plan.tiles, rows);
    let out = Target(to.pixels_mut().as_mut_ptr());
    // For each piece Σ and Σ² of every channel.
    let mut sums = Buffer::<f32>::dirty(plan.pieces * 2 * columns);
    let sums_start = Target(sums.as_mut_ptr());
    let sets = plan.groups.div_ceil(plan.groups_per_set);
    (0..sets * plan.pieces).into_par_iter().for_each(|task| {
        let (set, piece) = (task / plan.pieces, task % plan.pieces);
        let _tiles = Tiles::enter(isa);
        let tiles = piece * plan.tiles..tiling.count().min((piece + 1) * plan.tiles);
        let mut left = Buffer::<f32>::dirty(planes.len());
        transform_patches(isa, x, tiling, tiles.clone(), 0..rows, &mut left, planes);
        let mut products: [Tile; POINTS] = std::array::from_fn(|_| Tile::new());
        let groups = set * plan.groups_per_set..plan.groups.min((set + 1) * plan.groups_per_set);
        for group in groups {
            let first = group * plan.blocks;
            let blocks = plan.blocks.min(columns / BLOCK - first);
            for (point, tile) in products.iter_mut().enumerate() {
                let start = left[point * planes.plane..].as_ptr();
                let left = Left { start, row: planes.row, step: 1 };
                let start = points[first * block + point * rows * BLOCK..].as_ptr();
                let right = Right { start, block };
                let segments = [Segment { offset: 0, k: rows }];
                // SAFETY: both operands hold this point; 32 rows beyond its tiles are other numbers.
                unsafe {
                    f32::multiply(isa, tiles.len(), blocks, left, &segments, right, tile);
                }
            }
            let mut totals: Sums = [[0.0; TILE_PITCH]; 2];
            let to = Destination { start: out.at(first * BLOCK), is_added };
            // SAFETY: these tiles' pixels in these blocks are this task's.
            unsafe {
                store_outputs(isa, &products, tiling, tiles.clone(), blocks, to, &mut totals);
            }
            for (which, totals) in totals.iter().enumerate() {
                let start = sums_start.at((2 * piece + which) * columns + first * BLOCK);
                // SAFETY: these channels' sums of this piece are this task's.
                let sums = unsafe { std::slice::from_raw_parts_mut(start, blocks * BLOCK) };
                sums.copy_from_slice(&totals[..blocks * BLOCK]);
            }
        }
    });
    add_up(&sums, strip)
}

/// Writes 0 to the pixels that belong to no image.
fn clear_borders(to: &mut Activation<f32>) {
    let strip = to.strip();
    let image = strip.image_pitch() * strip.channel_pitch();
    to.pixels_mut().par_chunks_exact_mut(image).for_each(|image| {
        for (y, row) in image.chunks_exact_mut(strip.row_values()).enumerate() {
            row[strip.inner_values(y)..].fill(0.0);
        }
    });
}

/// Adds the sums of all pieces in their order, in f64.
fn add_up(sums: &[f32], strip: Strip) -> (Vec<f32>, Vec<f32>) {
    let pitch = strip.channel_pitch();
    let total = |which: usize, channel: usize| {
        let pieces = sums.chunks_exact(2 * pitch);
        pieces.map(|sums| f64::from(sums[which * pitch + channel])).sum::<f64>() as f32
    };
    let totals = |which| (0..strip.channels).map(|channel| total(which, channel)).collect();
    (totals(0), totals(1))
}
