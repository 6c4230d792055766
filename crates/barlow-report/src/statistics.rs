//! Mean, deviation and median of a few numbers.

use std::fmt;

use serde::Serialize;

/// What a number is over several seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation, that of a sample (n - 1); none of a single number.
    pub deviation: Option<f64>,
    /// How many there are.
    pub seeds: usize,
}

impl Spread {
    /// Mean and deviation; nothing of nothing.
    pub fn of(values: &[f64]) -> Option<Self> {
        let seeds = values.len();
        if seeds == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / seeds as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = (seeds > 1).then(|| (squares / (seeds - 1) as f64).sqrt());
        Some(Self { mean, deviation, seeds })
    }

    /// The same of numbers that are `factor` times as large.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self {
            mean: factor * self.mean,
            deviation: self.deviation.map(|deviation| factor * deviation),
            ..self
        }
    }
}

impl fmt::Display for Spread {
    /// `77.3 ± 0.9`, or `77.3` of a single number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.deviation {
            Some(deviation) => write!(f, "{:.1} ± {deviation:.1}", self.mean),
            None => write!(f, "{:.1}", self.mean),
        }
    }
}

/// The middle one, or the mean of the two in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        len if len % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_is_that_of_a_sample() {
        // 2, 4, 4, 4, 5, 5, 7, 9: mean 5, sum of squares 32.
        let spread = Spread::of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).unwrap();
        assert!((spread.mean - 5.0).abs() < 1e-12);
        assert!((spread.deviation.unwrap() - (32.0f64 / 7.0).sqrt()).abs() < 1e-12);
        assert_eq!(spread.to_string(), "5.0 ± 2.1");
        assert_eq!(Spread::of(&[3.0]).unwrap().to_string(), "3.0");
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn median_of_even_many_is_between_the_middle_ones() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}
