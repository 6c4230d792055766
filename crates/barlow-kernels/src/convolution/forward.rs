//! The output of a convolution, and the walk over tiles that it shares with the data gradient.

use rayon::prelude::*;

use super::phases::split;
use super::runs::Run;
use super::store::{Destination, Places, Sums, store};
use super::weights::{Direction, PackedWeights, block_length};
use super::{Convolution, Convolved, winograd};
use crate::micro::{BLOCK, BLOCKS, Left, ROWS, Right, Segment, Tile, Tiles};
use crate::{Activation, Buffer, Element, Isa, Strip};

/// Input that one piece of the work reads, so that it stays in the second-level cache.
const PIECE_BYTES: usize = 256 << 10;

/// At least so many pieces where the shape allows, to keep the processors busy to the end.
const PIECES: usize = 64;

impl Convolution {
    /// The output and its channels' sums.
    ///
    /// # Panics
    /// If the convolution is not supported, the weights are of another, or the input's channels or
    /// borders do not fit.
    pub fn forward<T: Element>(
        &self,
        isa: Isa,
        x: &Activation<T>,
        weights: &PackedWeights<T>,
    ) -> Convolved<T> {
        self.check(x.strip());
        weights.check(self, Direction::Forward);
        let strip = self.output_strip(x.strip());
        let mut output = Activation::dirty(strip);
        if let Some(points) = &weights.points {
            let (sum, sum_of_squares) = winograd::multiply(isa, x, points, &mut output, false);
            return Convolved { output, sum, sum_of_squares };
        }
        let runs = self.forward_runs(strip);
        let phases = (self.stride == 2).then(|| split(x, if self.kernel == 1 { 1 } else { 4 }));
        let product = Product {
            source: phases.as_ref().unwrap_or(x),
            pixels: strip.pixels(),
            runs: &runs,
            weights: &weights.parts[0],
            columns: strip.channel_pitch(),
            places: Places::of(strip),
            is_added: false,
        };
        let (sum, sum_of_squares) = product.run(isa, &mut output);
        Convolved { output, sum, sum_of_squares }
    }
}

/// A sum of matrix products over the pixels of a strip.
pub(super) struct Product<'a, T> {
    /// Read at its pixel 0 plus the runs' shifts.
    pub(super) source: &'a Activation<T>,
    /// Pixels to compute.
    pub(super) pixels: usize,
    pub(super) runs: &'a [Run],
    pub(super) weights: &'a Buffer<T>,
    /// Channels of the target as stored.
    pub(super) columns: usize,
    pub(super) places: Places,
    /// Whether results are added to what the target holds.
    pub(super) is_added: bool,
}

/// A pointer to a target that pieces of the work write to in different places.
#[derive(Clone, Copy)]
pub(super) struct Target<T>(pub(super) *mut T);

// SAFETY: pieces write to different places, each for itself.
unsafe impl<T> Send for Target<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Target<T> {}

impl<T> Target<T> {
    pub(super) fn at(self, offset: usize) -> *mut T {
        self.0.wrapping_add(offset)
    }
}

impl<T: Element> Product<'_, T> {
    /// Computes and stores; returns Σ and Σ² of each of the target's channels.
    pub(super) fn run(&self, isa: Isa, target: &mut Activation<T>) -> (Vec<f32>, Vec<f32>) {
        let pitch = self.source.strip().channel_pitch();
        let segments: Vec<Segment> = self
            .runs
            .iter()
            .map(|run| Segment { offset: run.shift * pitch as isize, k: run.taps.len() * pitch })
            .collect();
        let block = block_length::<T>(self.runs, pitch);
        let blocks = self.columns / BLOCK;
        assert_eq!(self.weights.len(), blocks * block, "weights of another convolution");
        let groups = blocks.div_ceil(BLOCKS);
        let tiles = self.pixels.div_ceil(ROWS);
        let fitting = PIECE_BYTES / (ROWS * pitch * size_of::<T>());
        let tiles_per_piece = fitting.min(tiles * groups / PIECES).max(1);
        let pieces = tiles.div_ceil(tiles_per_piece);
        let target_strip = target.strip();
        let out = Target(target.pixels_mut().as_mut_ptr());
        let origin = self.source.buffer().as_ptr().wrapping_add(self.source.strip().origin());
        let source = Target(origin.cast_mut());
        let run_piece = |index: usize| -> Sums {
            let (group, piece) = (index / pieces, index % pieces);
            let first_block = group * BLOCKS;
            let blocks = BLOCKS.min(blocks - first_block);
            let _tiles = Tiles::enter(isa);
            let mut tile = Tile::new();
            let mut sums = Sums::default();
            let right = Right { start: self.weights[first_block * block..].as_ptr(), block };
            for index in piece * tiles_per_piece..tiles.min((piece + 1) * tiles_per_piece) {
                let first = index * ROWS;
                let rows = ROWS.min(self.pixels - first);
                let left =
                    Left { start: source.at(first * pitch).cast_const(), row: pitch, step: 1 };
                // SAFETY: the strip's ends hold zeros for every shift, and `Strip::OVERRUN` pixels
                // beyond the last; the weights' length was checked.
                unsafe { T::multiply(isa, rows, blocks, left, &segments, right, &mut tile) };
                let to = Destination {
                    start: out.at(first_block * BLOCK),
                    pitch: self.columns,
                    is_added: self.is_added,
                };
                // SAFETY: the places are those of the target's pixels, of these blocks' channels.
                unsafe { store(isa, &tile, rows, blocks, first, &self.places, to, &mut sums) };
            }
            sums
        };
        let sums: Vec<Sums> = (0..groups * pieces).into_par_iter().map(run_piece).collect();
        add_up(&sums, pieces, target_strip)
    }
}

/// Adds the sums of all pieces in their order, in f64.
fn add_up(sums: &[Sums], pieces: usize, strip: Strip) -> (Vec<f32>, Vec<f32>) {
    let total = |which: usize, channel: usize| {
        let (block, lane) = (channel / BLOCK, channel % BLOCK);
        let group = &sums[block / BLOCKS * pieces..][..pieces];
        group.iter().map(|sums| f64::from(sums[which][block % BLOCKS][lane])).sum::<f64>() as f32
    };
    let totals = |which| (0..strip.channels).map(|channel| total(which, channel)).collect();
    (totals(0), totals(1))
}
