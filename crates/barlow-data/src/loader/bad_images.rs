//! The images that could not be decoded, each told once.

use std::collections::HashSet;

use super::LoadError;
use crate::decode::ImageError;
use crate::source::Source;

/// So many bad images are never fatal, however small the source.
const ALWAYS_TOLERATED: usize = 19;

/// An image that could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct BadImage {
    /// Its position in the source.
    pub id: u64,
    /// What the source calls it.
    pub name: String,
    /// The kind of trouble, one of [`ImageError::kind`]'s words.
    pub kind: &'static str,
    /// The trouble in full, causes included.
    pub reason: String,
}

impl BadImage {
    pub(crate) fn new(source: &dyn Source, id: usize, error: &ImageError) -> Self {
        let mut reason = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            reason.push_str(": ");
            reason.push_str(&error.to_string());
            cause = error.source();
        }
        Self { id: id as u64, name: source.name(id), kind: error.kind(), reason }
    }
}

/// The most images of a source that may be bad.
pub(super) fn tolerated(images: usize, max_fraction: f64) -> usize {
    // The fraction is at most 1, so the product is at most `images`.
    let by_fraction = (images as f64 * max_fraction).floor() as usize;
    by_fraction.max(ALWAYS_TOLERATED)
}

/// Which images were found bad, and which of them nobody was told of yet.
#[derive(Debug, Default)]
pub(super) struct BadImages {
    known: HashSet<u64>,
    untold: Vec<BadImage>,
}

impl BadImages {
    pub(super) fn add(&mut self, image: BadImage) {
        if self.known.insert(image.id) {
            self.untold.push(image);
        }
    }

    pub(super) fn drain(&mut self) -> Vec<BadImage> {
        std::mem::take(&mut self.untold)
    }

    /// Whether so many images are bad that the run should end; `last` is named in the error.
    pub(super) fn check(
        &self,
        images: usize,
        max_fraction: f64,
        last: Option<&BadImage>,
    ) -> Result<(), LoadError> {
        let bad = self.known.len();
        let Some(last) = last else { return Ok(()) };
        let (name, reason) = (last.name.clone(), last.reason.clone());
        if bad == images {
            return Err(LoadError::NothingDecodes { images, name, reason });
        }
        if bad > tolerated(images, max_fraction) {
            let allowed = max_fraction;
            return Err(LoadError::TooManyBadImages { bad, images, allowed, name, reason });
        }
        Ok(())
    }
}
