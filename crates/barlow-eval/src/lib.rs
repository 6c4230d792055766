//! What representations are worth: k-NN accuracy, effective rank.
//!
//! All of it works on plain arrays ([`Features`]): [`knn()`] lets the nearest neighbours of each query
//! vote; [`effective_rank`] counts the directions that representations or embeddings really use.

mod error;
mod features;
mod knn;
mod neighbours;
mod spectrum;

pub use error::EvalError;
pub use features::{Features, align_labels};
pub use knn::{KnnConfig, KnnOutcome, knn, knn_sweep};
pub use neighbours::{Neighbours, nearest};
pub use spectrum::effective_rank;
