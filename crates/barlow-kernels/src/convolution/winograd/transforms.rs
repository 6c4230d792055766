//! From pixels to points and back.

#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "one contract covers the reads, writes and sums of a transform"
)]

use std::ops::Range;

use super::lanes::{Lanes, per_lanes};
use super::{POINTS, Planes, Tiling};
use crate::micro::{BLOCK, TILE_PITCH, Tile};
use crate::{Activation, Isa};

/// `Bᵀ d B` of the tiles' patches: a row of `to` for each tile, of the given channels.
///
/// # Panics
/// If the tiles or channels are not those of `x`, or `to` is too small.
pub(super) fn transform_patches(
    isa: Isa,
    x: &Activation<f32>,
    tiling: Tiling,
    tiles: Range<usize>,
    channels: Range<usize>,
    to: &mut [f32],
    planes: Planes,
) {
    let strip = x.strip();
    let pitch = strip.channel_pitch();
    assert!(
        tiles.end <= tiling.count() && channels.end <= pitch,
        "tiles and channels of {strip:?}"
    );
    assert!(tiles.len() * planes.row <= planes.plane, "rows of the points");
    assert!(channels.len() <= planes.row && POINTS * planes.plane <= to.len(), "place for points");
    // A patch begins one pixel up and left; the strip holds zeros before the first pixel.
    let corner = strip.origin() - (strip.row_pitch() + 1) * pitch + channels.start;
    for (index, (image, y, x_at)) in tiling.places(tiles).enumerate() {
        let from = &x.buffer()[corner + strip.pixel(image, y, x_at) * pitch..];
        let reach = 3 * (strip.row_values() + pitch) + channels.len();
        let (from, to) = (from[..reach].as_ptr(), to[index * planes.row..].as_mut_ptr());
        // SAFETY: the sixteen pixels are in the slice, the rows of all points in `to`, as checked.
        unsafe { patch(isa, from, strip.row_values(), pitch, channels.len(), to, planes.plane) };
    }
}

per_lanes! {
    /// `Bᵀ d B` of one patch.
    ///
    /// # Safety
    /// `width` values, a multiple of 16, are readable at 4×4 pixels, `pitch` and `row` apart, and
    /// writable at 16 points, `plane` apart.
    unsafe fn patch<L>(
        from: *const f32,
        row: usize,
        pitch: usize,
        width: usize,
        to: *mut f32,
        plane: usize,
    ) {
        for i in (0..width).step_by(L::COUNT) {
            // SAFETY: the caller's contract.
            unsafe {
                let mut down = [[L::all(0.0); 4]; 4];
                for x in 0..4 {
                    let pixel = |y: usize| L::read(from.add(y * row + x * pitch + i));
                    let points = to_points([pixel(0), pixel(1), pixel(2), pixel(3)]);
                    for y in 0..4 {
                        down[y][x] = points[y];
                    }
                }
                for y in 0..4 {
                    let points = to_points(down[y]);
                    for x in 0..4 {
                        points[x].write(to.add((4 * y + x) * plane + i));
                    }
                }
            }
        }
    }
}

/// `Bᵀ` of four pixels.
#[inline(always)]
unsafe fn to_points<L: Lanes>([a, b, c, d]: [L; 4]) -> [L; 4] {
    // SAFETY: the caller has the instructions.
    unsafe { [a.minus(c), b.plus(c), c.minus(b), b.minus(d)] }
}

/// Where a task's outputs go.
#[derive(Clone, Copy)]
pub(super) struct Destination {
    /// First channel at pixel 0.
    pub(super) start: *mut f32,
    /// Whether results are added to what is there.
    pub(super) is_added: bool,
}

/// Σ and Σ² of up to [`TILE_PITCH`] channels.
pub(super) type Sums = [[f32; TILE_PITCH]; 2];

/// `Aᵀ m A` of the tiles' products, stored and added to `sums`.
///
/// # Safety
/// The destination holds the strip's pixels, and no other thread touches these tiles' in `blocks`
/// blocks of channels.
pub(super) unsafe fn store_outputs(
    isa: Isa,
    products: &[Tile; POINTS],
    tiling: Tiling,
    tiles: Range<usize>,
    blocks: usize,
    to: Destination,
    sums: &mut Sums,
) {
    let strip = tiling.strip;
    let pitch = strip.channel_pitch();
    for (index, (image, y, x)) in tiling.places(tiles).enumerate() {
        let points = products.each_ref().map(|tile| tile.0[index * TILE_PITCH..].as_ptr());
        let start = to.start.wrapping_add(strip.pixel(image, y, x) * pitch);
        let output = Output {
            start,
            row: strip.row_values(),
            pitch,
            has_right: x + 1 < strip.width,
            has_lower: y + 1 < strip.height,
            is_added: to.is_added,
        };
        // SAFETY: the tiles hold the points; the pixels inside are the caller's.
        unsafe { store(isa, &points, blocks * BLOCK, output, sums) };
    }
}

/// The 2×2 pixels of a tile.
#[derive(Clone, Copy)]
struct Output {
    start: *mut f32,
    row: usize,
    pitch: usize,
    has_right: bool,
    has_lower: bool,
    is_added: bool,
}

