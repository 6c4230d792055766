//! The gradient of a convolution for its weights: for each tap a product over pixels.

use rayon::prelude::*;

use super::forward::Target;
use super::phases::split;
use super::{Convolution, winograd};
use crate::isa::per_isa;
use crate::micro::{BLOCK, BLOCKS, GROUP, ROWS, Right, Segment, TILE_PITCH, Tile, Tiles};
use crate::operands::{CHANNELS, PIXELS};
use crate::{Activation, Buffer, Element, Isa, Strip};

/// At least so many pieces of work where the shape allows.
const PIECES: usize = 16;

/// Most memory for sums that are kept apart until the end, in bytes.
const PARTS_BYTES: usize = 32 << 20;

/// A tap with the place of its values.
struct Tap {
    index: usize,
    /// Pixels from an output's own place, within the phase.
    shift: isize,
}

/// The work: pixels are cut into pieces that fit the cache, pieces go to parts, each with sums of
/// its own; input channels are cut into blocks. All by shape only.
struct Plan {
    piece: usize,
    pieces: usize,
    parts: usize,
    blocks: usize,
    /// Most pixels that a tap looks up or left.
    halo: usize,
    /// Taps by the phase that they read.
    phases: Vec<Vec<Tap>>,
}

impl Convolution {
    /// The gradient for the weights, `[output, input, kernel, kernel]`.
    ///
    /// # Panics
    /// If the convolution is not supported or the shapes do not fit.
    pub fn weight_gradient<T: Element>(
        &self,
        isa: Isa,
        x: &Activation<T>,
        gradient: &Activation<T>,
    ) -> Vec<f32> {
        self.check(x.strip());
        let strip = gradient.strip();
        assert_eq!(strip, self.output_strip(x.strip()), "places of the output's gradient");
        if strip.batch == 0 {
            return vec![0.0; self.weights()];
        }
        if self.has_winograd::<T>() {
            return winograd::weight_gradient(isa, x, gradient);
        }
        let phases = (self.stride == 2).then(|| split(x, if self.kernel == 1 { 1 } else { 4 }));
        let source = phases.as_ref().unwrap_or(x);
        let plan = self.plan::<T>(strip, source.strip());
        let (rows, columns) = (source.strip().channel_pitch(), strip.channel_pitch());
        let taps = self.kernel * self.kernel;
        let part_length = taps * rows * columns;
        // The first piece of each part writes every sum.
        let mut sums = Buffer::<f32>::dirty(plan.parts * part_length);
        let sums_start = Target(sums.as_mut_ptr());
        // With several blocks of input channels the right operand serves all of them.
        let right = (plan.blocks > 1).then(|| fill_right(isa, gradient, &plan));
        let pitch = rows;
        let first_pixel = |activation: &Activation<T>| {
            let start = activation.buffer().as_ptr().wrapping_add(activation.strip().origin());
            Target(start.cast_mut())
        };
        let (left_start, right_start) = (first_pixel(source), first_pixel(gradient));

        (0..plan.parts * plan.blocks).into_par_iter().for_each(|task| {
            let (part, block) = (task / plan.blocks, task % plan.blocks);
            let channels = CHANNELS.min(rows - block * CHANNELS);
            let _tiles = Tiles::enter(isa);
            let mut tile = Tile::new();
            let mut left = Buffer::<T>::dirty(T::left_length(plan.piece + 2 * plan.halo + PIXELS));
            let own = if right.is_none() { plan.piece * columns } else { 0 };
            let mut own_right = Buffer::<T>::dirty(own);
            let pieces = part * plan.pieces / plan.parts..(part + 1) * plan.pieces / plan.parts;
            let first_piece = pieces.start;
            for piece in pieces {
                let first = piece * plan.piece;
                let pixels = plan.piece.min((strip.pixels() - first).next_multiple_of(PIXELS));
                let right: &[T] = if let Some(right) = &right {
                    &right[first * columns..][..pixels * columns]
                } else {
                    let right = &mut own_right[..pixels * columns];
                    let source = right_start.at(first * columns);
                    // SAFETY: the strip's end holds more zeros than the rounding up.
                    unsafe { T::fill_right(isa, source, columns, pixels, right) };
                    right
                };
                for (phase, taps) in plan.phases.iter().enumerate() {
                    if taps.is_empty() {
                        continue;
                    }
                    let all = (pixels + 2 * plan.halo).next_multiple_of(PIXELS);
                    let from = (phase * strip.pixels() + first) as isize - plan.halo as isize;
                    let from = from * pitch as isize + (block * CHANNELS) as isize;
                    let from = left_start.at(0).cast_const().wrapping_offset(from);
                    // SAFETY: the strip's ends hold zeros for every shift and for the rounding up.
                    unsafe { T::fill_left(isa, from, pitch, all, channels, &mut left) };
                    let segments = [Segment { offset: 0, k: pixels }];
                    for column in (0..columns).step_by(TILE_PITCH) {
                        let blocks = BLOCKS.min((columns - column) / BLOCK);
                        let right = Right {
                            start: right[column * pixels..].as_ptr(),
                            block: pixels * BLOCK,
                        };
                        let is_added = piece > first_piece;
                        let keep = |tile: &[f32], tap: &Tap, channel: usize, count: usize| {
                            let row = tap.index * rows + block * CHANNELS + channel;
                            let to = sums_start.at(part * part_length + row * columns + column);
                            add(isa, tile, count, blocks, to, columns, is_added);
                        };
                        let operand = |tap: &Tap| {
                            T::left(&left, all, (plan.halo as isize + tap.shift) as usize)
                        };
                        if T::has_groups(isa) {
                            let groups = taps.iter().flat_map(|tap| {
                                (0..channels).step_by(GROUP).map(move |channel| (tap, channel))
                            });
                            let groups: Vec<(&Tap, usize)> = groups.collect();
                            for groups in groups.chunks(ROWS / GROUP) {
                                let row = operand(groups[0].0).row;
                                let start = |&(tap, channel): &(&Tap, usize)| {
                                    operand(tap).start.wrapping_add(channel * row)
                                };
                                let starts: Vec<*const T> = groups.iter().map(start).collect();
                                // SAFETY: both operands hold these pixels.
                                unsafe {
                                    T::multiply_groups(
                                        &starts, row, blocks, &segments, right, &mut tile,
                                    );
                                }
                                let tiles = tile.0.chunks(GROUP * TILE_PITCH);
                                for (tile, &(tap, channel)) in tiles.zip(groups) {
                                    keep(tile, tap, channel, GROUP);
                                }
                            }
                        } else {
                            for tap in taps {
                                let left = operand(tap);
                                // SAFETY: both operands hold these pixels, and the left one 32 more
                                // channels.
                                unsafe {
                                    T::multiply(
                                        isa, channels, blocks, left, &segments, right, &mut tile,
                                    );
                                }
                                keep(&tile.0, tap, 0, channels);
                            }
                        }
                    }
                }
            }
        });
        self.unpack(isa, &sums, plan.parts, rows, columns)
    }

