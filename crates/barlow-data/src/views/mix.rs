//! Mixup: views blended with the views of other images of the batch.

use barlow_random::{Key, Stream};

/// The purpose of the key that pairs the images of a batch.
const PARTNER: u64 = u64::from_be_bytes(*b"mixprtnr");

/// The purpose of the keys that draw the coefficients.
const COEFFICIENT: u64 = u64::from_be_bytes(*b"mixcoeff");

/// Which images of a batch are blended, and how much of each.
///
/// # Source
/// Zhang, Cisse, Dauphin, Lopez-Paz: mixup, ICLR 2018, with a coefficient for each image; the pairing
/// of view with shuffled view is that of Bandara, De Melo, Patel: Guarding Barlow Twins against
/// overfitting with mixed samples, 2023.
#[derive(Debug, Clone, PartialEq)]
pub struct MixParameters {
    /// For each image the one that it is blended with, a permutation; it may be the image itself.
    pub partner: Vec<usize>,
    /// For each image its own share, 0 to 1.
    pub coefficient: Vec<f32>,
}

impl MixParameters {
    /// Draws for the batch of a step: the permutation uniform, the coefficients from the Beta
    /// distribution of both parameters `alpha`; 1 is uniform. A pure function of its arguments.
    ///
    /// # Panics
    /// If `alpha` is not a finite number above 0.
    pub fn draw(seed: u64, step: u64, batch_size: usize, alpha: f64) -> Self {
        assert!(alpha > 0.0 && alpha.is_finite(), "Beta({alpha}, {alpha}) is no distribution");
        let mut partner: Vec<usize> = (0..batch_size).collect();
        let key = Key { seed, purpose: PARTNER, epoch: step, ..Key::default() };
        key.stream().shuffle(&mut partner);
        let coefficient = |position| {
            let key = Key { seed, purpose: COEFFICIENT, epoch: step, position };
            beta(&mut key.stream(), alpha) as f32
        };
        Self { partner, coefficient: (0..batch_size as u64).map(coefficient).collect() }
    }

    /// Blends one view of all images with another view of their partners:
    /// `c * view[i] + (1 - c) * other[partner[i]]`, in f32.
    ///
    /// # Shapes
    /// `view`, `other`, `out`: `[n, ...]`, contiguous, `n` images of equal size; both views may be
    /// the same.
    ///
    /// # Panics
    /// If the slices differ in length, or do not hold `n` images.
    pub fn mix(&self, view: &[f32], other: &[f32], out: &mut [f32]) {
        let images = self.partner.len();
        assert_eq!([view.len(), other.len()], [out.len(); 2], "views of different shapes");
        assert!(
            images > 0 && out.len().is_multiple_of(images),
            "{} values of {images} images",
            out.len()
        );
        let size = out.len() / images;
        let pairs = self.partner.iter().zip(&self.coefficient);
        for (((&partner, &share), own), out) in
            pairs.zip(view.chunks_exact(size)).zip(out.chunks_exact_mut(size))
        {
            let other = &other[partner * size..][..size];
            for ((out, own), other) in out.iter_mut().zip(own).zip(other) {
                *out = share * own + (1.0 - share) * other;
            }
        }
    }
}

/// Beta(alpha, alpha) as `x / (x + y)` of two gamma variables, by their logarithms, which do not
/// underflow where `alpha` is small.
fn beta(stream: &mut Stream, alpha: f64) -> f64 {
    let [x, y] = [log_gamma_variable(stream, alpha), log_gamma_variable(stream, alpha)];
    1.0 / (1.0 + (y - x).exp())
}

/// The logarithm of a gamma variable of shape `alpha`.
///
/// # Source
/// Marsaglia, Tsang: A simple method for generating gamma variables, ACM TOMS 26(3), 2000, for shape
/// `alpha + 1`, and its note on shapes below 1, which holds for all: times `u^(1 / alpha)`.
fn log_gamma_variable(stream: &mut Stream, alpha: f64) -> f64 {
    let d = alpha + 1.0 - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = stream.normal();
        let v = (1.0 + c * x).powi(3);
        let u = 1.0 - stream.unit();
        if v > 0.0 && u.ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return (d * v).ln() + (1.0 - stream.unit()).ln() / alpha;
        }
    }
}
