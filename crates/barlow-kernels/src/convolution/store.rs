//! What happens to a tile of sums: rounded and stored, added to what is there, summed by channel.

#[cfg(target_arch = "x86_64")]
mod avx512;

use crate::isa::per_isa;
use crate::micro::{BLOCK, TILE_PITCH, Tile};
use crate::{Element, Isa, Strip};

/// Per-channel sums of one piece of the work: Σ and Σ² of up to four blocks.
pub(super) type Sums = [[[f32; BLOCK]; 4]; 2];

/// Where the pixels of a product go.
pub(super) struct Places {
    /// For each pixel of an image of the product: its place in an image of the target; negative for
    /// border pixels, which are written as 0 at `-1 - place`, or not at all at [`NOWHERE`].
    pub(super) within: Vec<i32>,
    /// Pixels from one image to the next in the target.
    pub(super) image: usize,
}

impl Places {
    /// Every pixel at its own place.
    pub(super) fn of(strip: Strip) -> Self {
        let pitch = strip.row_pitch();
        let place = |pixel: usize| {
            let is_inside = pixel % pitch < strip.width && pixel / pitch < strip.height;
            if is_inside { pixel as i32 } else { -1 - pixel as i32 }
        };
        let image = strip.image_pitch();
        Self { within: (0..image).map(place).collect(), image }
    }
}

/// A border pixel that the target does not have.
pub(super) const NOWHERE: i32 = i32::MIN;

/// The target of a tile.
#[derive(Clone, Copy)]
pub(super) struct Destination<T> {
    /// First channel of the first block at pixel 0.
    pub(super) start: *mut T,
    /// Values from pixel to pixel.
    pub(super) pitch: usize,
    /// Whether results are added to what is there.
    pub(super) is_added: bool,
}

/// Stores `rows` pixels from pixel `first` of the product on, `blocks` blocks each, and adds to sums.
///
/// # Safety
/// The destination holds all of these places, and no other thread touches them.
pub(super) unsafe fn store<T: Element>(
    isa: Isa,
    tile: &Tile,
    rows: usize,
    blocks: usize,
    first: usize,
    places: &Places,
    to: Destination<T>,
    sums: &mut Sums,
) {
    #[cfg(target_arch = "x86_64")]
    if isa >= Isa::Avx512Bf16 || isa == Isa::Avx512 && T::BITS == 32 {
        // SAFETY: the caller's contract.
        return unsafe { avx512::store(tile, rows, blocks, first, places, to, sums) };
    }
    store_plain(isa, tile, rows, blocks, first, places, to, sums);
}

/// Pixels of a product from `first` on: place in the target, `None` where there is none; and
/// whether the pixel is inside.
fn targets(first: usize, places: &Places) -> impl Iterator<Item = Option<(usize, bool)>> {
    let images = places.within.len();
    let (mut image, mut pixel) = (first / images * places.image, first % images);
    std::iter::from_fn(move || {
        let place = places.within[pixel];
        let target = match place {
            NOWHERE => None,
            0.. => Some((image + place as usize, true)),
            _ => Some((image + (-1 - place) as usize, false)),
        };
        pixel += 1;
        if pixel == images {
            (image, pixel) = (image + places.image, 0);
        }
        Some(target)
    })
}

per_isa! {
    fn store_plain<T: Element>(
        tile: &Tile,
        rows: usize,
        blocks: usize,
        first: usize,
        places: &Places,
        to: Destination<T>,
        sums: &mut Sums,
    ) {
        let width = blocks * BLOCK;
        let [sum, squares] = sums;
        let (sum, squares) = (&mut sum.as_flattened_mut()[..width], &mut squares.as_flattened_mut()[..width]);
        for (target, values) in targets(first, places).zip(tile.0.chunks(TILE_PITCH)).take(rows) {
            let Some((place, is_inside)) = target else { continue };
            let start = to.start.wrapping_add(place * to.pitch);
            // SAFETY: the contract of `store`.
            let target = unsafe { std::slice::from_raw_parts_mut(start, width) };
            if is_inside {
                add_row(&values[..width], target, to.is_added, sum, squares);
            } else {
                target.fill(T::default());
            }
        }
    }
}

#[inline(always)]
fn add_row<T: Element>(
    values: &[f32],
    target: &mut [T],
    is_added: bool,
    sum: &mut [f32],
    squares: &mut [f32],
) {
    let n = values.len();
    let (target, sum, squares) = (&mut target[..n], &mut sum[..n], &mut squares[..n]);
    for i in 0..n {
        let old = if is_added { target[i].to_f32() } else { 0.0 };
        let value = values[i] + old;
        target[i] = T::from_f32(value);
        sum[i] += value;
        squares[i] += value * value;
    }
}
