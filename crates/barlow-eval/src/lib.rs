//! What a frozen encoder is worth: representations, k-NN accuracy, effective rank.
//!
//! [`represent()`] runs the encoder over a source in evaluation mode; [`knn()`] lets the nearest
//! neighbours of each query vote; [`effective_rank`] counts the directions that representations or
//! embeddings really use.

mod knn;
mod represent;
mod spectrum;

pub use knn::{KnnConfig, KnnOutcome, knn};
pub use represent::{Features, RepresentConfig, RepresentError, align_labels, represent};
pub use spectrum::effective_rank;
