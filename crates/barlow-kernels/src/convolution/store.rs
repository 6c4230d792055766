//! What happens to a tile of sums: rounded and stored, added to what is there, summed by channel.

use crate::Element;
use crate::isa::per_isa;
use crate::micro::{BLOCK, TILE_PITCH, Tile};

/// Per-channel sums of one piece of the work: Σ and Σ² of up to four blocks.
pub(super) type Sums = [[[f32; BLOCK]; 4]; 2];

/// Where the pixels of a product go.
pub(super) struct Places<'a> {
    /// For each pixel of an image of the product: its place in an image of the target; negative for
    /// border pixels, which are written as 0 at `-1 - place`, or not at all at `i32::MIN`.
    pub(super) within: &'a [i32],
    /// Pixels from one image to the next in the target.
    pub(super) image: usize,
}

/// A border pixel that the target does not have.
pub(super) const NOWHERE: i32 = i32::MIN;

per_isa! {
    /// Stores `rows` pixels from pixel `first` of the product on, `blocks` blocks each, at `target`
    /// (the first pixel's first channel of these blocks), with `pitch` values between pixels.
    ///
    /// # Safety contract
    /// The target holds all of these places and no other thread touches them.
    pub(super) fn store<T: Element>(
        tile: &Tile,
        rows: usize,
        blocks: usize,
        first: usize,
        places: &Places<'_>,
        target: *mut T,
        pitch: usize,
        is_added: bool,
        sums: &mut Sums,
    ) {
        let images = places.within.len();
        for block in 0..blocks {
            let (mut sum, mut squares) = (sums[0][block], sums[1][block]);
            let (mut image, mut pixel) = (first / images, first % images);
            for row in 0..rows {
                let place = places.within[pixel];
                if place >= 0 {
                    let at = (image * places.image + place as usize) * pitch + block * BLOCK;
                    let values = &tile.0[row * TILE_PITCH + block * BLOCK..][..BLOCK];
                    let mut values: [f32; BLOCK] = std::array::from_fn(|i| values[i]);
                    let target = target.wrapping_add(at).cast::<[T; BLOCK]>();
                    if is_added {
                        // SAFETY: the contract of this function.
                        let old = unsafe { target.read_unaligned() };
                        for (value, old) in values.iter_mut().zip(old) {
                            *value += old.to_f32();
                        }
                    }
                    // SAFETY: the contract of this function.
                    unsafe { target.write_unaligned(values.map(T::from_f32)) };
                    for i in 0..BLOCK {
                        sum[i] += values[i];
                        squares[i] += values[i] * values[i];
                    }
                } else if place != NOWHERE {
                    let place = (-1 - place) as usize;
                    let at = (image * places.image + place) * pitch + block * BLOCK;
                    let target = target.wrapping_add(at).cast::<[T; BLOCK]>();
                    // SAFETY: the contract of this function.
                    unsafe { target.write_unaligned([T::default(); BLOCK]) };
                }
                pixel += 1;
                if pixel == images {
                    (image, pixel) = (image + 1, 0);
                }
            }
            (sums[0][block], sums[1][block]) = (sum, squares);
        }
    }
}
