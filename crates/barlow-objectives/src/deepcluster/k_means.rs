//! Spherical k-means: clusters of directions.
//!
//! By turns each row goes to the centroid with the largest dot product, the first of equals, and each
//! centroid becomes the mean of its rows at length 1; one without rows stays. Source:
//! facebookresearch/swav, `main_deepclusterv2.py`, `cluster_memory`. Products by the engine, means in f64
//! on the host.

use burn::tensor::{Device, Tensor, TensorData};

use crate::classification::best;

/// Rows whose scores are held at a time.
const CHUNK: usize = 4096;

/// Centroids after `rounds` rounds, rounded to f32, and the centroid of each row by them.
///
/// # Shapes
/// - `rows`: `[n, d]`, unit rows
/// - `centroids`: those to begin with, `[clusters, d]`
pub(super) fn k_means(
    rows: &[f32],
    mut centroids: Tensor<2>,
    rounds: usize,
    device: &Device,
) -> (Tensor<2>, Vec<usize>) {
    for _ in 0..rounds {
        let labels = nearest(rows, &centroids, device);
        centroids = means(rows, &labels, centroids, device);
    }
    let labels = nearest(rows, &centroids, device);
    (centroids, labels)
}

/// The centroid with the largest dot product with each row.
fn nearest(rows: &[f32], centroids: &Tensor<2>, device: &Device) -> Vec<usize> {
    let dim = centroids.dims()[1];
    let columns = centroids.clone().transpose();
    let of = |chunk: &[f32]| {
        let shape = [chunk.len() / dim, dim];
        let chunk = Tensor::<2>::from_data(TensorData::new(chunk.to_vec(), shape), device);
        best(&chunk.matmul(columns.clone()))
    };
    rows.chunks(CHUNK * dim).flat_map(of).collect()
}

fn means(rows: &[f32], labels: &[usize], centroids: Tensor<2>, device: &Device) -> Tensor<2> {
    let [clusters, dim] = centroids.dims();
    let mut sums = vec![0.0_f64; clusters * dim];
    let mut counts = vec![0_u64; clusters];
    for (row, &label) in rows.chunks_exact(dim).zip(labels) {
        counts[label] += 1;
        for (sum, &value) in sums[label * dim..].iter_mut().zip(row) {
            *sum += f64::from(value);
        }
    }
    let mut values: Vec<f32> = centroids.into_data().iter::<f32>().collect();
    for ((centroid, sum), count) in
        values.chunks_exact_mut(dim).zip(sums.chunks_exact(dim)).zip(counts)
    {
        let length = sum.iter().map(|value| value * value).sum::<f64>().sqrt();
        // Rows that cancel have no direction.
        if count > 0 && length > 0.0 {
            for (value, sum) in centroid.iter_mut().zip(sum) {
                *value = (sum / length) as f32;
            }
        }
    }
    Tensor::from_data(TensorData::new(values, [clusters, dim]), device)
}
