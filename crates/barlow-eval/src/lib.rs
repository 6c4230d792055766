//! What representations are worth: k-NN accuracy, effective rank.
//!
//! All of it works on plain arrays ([`Features`]): [`knn()`] lets the nearest neighbours of each query
//! vote; [`effective_rank`] counts the directions that representations or embeddings really use.
//!
//! What there is to see in features without labels works on [`Rows`]: [`Dimensions`] one by one,
//! their [`Spectrum`] together, [`Pairs`] of images, [`TotalCorrelation`]; with several views of each
//! image the [`CrossCorrelation`], [`Agreement`] and the information [`Bottleneck`]. [`diagnose`]
//! sums up in words; each number comes as a [`Measure`] with formula and meaning.

mod agreement;
mod bottleneck;
mod columns;
mod cross_correlation;
mod diagnosis;
mod dimensions;
mod error;
mod features;
mod knn;
mod measure;
mod moments;
mod neighbours;
mod pairs;
mod rows;
mod spectrum;
mod tiles;
mod total_correlation;

pub use agreement::Agreement;
pub use bottleneck::{Bottleneck, noise_variance};
pub use cross_correlation::CrossCorrelation;
pub use diagnosis::{Condition, Diagnosis, diagnose};
pub use dimensions::Dimensions;
pub use error::EvalError;
pub use features::{Features, align_labels};
pub use knn::{KnnConfig, KnnOutcome, knn, knn_sweep};
pub use measure::Measure;
pub use neighbours::{Neighbours, nearest};
pub use pairs::Pairs;
pub use rows::{Rows, RowsError};
pub use spectrum::{Spectrum, effective_rank};
pub use total_correlation::TotalCorrelation;
