//! The last embedding of each image.

use burn::tensor::{Device, Tensor, TensorData};

/// Unit rows by position in the source; zeros for an image that was never seen.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    dim: usize,
    /// `[images, d]`.
    values: Vec<f32>,
}

impl Memory {
    /// Of no image yet.
    pub(super) fn new(images: usize, dim: usize) -> Self {
        Self { dim, values: vec![0.0; images * dim] }
    }

    /// Replaces all rows, `[images, d]`.
    pub(super) fn fill(&mut self, rows: &Tensor<2>) {
        let values: Vec<f32> = rows.clone().into_data().iter::<f32>().collect();
        // Other images would be another run's.
        if values.len() == self.values.len() {
            self.values = values;
        }
    }

    /// Replaces the rows of some images, `[n, d]`; the last of an image that comes twice stays.
    pub(super) fn write(&mut self, ids: &[u64], rows: &Tensor<2>) {
        let rows: Vec<f32> = rows.clone().into_data().iter::<f32>().collect();
        for (&id, row) in ids.iter().zip(rows.chunks_exact(self.dim)) {
            let first = id as usize * self.dim;
            if let Some(place) = self.values.get_mut(first..first + self.dim) {
                place.copy_from_slice(row);
            }
        }
    }

    /// The images that were seen.
    pub(super) fn known(&self) -> Vec<usize> {
        let rows = self.values.chunks_exact(self.dim).enumerate();
        rows.filter(|(_, row)| row.iter().any(|&value| value != 0.0)).map(|(i, _)| i).collect()
    }

    /// The rows of some images, one after the other.
    pub(super) fn rows_of(&self, images: &[usize]) -> Vec<f32> {
        let row = |&image: &usize| &self.values[image * self.dim..(image + 1) * self.dim];
        images.iter().flat_map(row).copied().collect()
    }

    /// `[images, d]`.
    pub(super) fn to_tensor(&self, device: &Device) -> Tensor<2> {
        let shape = [self.values.len() / self.dim, self.dim];
        Tensor::from_data(TensorData::new(self.values.clone(), shape), device)
    }
}
