//! What both objectives compare: where an embedding points, not how long it is.

use burn::tensor::Tensor;

/// Rows of length 1.
pub(crate) fn directions(rows: Tensor<2>) -> Tensor<2> {
    let squares = (rows.clone() * rows.clone()).sum_dim(1);
    rows / (squares + 1e-12).sqrt()
}
