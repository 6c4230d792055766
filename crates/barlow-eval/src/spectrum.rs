//! How many directions a set of vectors really uses.

use nalgebra::DMatrix;

/// The effective rank of `rows` (Roy and Vetterli, 2007): `exp(-Σ p ln p)` with `p` the singular
/// values of the centred matrix over their sum.
///
/// # Shapes
/// - `rows`: `[n, dim]`, contiguous
///
/// # Range
/// 1 (all vectors on a line) to `min(n - 1, dim)` (all directions alike); 0 where all rows are the
/// same up to rounding.
///
/// # Numerics
/// f64. Singular values below `1e-5` of the largest, the noise of f32 features, count as 0.
pub fn effective_rank(rows: &[f32], dim: usize) -> f64 {
    let n = rows.len() / dim.max(1);
    if n < 2 {
        return 0.0;
    }
    let mut matrix = DMatrix::from_row_iterator(n, dim, rows.iter().map(|&value| f64::from(value)));
    let power = matrix.norm();
    for mut column in matrix.column_iter_mut() {
        let mean = column.mean();
        column.add_scalar_mut(-mean);
    }
    if matrix.norm() <= 1e-6 * power {
        return 0.0;
    }
    let gram = if n <= dim { &matrix * matrix.transpose() } else { matrix.transpose() * &matrix };
    let singular: Vec<f64> =
        gram.symmetric_eigenvalues().iter().map(|&value| value.max(0.0).sqrt()).collect();
    let largest = singular.iter().copied().fold(0.0, f64::max);
    let used = singular.iter().copied().filter(|&value| value > 1e-5 * largest);
    let sum: f64 = used.clone().sum();
    used.map(|value| value / sum).map(|p| -p * p.ln()).sum::<f64>().exp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use barlow_random::Key;

    fn normal(n: usize, dim: usize, scale: impl Fn(usize) -> f64) -> Vec<f32> {
        let mut stream = Key::default().stream();
        (0..n * dim).map(|i| (stream.normal() * scale(i % dim)) as f32).collect()
    }

    #[test]
    fn independent_directions_of_equal_power_count_fully() {
        // 4000 samples of 16 directions: singular values within about 10 % of each other.
        let rank = effective_rank(&normal(4000, 16, |_| 1.0), 16);
        assert!((15.9..=16.0).contains(&rank), "{rank}");
    }

    #[test]
    fn known_singular_values_give_the_formula() {
        // Rows ±eᵢ·sᵢ have singular values sᵢ·√2, for which exp(entropy) is worked out directly.
        let scales = [8.0_f64, 4.0, 2.0, 1.0];
        let mut rows = Vec::new();
        for (i, &scale) in scales.iter().enumerate() {
            for sign in [1.0, -1.0] {
                let mut row = [0.0_f32; 4];
                row[i] = (sign * scale) as f32;
                rows.extend(row);
            }
        }
        let sum: f64 = scales.iter().sum();
        let expected = scales.iter().map(|s| -(s / sum) * (s / sum).ln()).sum::<f64>().exp();
        assert!((effective_rank(&rows, 4) - expected).abs() < 1e-9);
    }

    #[test]
    fn both_sides_of_the_matrix_give_the_same_rank() {
        let rows = normal(40, 60, |i| 1.0 / (i + 1) as f64);
        let wide = effective_rank(&rows, 60);
        // The same vectors with 60 further coordinates of zero leave n > dim false and the rank.
        let padded: Vec<f32> =
            rows.chunks_exact(60).flat_map(|row| row.iter().copied().chain([0.0; 60])).collect();
        assert!((wide - effective_rank(&padded, 120)).abs() < 1e-6);
        let doubled = [rows.clone(), rows].concat(); // n 80 > dim 60: the other Gram matrix
        assert!((wide - effective_rank(&doubled, 60)).abs() < 1e-6);
    }

    #[test]
    fn constant_rows_have_rank_zero_and_a_line_rank_one() {
        let constant = [1.0_f32, 2.0, 3.0].repeat(50);
        assert!(effective_rank(&constant, 3).abs() < 1e-12);
        let line: Vec<f32> = (0..50).flat_map(|i| [i as f32, 2.0 * i as f32, 0.5]).collect();
        assert!((effective_rank(&line, 3) - 1.0).abs() < 1e-3);
    }
}
