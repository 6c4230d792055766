//! What the sums over pixels become: numbers for each channel, computed in f64.
//!
//! With r = 1/√(variance + eps) and x̂ = (y - mean)·r, the norm is γ·x̂ + β. Of the gradient g' of its
//! output, S1 = Σ g' and S2 = Σ g'·(y - mean) over all n pixels:
//!
//! ```text
//! dβ = S1        dγ = Σ g'·x̂ = r·S2        dy = γ·r·(g' - S1/n - x̂·dγ/n)
//! ```

/// dy = a·g' + b·y + k for each channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Coefficients {
    /// Factor of the gradient.
    pub a: Vec<f32>,
    /// Factor of the input; all 0 in evaluation mode.
    pub b: Vec<f32>,
    /// Constant; all 0 in evaluation mode.
    pub k: Vec<f32>,
}

impl Coefficients {
    /// Of a norm whose mean and (biased) variance came from the batch itself, `count` pixels over
    /// all ranks; `sums` are S1 and S2 over the same pixels.
    ///
    /// # Panics
    /// If there is not one number for each channel in all of them.
    pub fn training(
        sums: (&[f64], &[f64]),
        mean: &[f32],
        variance: &[f32],
        eps: f64,
        weight: &[f32],
        count: usize,
    ) -> Self {
        let n = count as f64;
        let (d_weight, _) = parameter_gradients(sums, variance, eps);
        let mut result = Self::evaluation(variance, eps, weight);
        for c in 0..weight.len() {
            let r = reciprocal_deviation(variance[c], eps);
            let scale = f64::from(weight[c]) * r;
            let pull = r * f64::from(d_weight[c]) / n;
            result.b[c] = (-scale * pull) as f32;
            result.k[c] = (scale * (f64::from(mean[c]) * pull - sums.0[c] / n)) as f32;
        }
        result
    }

    /// Of a norm whose mean and variance are constants.
    ///
    /// # Panics
    /// If there is not one number for each channel in both.
    pub fn evaluation(variance: &[f32], eps: f64, weight: &[f32]) -> Self {
        let channels = weight.len();
        assert_eq!(variance.len(), channels, "one variance for each channel");
        let a = weight.iter().zip(variance);
        let a = a.map(|(w, v)| (f64::from(*w) * reciprocal_deviation(*v, eps)) as f32).collect();
        Self { a, b: vec![0.0; channels], k: vec![0.0; channels] }
    }
}

/// Gradients of weight γ and bias β from S1 and S2, in training and evaluation mode alike; linear in
/// the sums, so those of ranks may be added before or after.
///
/// # Panics
/// If there is not one number for each channel in all of them.
pub fn parameter_gradients(
    sums: (&[f64], &[f64]),
    variance: &[f32],
    eps: f64,
) -> (Vec<f32>, Vec<f32>) {
    let channels = variance.len();
    assert_eq!([sums.0.len(), sums.1.len()], [channels; 2], "one number for each channel");
    let weight = (0..channels).map(|c| {
        let r = reciprocal_deviation(variance[c], eps);
        (r * sums.1[c]) as f32
    });
    (weight.collect(), sums.0.iter().map(|s| *s as f32).collect())
}

/// γ·(y - mean)/√(variance + eps) + β as y·scale + shift.
///
/// # Panics
/// If there is not one number for each channel in all of them.
pub fn scale_and_shift(
    mean: &[f32],
    variance: &[f32],
    eps: f64,
    weight: &[f32],
    bias: &[f32],
) -> (Vec<f32>, Vec<f32>) {
    let channels = mean.len();
    let lengths = [variance.len(), weight.len(), bias.len()];
    assert_eq!(lengths, [channels; 3], "one number for each channel");
    (0..channels)
        .map(|c| {
            let scale = f64::from(weight[c]) * reciprocal_deviation(variance[c], eps);
            (scale as f32, (f64::from(bias[c]) - f64::from(mean[c]) * scale) as f32)
        })
        .unzip()
}

fn reciprocal_deviation(variance: f32, eps: f64) -> f64 {
    (f64::from(variance) + eps).sqrt().recip()
}
