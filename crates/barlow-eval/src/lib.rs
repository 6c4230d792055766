//! What representations are worth.
//!
//! All of it works on plain arrays. With labels ([`Features`]): [`knn()`] lets the nearest neighbours of
//! each query vote, [`nearest`] names them; [`train_linear`] learns a [`LinearClassifier`] and
//! [`train_svm`] one for sets whose images show several classes; [`top_k_accuracy`], [`Confusion`] and
//! [`average_precisions`] judge scores.
//!
//! What there is to see in features without labels works on [`Rows`]: [`effective_rank`] counts the
//! directions that are really used, [`Dimensions`] one by one, their [`Spectrum`] together, [`Pairs`] of
//! images, [`TotalCorrelation`]; with several views of each image the [`CrossCorrelation`],
//! [`Agreement`] and the information [`Bottleneck`]. [`diagnose`] sums up in words; each number comes as
//! a [`Measure`] with formula and meaning.

mod agreement;
mod average_precision;
mod bottleneck;
mod columns;
mod cross_correlation;
mod diagnosis;
mod dimensions;
mod error;
mod features;
mod held_out;
mod knn;
mod linear;
mod measure;
mod metrics;
mod moments;
mod neighbours;
mod pairs;
mod rows;
mod spectrum;

mod svm;
mod tiles;
mod total_correlation;

pub use agreement::Agreement;
pub use average_precision::{
    AveragePrecisions, PrecisionRule, average_precision, average_precisions,
};
pub use bottleneck::{Bottleneck, noise_variance};
pub use cross_correlation::CrossCorrelation;
pub use diagnosis::{Condition, Diagnosis, diagnose};
pub use dimensions::Dimensions;
pub use error::EvalError;
pub use features::{Features, align_labels};
pub use knn::{KnnConfig, KnnOutcome, knn, knn_sweep};
pub use linear::{
    Lbfgs, LinearClassifier, LinearConfig, LinearOptimizer, LinearOutcome, LinearSetting, Sgd,
    train_linear,
};
pub use measure::Measure;
pub use metrics::{Confusion, predictions, top_k_accuracy};
pub use neighbours::{Neighbours, nearest};
pub use pairs::Pairs;
pub use rows::{Rows, RowsError};
pub use spectrum::{Spectrum, effective_rank};

pub use svm::{SvmConfig, SvmOutcome, train_svm};
pub use total_correlation::TotalCorrelation;
