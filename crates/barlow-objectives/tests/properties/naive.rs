//! Barlow Twins by its definition, in f64, with the `d×d` matrix and no algebra.

/// Columns of `[n, d]` rows with mean 0, divided by `sqrt(biased variance + 1e-5)`.
fn standardised(rows: &[f64], [n, d]: [usize; 2]) -> Vec<f64> {
    let mut values = rows.to_vec();
    for column in 0..d {
        let at = |row: usize| row * d + column;
        let mean = (0..n).map(|row| rows[at(row)]).sum::<f64>() / n as f64;
        let variance = (0..n).map(|row| (rows[at(row)] - mean).powi(2)).sum::<f64>() / n as f64;
        for row in 0..n {
            values[at(row)] = (rows[at(row)] - mean) / (variance + 1e-5).sqrt();
        }
    }
    values
}

/// `AᵀB / n`, `[d, d]`, of standardised embeddings.
pub(crate) fn cross_correlation(a: &[f64], b: &[f64], [n, d]: [usize; 2]) -> Vec<f64> {
    let mut c = vec![0.0; d * d];
    for row in 0..n {
        for i in 0..d {
            for j in 0..d {
                c[i * d + j] += a[row * d + i] * b[row * d + j] / n as f64;
            }
        }
    }
    c
}

/// [`cross_correlation`] of raw embeddings.
pub(crate) fn cross_correlation_of<T: Copy + Into<f64>>(
    embeddings: &[Vec<T>; 2],
    shape: [usize; 2],
) -> Vec<f64> {
    let [a, b] = embeddings.each_ref().map(|rows| {
        let rows: Vec<f64> = rows.iter().map(|&x| x.into()).collect();
        standardised(&rows, shape)
    });
    cross_correlation(&a, &b, shape)
}

/// `Σᵢ (Cᵢᵢ - 1)² + λ Σᵢ Σ_{j≠i} Cᵢⱼ²` of raw embeddings.
pub(crate) fn loss(embeddings: &[Vec<f64>; 2], shape: [usize; 2], lambda: f64) -> f64 {
    let d = shape[1];
    let c = cross_correlation_of(embeddings, shape);
    let term = |at: usize| {
        if at / d == at % d { (c[at] - 1.0).powi(2) } else { lambda * c[at] * c[at] }
    };
    (0..d * d).map(term).sum()
}
