//! Standardisation of one panel of columns, and the way back through it.

use super::PANEL;
use crate::isa::per_isa;

/// One value for each column of a panel.
pub(super) type Columns<T> = [T; PANEL];

/// What standardisation leaves of a panel besides the values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Statistics {
    /// `1 / sqrt(variance + epsilon)`.
    pub(super) inverse_scale: Columns<f32>,
    /// Σ variance over the columns.
    pub(super) spread: f64,
    /// Σ mean² over the columns.
    pub(super) offset: f64,
}

per_isa! {
    /// Standardises the columns of a panel `[n, 64]` in place.
    ///
    /// Mean, then deviations, then their mean square (biased), sums in f64 over rows in order.
    pub(super) fn standardise(epsilon: f64, panel: &mut [f32]) -> Statistics {
        let n = (panel.len() / PANEL) as f64;
        let mut mean = [0.0_f64; PANEL];
        for values in panel.as_chunks::<PANEL>().0 {
            for c in 0..PANEL {
                mean[c] += f64::from(values[c]);
            }
        }
        mean = mean.map(|sum| sum / n);
        let mut variance = [0.0_f64; PANEL];
        for values in panel.as_chunks_mut::<PANEL>().0 {
            for c in 0..PANEL {
                let deviation = f64::from(values[c]) - mean[c];
                values[c] = deviation as f32;
                variance[c] += deviation * deviation;
            }
        }
        variance = variance.map(|sum| sum / n);
        let inverse_scale = variance.map(|variance| (1.0 / (variance + epsilon).sqrt()) as f32);
        for values in panel.as_chunks_mut::<PANEL>().0 {
            values.iter_mut().zip(&inverse_scale).for_each(|(value, scale)| *value *= scale);
        }
        Statistics {
            inverse_scale,
            spread: variance.iter().sum(),
            offset: mean.iter().map(|mean| mean * mean).sum(),
        }
    }
}

per_isa! {
    /// `Σ a∘b` over the rows of two panels, for each column.
    pub(super) fn column_products(a: &[f32], b: &[f32]) -> Columns<f64> {
        let mut sums = [0.0_f64; PANEL];
        for (a, b) in a.as_chunks::<PANEL>().0.iter().zip(b.as_chunks::<PANEL>().0) {
            for c in 0..PANEL {
                sums[c] += f64::from(a[c]) * f64::from(b[c]);
            }
        }
        sums
    }
}

per_isa! {
    /// `Σ a∘b` over two arrays, in eight sums.
    pub(super) fn dot(a: &[f32], b: &[f32]) -> f64 {
        let mut sums = [0.0_f64; 8];
        let (a, a_rest) = a.as_chunks::<8>();
        let (b, b_rest) = b.as_chunks::<8>();
        for (a, b) in a.iter().zip(b) {
            for lane in 0..8 {
                sums[lane] += f64::from(a[lane]) * f64::from(b[lane]);
            }
        }
        let rest: f64 = a_rest.iter().zip(b_rest).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
        sums.iter().sum::<f64>() + rest
    }
}

per_isa! {
    /// The gradient for one panel of raw values: with `G = weight ∘ other + factor · product`,
    /// `factor_out · inverse_scale ∘ (G - mean G - own ∘ mean(G ∘ own))`, in place of `product`.
    pub(super) fn backward(
        own: &[f32],
        other: &[f32],
        weight: &Columns<f32>,
        factor: f32,
        inverse_scale: &Columns<f32>,
        factor_out: f32,
        product: &mut [f32],
    ) {
        /// Rows whose sum is taken in f32 before it goes to f64.
        const ROWS: usize = 32;
        let n = (product.len() / PANEL) as f64;
        let own = own.as_chunks::<PANEL>().0;
        let other = other.as_chunks::<PANEL>().0;
        let gradient = product.as_chunks_mut::<PANEL>().0;
        let (mut mean, mut along) = ([0.0_f64; PANEL], [0.0_f64; PANEL]);
        for ((gradient, own), other) in
            gradient.chunks_mut(ROWS).zip(own.chunks(ROWS)).zip(other.chunks(ROWS))
        {
            let (mut sum, mut sum_along) = ([0.0_f32; PANEL], [0.0_f32; PANEL]);
            for ((gradient, own), other) in gradient.iter_mut().zip(own).zip(other) {
                for c in 0..PANEL {
                    let g = weight[c] * other[c] + factor * gradient[c];
                    gradient[c] = g;
                    sum[c] += g;
                    sum_along[c] += g * own[c];
                }
            }
            for c in 0..PANEL {
                mean[c] += f64::from(sum[c]);
                along[c] += f64::from(sum_along[c]);
            }
        }
        let mean = mean.map(|sum| (sum / n) as f32);
        let along = along.map(|sum| (sum / n) as f32);
        let scale = inverse_scale.map(|scale| scale * factor_out);
        for (gradient, own) in gradient.iter_mut().zip(own) {
            for c in 0..PANEL {
                gradient[c] = (gradient[c] - mean[c] - own[c] * along[c]) * scale[c];
            }
        }
    }
}
