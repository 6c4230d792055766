//! Why a loader cannot start, or cannot go on.

use std::io;

/// Why a loader cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoaderError {
    /// A batch of nothing.
    #[error("the batch size is 0, expected at least 1")]
    ZeroBatchSize,
    /// A fraction outside 0 to 1.
    #[error("the allowed fraction of bad images is {fraction}, expected 0 to 1")]
    FractionOutOfRange {
        /// What was given.
        fraction: f64,
    },
    /// Fewer images than one batch takes.
    #[error(
        "the source holds {images} images and a batch takes {batch_size}: use a batch size of at \
         most {images}, or more images"
    )]
    FewerThanOneBatch {
        /// Images there are.
        images: usize,
        /// Images that a batch takes.
        batch_size: usize,
    },
}

/// Why no more batches come.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// Too many images cannot be decoded.
    #[error(
        "{bad} of {images} images cannot be decoded, more than the allowed fraction of {allowed} \
         (the last: `{name}`: {reason})"
    )]
    TooManyBadImages {
        /// Distinct images found bad so far.
        bad: usize,
        /// Images in the source.
        images: usize,
        /// The fraction of them that may be bad.
        allowed: f64,
        /// The name of the last.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Not a single image can be decoded.
    #[error("none of the {images} images can be decoded (the last: `{name}`: {reason})")]
    NothingDecodes {
        /// Images in the source.
        images: usize,
        /// The name of the last.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A panic while an image was read or its views were made; an error of this program.
    #[error("a loader thread panicked: {message}")]
    WorkerPanic {
        /// What it said.
        message: String,
    },
    /// The system gives no more threads.
    #[error("cannot start a loader thread")]
    Thread {
        /// Why.
        source: io::Error,
    },
}