per_lanes! {
    /// `Aᵀ m A` of one tile.
    ///
    /// # Safety
    /// `width` values, a multiple of 16, are readable at all points, and writable at those pixels
    /// that the output has.
    unsafe fn store<L>(
        points: &[*const f32; POINTS],
        width: usize,
        output: Output,
        sums: &mut Sums,
    ) {
        for i in (0..width).step_by(L::COUNT) {
            // SAFETY: the caller's contract; the sums have as many values.
            unsafe {
                let mut down = [[L::all(0.0); 4]; 2];
                for x in 0..4 {
                    let point = |y: usize| L::read(points[4 * y + x].add(i));
                    let [upper, lower] = to_pixels([point(0), point(1), point(2), point(3)]);
                    (down[0][x], down[1][x]) = (upper, lower);
                }
                let [sum, squares] = sums.each_mut().map(|sums| sums.as_mut_ptr().add(i));
                let (mut total, mut total_squares) = (L::read(sum), L::read(squares));
                for y in 0..2 {
                    let pixels = to_pixels(down[y]);
                    for x in 0..2 {
                        if (y == 1 && !output.has_lower) || (x == 1 && !output.has_right) {
                            continue;
                        }
                        let to = output.start.add(y * output.row + x * output.pitch + i);
                        let value =
                            if output.is_added { pixels[x].plus(L::read(to)) } else { pixels[x] };
                        value.write(to);
                        total = total.plus(value);
                        total_squares = total_squares.plus(value.times(value));
                    }
                }
                total.write(sum);
                total_squares.write(squares);
            }
        }
    }
}

/// `Aᵀ` of four points.
#[inline(always)]
unsafe fn to_pixels<L: Lanes>([a, b, c, d]: [L; 4]) -> [L; 2] {
    // SAFETY: the caller has the instructions.
    unsafe { [a.plus(b).plus(c), b.minus(c).minus(d)] }
}

/// `A e Aᵀ` of the tiles' gradients, `[point][block][tile][16]`, of `blocks` blocks of channels from
/// `channel` on.
///
/// # Panics
/// If the tiles or channels are not those of the gradient, or `to` is too small.
pub(super) fn transform_gradients(
    isa: Isa,
    gradient: &Activation<f32>,
    tiling: Tiling,
    tiles: Range<usize>,
    channel: usize,
    blocks: usize,
    to: &mut [f32],
) {
    let strip = gradient.strip();
    let pitch = strip.channel_pitch();
    let width = blocks * BLOCK;
    assert!(tiles.end <= tiling.count() && channel + width <= pitch, "tiles of {strip:?}");
    let length = tiles.len() * BLOCK;
    assert!(POINTS * blocks * length <= to.len(), "place for points");
    for (index, (image, y, x)) in tiling.places(tiles).enumerate() {
        // Beyond an odd size is the border's 0.
        let from = strip.origin() + strip.pixel(image, y, x) * pitch + channel;
        let from = &gradient.buffer()[from..][..strip.row_values() + pitch + width];
        let (from, to) = (from.as_ptr(), to[index * BLOCK..].as_mut_ptr());
        // SAFETY: the four pixels are in the slice, the tile's place of all points in `to`.
        unsafe { spread_gradient(isa, from, strip.row_values(), pitch, blocks, to, length) };
    }
}

per_lanes! {
    /// `A e Aᵀ` of one tile.
    ///
    /// # Safety
    /// Blocks of 16 values are readable at 2×2 pixels, `pitch` and `row` apart, and writable at 16
    /// points of so many blocks, each `length` from the one before.
    unsafe fn spread_gradient<L>(
        from: *const f32,
        row: usize,
        pitch: usize,
        blocks: usize,
        to: *mut f32,
        length: usize,
    ) {
        for i in (0..blocks * BLOCK).step_by(L::COUNT) {
            let at = i / BLOCK * length + i % BLOCK;
            // SAFETY: the caller's contract.
            unsafe {
                let pixel = |y: usize, x: usize| L::read(from.add(y * row + x * pitch + i));
                let left = spread(pixel(0, 0), pixel(1, 0));
                let right = spread(pixel(0, 1), pixel(1, 1));
                for y in 0..4 {
                    let points = spread(left[y], right[y]);
                    for x in 0..4 {
                        points[x].write(to.add((4 * y + x) * blocks * length + at));
                    }
                }
            }
        }
    }
}

/// `A` of two pixels.
#[inline(always)]
unsafe fn spread<L: Lanes>(a: L, b: L) -> [L; 4] {
    // SAFETY: the caller has the instructions.
    unsafe { [a, a.plus(b), a.minus(b), L::all(0.0).minus(b)] }
}

per_lanes! {
    /// `Gᵀ p G` of 16 channels out: nine taps, `[tap][16]`.
    ///
    /// # Safety
    /// 16 values are readable at all points, `plane` apart, and all taps writable.
    pub(super) unsafe fn to_taps<L>(from: *const f32, plane: usize, to: *mut f32) {
        for i in (0..BLOCK).step_by(L::COUNT) {
            // SAFETY: the caller's contract.
            unsafe {
                let mut down = [[L::all(0.0); 4]; 3];
                for x in 0..4 {
                    let point = |y: usize| L::read(from.add((4 * y + x) * plane + i));
                    let taps = three_taps([point(0), point(1), point(2), point(3)]);
                    for y in 0..3 {
                        down[y][x] = taps[y];
                    }
                }
                for y in 0..3 {
                    let taps = three_taps(down[y]);
                    for x in 0..3 {
                        taps[x].write(to.add((3 * y + x) * BLOCK + i));
                    }
                }
            }
        }
    }
}

/// `Gᵀ` of four points.
#[inline(always)]
unsafe fn three_taps<L: Lanes>([a, b, c, d]: [L; 4]) -> [L; 3] {
    // SAFETY: the caller has the instructions.
    unsafe {
        let half = L::all(0.5);
        let (sum, difference) = (b.plus(c).times(half), b.minus(c).times(half));
        [a.plus(sum), difference, sum.plus(d)]
    }
}