    fn plan<T: Element>(&self, output: Strip, source: Strip) -> Plan {
        let pixels = output.pixels();
        let piece = T::PIECE.min(pixels.next_multiple_of(PIXELS));
        let pieces = pixels.div_ceil(piece);
        let blocks = source.channel_pitch().div_ceil(CHANNELS);
        let bytes = self.kernel * self.kernel * source.channel_pitch() * output.channel_pitch() * 4;
        let parts = PIECES.div_ceil(blocks).min(pieces).min((PARTS_BYTES / bytes).max(1));
        let mut phases: Vec<Vec<Tap>> = (0..4).map(|_| Vec::new()).collect();
        for run in self.forward_runs(output) {
            for (i, &index) in run.taps.iter().enumerate() {
                let shift = run.shift + i as isize;
                // Within a phase, shifts go up and left only.
                let phase = if self.stride == 1 {
                    0
                } else {
                    (shift + pixels as isize - 1).div_euclid(pixels as isize)
                };
                let shift = shift - phase * pixels as isize;
                phases[phase as usize].push(Tap { index, shift });
            }
        }
        let halo = if self.kernel == 1 { 0 } else { output.row_pitch() + 1 };
        Plan { piece, pieces, parts, blocks, halo, phases }
    }

    /// Adds the parts in order and brings taps innermost.
    fn unpack(
        &self,
        isa: Isa,
        sums: &[f32],
        parts: usize,
        rows: usize,
        columns: usize,
    ) -> Vec<f32> {
        let taps = self.kernel * self.kernel;
        let mut weights = vec![0.0; self.weights()];
        weights.par_chunks_mut(BLOCK * self.input * taps).enumerate().for_each(
            |(block, weights)| {
                collect(isa, sums, parts, rows, columns, block * BLOCK, taps, self.input, weights);
            },
        );
        weights
    }
}

