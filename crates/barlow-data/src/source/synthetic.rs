//! The built-in images: ten classes of repeated shapes, drawn on demand in any colour and pose.
//!
//! They are there so that a first run needs no data, and so that it measures learning. The class is
//! the shape and the arrangement of the elements and nothing else: a pattern is lighter or darker
//! than its ground, turned, stretched, warped and shifted at will, drawn thick or thin, under light
//! whose colour changes from place to place. Neighbours by colour histogram have next to nothing to
//! do with the classes, neighbours by raw pixels or by an untrained encoder have a little, and much
//! of what two views of an image share is its class. What that comes to in numbers is recorded
//! in `benches/record/synthetic-baselines.md`; the tests hold the part that needs no training.
//!
//! An image is a pure function of (seed, [`Synthetic::VERSION`], position). Only additions,
//! multiplications, divisions, square roots and roundings go into it, which IEEE 754 fixes to the
//! bit, so the pixels are the same on every machine.

mod pattern;
mod scene;
mod tint;

use barlow_random::Key;

use self::pattern::Pattern;
use super::Source;
use crate::DecodedImage;
use crate::decode::ImageError;

/// The built-in images: 32 x 32 pixels, red, green and blue, ten classes in turn.
///
/// An image is drawn whenever it is loaded, in some tens of microseconds; nothing is kept.
///
/// # Examples
/// ```
/// use barlow_data::source::{Source, Synthetic};
///
/// let source = Synthetic::new(100, 0);
/// assert_eq!(source.classes()[source.label(42).unwrap()], "checks");
/// assert_eq!(source.load(42).unwrap().width(), 32);
/// ```
#[derive(Debug, Clone)]
pub struct Synthetic {
    images: usize,
    seed: u64,
    is_tinted: bool,
    classes: Vec<String>,
}

impl Synthetic {
    /// Which images these are, tinted or not; changes whenever a pixel of any of them does.
    pub const VERSION: u32 = 1;

    /// How many images there are where no number is given.
    pub const DEFAULT_IMAGES: usize = 4000;

    /// What the random numbers are for, in the key of every image's stream.
    const PURPOSE: u64 = u64::from_be_bytes(*b"syntheti");

    /// The same for every image's tint.
    const TINT_PURPOSE: u64 = u64::from_be_bytes(*b"synttint");

    /// The first `images` images of the endless sequence that belongs to `seed`.
    pub fn new(images: usize, seed: u64) -> Self {
        let classes = Pattern::ALL.iter().map(|pattern| pattern.name().to_owned()).collect();
        Self { images, seed, is_tinted: false, classes }
    }

    /// The same images, each with a tint that depends on its class: for studies of what is learnt
    /// from colour alone, which tells most of these classes.
    pub fn tinted(images: usize, seed: u64) -> Self {
        Self { is_tinted: true, ..Self::new(images, seed) }
    }

    /// The class of an image: position modulo ten, so that every stretch of images is balanced.
    fn class(id: usize) -> usize {
        id % Pattern::ALL.len()
    }
}

impl Source for Synthetic {
    fn len(&self) -> usize {
        self.images
    }

    fn load(&self, id: usize) -> Result<DecodedImage, ImageError> {
        let key = |purpose| Key {
            seed: self.seed,
            purpose,
            epoch: u64::from(Self::VERSION),
            position: id as u64,
        };
        let class = Self::class(id);
        let tint = if self.is_tinted {
            tint::draw(class, Pattern::ALL.len(), &mut key(Self::TINT_PURPOSE).stream())
        } else {
            [0.0; 3]
        };
        Ok(scene::draw(Pattern::ALL[class], tint, &mut key(Self::PURPOSE).stream()).into())
    }

    fn name(&self, id: usize) -> String {
        format!("synthetic image {id}")
    }

    fn label(&self, id: usize) -> Option<usize> {
        Some(Self::class(id))
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn fingerprint(&self) -> String {
        let kind = if self.is_tinted { "tinted" } else { "synthetic" };
        format!("{kind}:{}:version {}, seed {}", self.images, Self::VERSION, self.seed)
    }
}

#[cfg(test)]
mod tests;
