//! The objective by its definition in f64, one column at a time, so that it can be had at any size.

/// One view's embeddings, `[n, d]` by rows, with what standardises them.
#[derive(Debug)]
pub(super) struct Embeddings<'a> {
    values: &'a [f32],
    rows: usize,
    mean: Vec<f64>,
    scale: Vec<f64>,
}

impl<'a> Embeddings<'a> {
    /// Takes means and biased variances over the rows, `d` of each.
    pub(super) fn new(values: &'a [f32], n: usize, d: usize, epsilon: f64) -> Self {
        let mut mean = vec![0.0; d];
        let mut variance = vec![0.0; d];
        for row in values.chunks_exact(d) {
            mean.iter_mut().zip(row).for_each(|(m, &v)| *m += f64::from(v) / n as f64);
        }
        for row in values.chunks_exact(d) {
            for ((sum, &v), m) in variance.iter_mut().zip(row).zip(&mean) {
                *sum += (f64::from(v) - m).powi(2) / n as f64;
            }
        }
        let scale = variance.iter().map(|v| (v + epsilon).sqrt()).collect();
        Self { values, rows: n, mean, scale }
    }

    /// A row, standardised.
    fn row(&self, row: usize) -> impl Iterator<Item = f64> {
        let d = self.mean.len();
        let values = self.values[row * d..][..d].iter();
        values.zip(&self.mean).zip(&self.scale).map(|((&v, m), s)| (f64::from(v) - m) / s)
    }

    /// A column, standardised.
    fn column(&self, column: usize) -> Vec<f64> {
        let values = self.values.iter().skip(column).step_by(self.mean.len());
        values.map(|&v| (f64::from(v) - self.mean[column]) / self.scale[column]).collect()
    }

    /// Row `column` of the cross-correlation with another view, `[d]`.
    fn correlations(&self, other: &Self, column: usize) -> Vec<f64> {
        let mut sums = vec![0.0; self.mean.len()];
        for (row, own) in self.column(column).into_iter().enumerate() {
            let own = own / self.rows as f64;
            sums.iter_mut().zip(other.row(row)).for_each(|(sum, other)| *sum += own * other);
        }
        sums
    }

    /// `Σ (Cᵢᵢ - 1)² + λ Σᵢ≠ⱼ Cᵢⱼ²`.
    #[cfg(test)]
    pub(super) fn loss(&self, other: &Self, lambda: f64) -> f64 {
        (0..self.mean.len())
            .flat_map(|i| self.correlations(other, i).into_iter().enumerate().map(move |c| (i, c)))
            .map(|(i, (j, c))| if i == j { (c - 1.0).powi(2) } else { lambda * c * c })
            .sum()
    }

    /// The loss's gradient for one column of these embeddings, `[n]`.
    pub(super) fn gradient(&self, other: &Self, column: usize, lambda: f64) -> Vec<f64> {
        let mut slopes = self.correlations(other, column);
        for (j, slope) in slopes.iter_mut().enumerate() {
            *slope = 2.0 * if j == column { *slope - 1.0 } else { lambda * *slope };
        }
        let n = self.rows as f64;
        let gradient: Vec<f64> = (0..self.rows)
            .map(|row| other.row(row).zip(&slopes).map(|(b, slope)| b * slope).sum::<f64>() / n)
            .collect();
        let own = self.column(column);
        let mean = gradient.iter().sum::<f64>() / n;
        let along = gradient.iter().zip(&own).map(|(g, a)| g * a).sum::<f64>() / n;
        let back = gradient.iter().zip(&own).map(|(g, a)| g - mean - a * along);
        back.map(|value| value / self.scale[column]).collect()
    }
}