/// The right operands of all pieces.
fn fill_right<T: Element>(isa: Isa, gradient: &Activation<T>, plan: &Plan) -> Buffer<T> {
    let strip = gradient.strip();
    let columns = strip.channel_pitch();
    let mut right = Buffer::dirty(strip.pixels().next_multiple_of(PIXELS) * columns);
    let start = Target(gradient.buffer()[strip.origin()..].as_ptr().cast_mut());
    right.par_chunks_mut(plan.piece * columns).enumerate().for_each(|(piece, right)| {
        let pixels = right.len() / columns;
        let source = start.at(piece * plan.piece * columns);
        // SAFETY: the strip's end holds more zeros than the rounding up.
        unsafe { T::fill_right(isa, source, columns, pixels, right) };
    });
    right
}

per_isa! {
    /// Writes a tile to sums, `pitch` values from row to row, which no other thread touches, or adds
    /// it to them.
    fn add(
        tile: &[f32],
        rows: usize,
        blocks: usize,
        to: *mut f32,
        pitch: usize,
        is_added: bool,
    ) {
        for (row, values) in tile.chunks(TILE_PITCH).take(rows).enumerate() {
            let to = to.wrapping_add(row * pitch);
            // SAFETY: the caller owns these rows of the sums.
            let sums = unsafe { std::slice::from_raw_parts_mut(to, blocks * BLOCK) };
            let values = &values[..sums.len()];
            if is_added {
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum += value;
                }
            } else {
                sums.copy_from_slice(values);
            }
        }
    }
}

per_isa! {
    /// The weights of up to 16 outputs from channel `first` on, `[output][input][tap]`, from sums
    /// `[part][tap][row][column]`.
    ///
    /// Squares of 16 outputs by 16 places `input·taps + tap` are turned over on the way, so that both
    /// sides are read and written whole lines at a time.
    fn collect(
        sums: &[f32],
        parts: usize,
        rows: usize,
        columns: usize,
        first: usize,
        taps: usize,
        inputs: usize,
        weights: &mut [f32],
    ) {
        let places = inputs * taps;
        let part_length = taps * rows * columns;
        let mut square = [[0.0_f32; BLOCK]; BLOCK];
        let (mut input, mut tap) = (0, 0);
        for place in (0..places).step_by(BLOCK) {
            let count = BLOCK.min(places - place);
            for row in &mut square[..count] {
                let at = (tap * rows + input) * columns + first;
                row.copy_from_slice(&sums[at..at + BLOCK]);
                for part in 1..parts {
                    let at = at + part * part_length;
                    for (total, value) in row.iter_mut().zip(&sums[at..at + BLOCK]) {
                        *total += value;
                    }
                }
                tap += 1;
                if tap == taps {
                    (input, tap) = (input + 1, 0);
                }
            }
            let outputs = weights.chunks_exact_mut(places);
            if count == BLOCK {
                for (output, weights) in outputs.enumerate() {
                    let column: [f32; BLOCK] = std::array::from_fn(|i| square[i][output]);
                    weights[place..place + BLOCK].copy_from_slice(&column);
                }
            } else {
                for (output, weights) in outputs.enumerate() {
                    for (weight, row) in weights[place..].iter_mut().zip(&square[..count]) {
                        *weight = row[output];
                    }
                }
            }
        }
    }
}
