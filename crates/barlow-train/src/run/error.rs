//! Why a run cannot go on.

use std::path::PathBuf;

use barlow_data::loader::{LoadError, LoaderError};
use barlow_nn::collective::CollectiveError;
use barlow_nn::named::WeightsMismatch;
use barlow_nn::tensor_file::TensorFileError;

use super::RestoreError;
use crate::checkpoint::CheckpointError;
use crate::represent::RepresentError;
use crate::run_directory::RunDirectoryError;

/// Why a run cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// There is no objective of this name.
    #[error("there is no objective `{name}`; there are: {}", known.join(", "))]
    UnknownObjective {
        /// The name.
        name: String,
        /// The names there are.
        known: Vec<&'static str>,
    },
    /// The images do not make a batch.
    #[error(transparent)]
    Loader(#[from] LoaderError),
    /// The images cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The network cannot be measured.
    #[error("the encoder cannot be evaluated")]
    Represent(#[from] RepresentError),
    /// The ranks could not act together.
    #[error(transparent)]
    Collective(#[from] CollectiveError),
    /// The run directory cannot be written.
    #[error(transparent)]
    Directory(#[from] RunDirectoryError),
    /// The weights to begin with are another network's.
    #[error("the run cannot begin with these weights")]
    Initial(#[source] WeightsMismatch),
    /// No checkpoint can be loaded.
    #[error("the run cannot be resumed")]
    Resume(#[source] CheckpointError),
    /// The last state could not be saved.
    #[error("the run's state cannot be saved; the previous checkpoint is kept")]
    Save(#[source] CheckpointError),
    /// The encoder cannot be written.
    #[error("the encoder cannot be written to `{path}`")]
    Encoder {
        /// Where it belongs.
        path: PathBuf,
        /// Why.
        source: TensorFileError,
    },
    /// A checkpoint does not fit the run.
    #[error("the checkpoint is of another run")]
    Restore(#[from] RestoreError),
    /// Too many steps in a row were not finite.
    #[error(
        "{steps} steps in a row were skipped because {cause} was not finite; the last good state \
         is saved after step {step}. Lower `optimizer.base_learning_rate`, or look at the images of \
         the last batches"
    )]
    NotFinite {
        /// How many.
        steps: u32,
        /// What was not finite first.
        cause: String,
        /// Steps done.
        step: u64,
    },
}
