//! Mean and variance of each dimension.

use crate::rows::Rows;

/// Moments of each dimension over images, and, where there are several, over views.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    pub(crate) mean: Vec<f64>,
    /// Biased: the mean of squared deviations.
    pub(crate) variance: Vec<f64>,
}

impl Columns {
    /// Mean first, then squared deviations, in f64, images in order.
    pub(crate) fn of(views: &[Rows<'_>]) -> Self {
        let dim = views[0].dim();
        let images = || views.iter().flat_map(|view| (0..view.images()).map(|i| view.row(i)));
        let count = images().count() as f64;
        let mut mean = vec![0.0; dim];
        for row in images() {
            mean.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
        }
        for sum in &mut mean {
            *sum /= count;
        }
        let mut variance = vec![0.0; dim];
        for row in images() {
            for ((sum, mean), &value) in variance.iter_mut().zip(&mean).zip(row) {
                *sum += (f64::from(value) - mean).powi(2);
            }
        }
        for sum in &mut variance {
            *sum /= count;
        }
        Self { mean, variance }
    }

    /// Share of the rows' power that is not in their mean, 0..1; 0 where all rows are 0.
    pub(crate) fn variation(&self) -> f64 {
        let spread: f64 = self.variance.iter().sum();
        let power = spread + self.mean.iter().map(|mean| mean * mean).sum::<f64>();
        if power > 0.0 { spread / power } else { 0.0 }
    }

    /// Whether all rows are the same up to rounding.
    pub(crate) fn are_constant(&self) -> bool {
        // The rounding of f32 against the length of a row, squared.
        self.variation() <= 1e-12
    }
}
