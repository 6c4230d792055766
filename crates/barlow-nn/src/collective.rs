//! What the ranks of one run do together: sums, gathers and broadcasts of device tensors.
//!
//! Every call is made by all ranks in the same order, with tensors of equal shape unless it says
//! otherwise, and has a deadline: a rank that is gone or hangs becomes an error on the others.

use std::fmt::Debug;
use std::sync::Arc;

use burn::tensor::Tensor;

/// Why ranks could not act together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CollectiveError {
    /// A rank did not answer in time.
    #[error("rank {rank} waited {seconds} s for the others in `{operation}`")]
    Deadline {
        /// The rank that waited.
        rank: usize,
        /// What it waited for.
        operation: &'static str,
        /// For how long.
        seconds: u64,
    },
}

/// The ranks that train one model together.
pub trait Collective: Debug + Send + Sync {
    /// This process's number, `0..world`.
    fn rank(&self) -> usize;

    /// How many ranks there are.
    fn world(&self) -> usize;

    /// The element-wise sum over all ranks, the same bits on each. Differentiable: the gradient
    /// with respect to a rank's own summand is the sum over ranks of the results' gradients.
    ///
    /// # Errors
    /// If a rank is gone or late.
    fn sum(&self, tensor: Tensor<1>) -> Result<Tensor<1>, CollectiveError>;

    /// The rows of all ranks in rank order; ranks may bring different numbers of rows. Not
    /// differentiable: objectives give their gradients themselves.
    ///
    /// # Errors
    /// If a rank is gone or late.
    fn gather(&self, rows: Tensor<2>) -> Result<Tensor<2>, CollectiveError>;

    /// The tensor of rank 0.
    ///
    /// # Errors
    /// If a rank is gone or late.
    fn broadcast(&self, tensor: Tensor<1>) -> Result<Tensor<1>, CollectiveError>;

    /// Returns once all ranks have called it.
    ///
    /// # Errors
    /// If a rank is gone or late.
    fn barrier(&self) -> Result<(), CollectiveError>;

    /// A handle that outlives this borrow, for the way back of a pass.
    fn share(&self) -> Arc<dyn Collective>;

    /// Tells the other ranks that this one gives up, so that none of them waits for its deadline.
    fn abort(&self, reason: &str);
}

/// A run of one rank: nothing to wait for, every tensor is returned as it came.
#[derive(Debug, Clone, Copy, Default)]
pub struct SingleRank;

impl Collective for SingleRank {
    fn rank(&self) -> usize {
        0
    }

    fn world(&self) -> usize {
        1
    }

    fn sum(&self, tensor: Tensor<1>) -> Result<Tensor<1>, CollectiveError> {
        Ok(tensor)
    }

    fn gather(&self, rows: Tensor<2>) -> Result<Tensor<2>, CollectiveError> {
        Ok(rows)
    }

    fn broadcast(&self, tensor: Tensor<1>) -> Result<Tensor<1>, CollectiveError> {
        Ok(tensor)
    }

    fn barrier(&self) -> Result<(), CollectiveError> {
        Ok(())
    }

    fn share(&self) -> Arc<dyn Collective> {
        Arc::new(*self)
    }

    fn abort(&self, _reason: &str) {}
}
