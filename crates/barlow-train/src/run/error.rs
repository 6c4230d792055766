//! Why a run cannot go on.

use std::path::PathBuf;

use barlow_data::loader::{LoadError, LoaderError};
use barlow_eval::EvalError;
use barlow_nn::collective::CollectiveError;
use barlow_nn::named::WeightsMismatch;
use barlow_nn::tensor_file::TensorFileError;
use barlow_objectives::ObjectiveError;

use super::RestoreError;
use crate::checkpoint::CheckpointError;
use crate::represent::RepresentError;
use crate::run_directory::RunDirectoryError;

/// Why a run cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// There is no such objective, or it cannot work so.
    #[error(transparent)]
    Objective(#[from] ObjectiveError),
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
    /// Too many steps in a row could not be applied.
    #[error(
        "{steps} steps in a row were skipped, the last because {cause}; the last good state is \
         saved after step {step}. Lower `optimizer.base_learning_rate`, or look at the images of \
         the last batches"
    )]
    Skipped {
        /// How many.
        steps: u32,
        /// Why the last one was.
        cause: String,
        /// Steps done.
        step: u64,
    },
}

impl TrainError {
    /// Whether the run's numbers stopped being finite: begun again, it would end so again.
    pub fn is_divergence(&self) -> bool {
        matches!(
            self,
            Self::Skipped { .. }
                | Self::Represent(RepresentError::Eval(EvalError::NotFinite { .. }))
        )
    }
}
