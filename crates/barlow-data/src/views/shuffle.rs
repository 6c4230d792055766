//! The pixel shuffle: a view whose pixels changed places.
//!
//! It answers what a network learns from colours alone. All pixels stay, so the colour histogram
//! does, but nothing stays beside its neighbour. It runs after every other operation on pixels:
//! those that look at one pixel at a time mean the same before it and after it, while a blur after
//! it would mix pixels that never were neighbours and change the histogram.

use barlow_random::{Key, Stream};
use serde::{Deserialize, Serialize};

/// Whether the pixels of a view change places.
///
/// # Source
/// "Shuffled pixels" and "random pixels" of Zhang et al., Understanding deep learning requires
/// rethinking generalization, 2017.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PixelShuffle {
    /// They do not.
    #[default]
    None,
    /// By one permutation for all views of a size, chosen by the run's seed.
    Fixed,
    /// By a permutation of the view's own, which leaves only its colour histogram.
    Fresh,
}

/// The purpose of the key that names the permutation of a run.
const FIXED: u64 = u64::from_be_bytes(*b"pxlfixed");

/// The purpose of the key that draws a permutation.
const PERMUTATION: u64 = u64::from_be_bytes(*b"pxlorder");

impl PixelShuffle {
    /// The number of a view's permutation, `stream` being that view's own.
    pub(super) fn draw(self, seed: u64, stream: &mut Stream) -> Option<u64> {
        match self {
            Self::None => None,
            Self::Fixed => Some(fixed(seed)),
            Self::Fresh => Some(number(stream)),
        }
    }
}

/// The number of the permutation for all views under a seed.
pub(super) fn fixed(seed: u64) -> u64 {
    number(&mut Key { seed, purpose: FIXED, ..Key::default() }.stream())
}

/// 53 bits, so that it passes through JSON numbers unharmed.
fn number(stream: &mut Stream) -> u64 {
    stream.bits() >> 11
}

/// Puts pixels into the permutation of that number.
pub(super) fn shuffle<P>(pixels: &mut [P], number: u64) {
    Key { seed: number, purpose: PERMUTATION, ..Key::default() }.stream().shuffle(pixels);
}
