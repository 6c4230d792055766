//! How much outputs differ between images: what the health readings of the relatives begin with.

use burn::tensor::Tensor;

use crate::normalise::unit;
use crate::standardise::host_sum;

/// Share of the rows' power that is not in their mean, 0 to 1, the least of several outputs: the
/// measure `variation`, 0 where every image gets the same output.
pub(crate) fn variation(outputs: &[Tensor<2>]) -> f64 {
    let of = |rows: &Tensor<2>| {
        let mean = rows.clone().mean_dim(0);
        let centred = rows.clone() - mean.clone();
        let spread = host_sum(&(centred.clone() * centred).mean_dim(0));
        let power = spread + host_sum(&(mean.clone() * mean));
        if power > 0.0 { spread / power } else { 0.0 }
    };
    outputs.iter().map(of).fold(f64::INFINITY, f64::min)
}

/// [`variation`] of the rows' directions, for losses that do not see lengths.
pub(crate) fn direction_variation(outputs: &[Tensor<2>]) -> f64 {
    variation(&outputs.iter().cloned().map(unit).collect::<Vec<_>>())
}

/// Rows brought to length 1, less their mean.
pub(crate) fn centred_directions(rows: &Tensor<2>) -> Tensor<2> {
    let directions = unit(rows.clone());
    directions.clone() - directions.mean_dim(0)
}

/// How far directions deviate between images, as a share of what independent dimensions do, the least
/// of several outputs: the measure `spread`, the mean over dimensions of the deviation of unit rows,
/// times `sqrt(d)`. 1 where dimensions are independent and centred, 0 where all rows point the same
/// way, whatever their lengths (Chen and He, 2020, figure 2).
///
/// # Shapes
/// - `centred`: each `[n, d]`, of [`centred_directions`]
pub(crate) fn spread(centred: &[Tensor<2>]) -> f64 {
    let of = |centred: &Tensor<2>| {
        let deviations = (centred.clone() * centred.clone()).mean_dim(0).sqrt();
        let d = deviations.dims()[1] as f64;
        host_sum(&deviations) / d.sqrt()
    };
    centred.iter().map(of).fold(f64::INFINITY, f64::min)
}

/// Along how many lines directions differ between images, the least of several outputs: the measure
/// `directions`, the participation ratio `(Σ λ)² / Σ λ²` of the covariance of unit rows. 1 where all
/// lie on one line, either way of it included, up to the dimensions; 0 where all rows are equal.
///
/// # Shapes
/// - `centred`: each `[n, d]`, of [`centred_directions`]
pub(crate) fn directions(centred: &[Tensor<2>]) -> f64 {
    let of = |centred: &Tensor<2>| {
        let [n, d] = centred.dims();
        let trace = host_sum(&(centred.clone() * centred.clone()).sum_dim(0));
        let transposed = centred.clone().transpose();
        // Both have the same eigenvalues but for zeros.
        let gram = if n < d {
            centred.clone().matmul(transposed)
        } else {
            transposed.matmul(centred.clone())
        };
        let squares = host_sum(&(gram.clone() * gram).sum_dim(0));
        if squares > 0.0 { trace * trace / squares } else { 0.0 }
    };
    centred.iter().map(of).fold(f64::INFINITY, f64::min)
}
