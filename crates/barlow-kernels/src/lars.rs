//! The update of one tensor by LARS, in one pass for its norms and one for its values.
//!
//! With value `p`, gradient `g` and buffer `m`:
//!
//! ```text
//! d = g + decay p,   d = d · η ‖p‖ / ‖d‖,   m = momentum m + d,   p = p - rate m
//! ```
//!
//! Clipped, the ratio is `min(η ‖p‖ / (‖g‖ + decay ‖p‖ + 1e-8) / rate, 1)`. Where either norm is 0
//! the ratio is 1, and clipped there is no decay either. Sums are in f64, by blocks of fixed length
//! in order, so that no bit depends on the number of threads.

use rayon::prelude::*;

use crate::Isa;
use crate::isa::per_isa;

/// Added to the denominator of the clipped ratio (solo-learn's LARS).
const CLIPPED_EPSILON: f64 = 1e-8;

/// Values of one task, and of one partial sum.
const BLOCK: usize = 1 << 14;

/// The constants of an update.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lars {
    /// Learning rate of the tensor.
    pub rate: f64,
    /// Share of the buffer that is kept.
    pub momentum: f64,
    /// Which rule the direction follows.
    pub class: LarsClass,
}

/// How gradient and value make a direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LarsClass {
    /// The gradient as it is.
    Plain,
    /// Decayed, and scaled by the trust ratio.
    Adapted {
        /// Pull of values towards 0.
        weight_decay: f64,
        /// η.
        trust_coefficient: f64,
        /// Whether the ratio is clipped.
        is_clipped: bool,
    },
}

/// Sums of squares that an update comes by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LarsSums {
    /// `‖p‖²` before the update.
    pub value: f64,
    /// `‖p' - p‖²`.
    pub change: f64,
}

impl Lars {
    /// Updates `value` and `buffer`; where `is_first`, the buffer counts as 0 whatever it holds.
    ///
    /// # Numerics
    /// Norms in f64; the rest in f32, the ratio rounded once. The same bits for every number of
    /// threads.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn step(
        &self,
        isa: Isa,
        value: &mut [f32],
        gradient: &[f32],
        buffer: &mut [f32],
        is_first: bool,
    ) -> LarsSums {
        assert_eq!(value.len(), gradient.len(), "one gradient for each value");
        assert_eq!(value.len(), buffer.len(), "one buffer for each value");
        let (decay, ratio) = self.direction(isa, value, gradient);
        let constants = Constants {
            decay: decay as f32,
            ratio: ratio as f32,
            momentum: if is_first { 0.0 } else { self.momentum as f32 },
            rate: self.rate as f32,
            is_first,
        };
        let blocks = value.par_chunks_mut(BLOCK).zip(gradient.par_chunks(BLOCK));
        let blocks = blocks.zip(buffer.par_chunks_mut(BLOCK));
        let sums: Vec<[f64; 2]> = blocks
            .map(|((value, gradient), buffer)| update(isa, constants, value, gradient, buffer))
            .collect();
        sums.iter().fold(LarsSums { value: 0.0, change: 0.0 }, |sums, [value, change]| LarsSums {
            value: sums.value + value,
            change: sums.change + change,
        })
    }

    /// Decay and ratio.
    fn direction(&self, isa: Isa, value: &[f32], gradient: &[f32]) -> (f64, f64) {
        let LarsClass::Adapted { weight_decay, trust_coefficient, is_clipped } = self.class else {
            return (0.0, 1.0);
        };
        let norm_decay = if is_clipped { 0.0 } else { weight_decay as f32 };
        let blocks = value.par_chunks(BLOCK).zip(gradient.par_chunks(BLOCK));
        let sums: Vec<[f64; 2]> = blocks.map(|(v, g)| squares(isa, norm_decay, v, g)).collect();
        let [value, direction] = [0, 1].map(|i| sums.iter().map(|s| s[i]).sum::<f64>().sqrt());
        let either_is_zero = value == 0.0 || direction == 0.0;
        match (is_clipped, either_is_zero) {
            (false, false) => (weight_decay, trust_coefficient * value / direction),
            (true, true) => (0.0, 1.0),
            (true, false) if self.rate > 0.0 => {
                let denominator = direction + weight_decay * value + CLIPPED_EPSILON;
                let ratio = trust_coefficient * value / denominator / self.rate;
                // Not `min`, which would lose a ratio that is no number.
                (weight_decay, if ratio > 1.0 { 1.0 } else { ratio })
            }
            (false, true) | (true, false) => (weight_decay, 1.0),
        }
    }
}

/// `Σ v²` in f64, the same bits for every number of threads.
pub fn sum_of_squares(isa: Isa, values: &[f32]) -> f64 {
    let blocks = values.par_chunks(BLOCK);
    let sums: Vec<f64> = blocks.map(|values| squares(isa, 0.0, values, values)[0]).collect();
    sums.iter().sum()
}

#[derive(Clone, Copy)]
struct Constants {
    decay: f32,
    ratio: f32,
    momentum: f32,
    rate: f32,
    is_first: bool,
}

/// Sums that a loop keeps, so that it vectorises and does not wait for each addition.
const LANES: usize = 16;

per_isa! {
    /// `Σ p²` and `Σ (g + decay p)²`.
    fn squares(decay: f32, value: &[f32], gradient: &[f32]) -> [f64; 2] {
        let mut sums = [[0.0_f64; LANES]; 2];
        let mut add = |values: &[f32], gradients: &[f32]| {
            for (lane, (&value, &gradient)) in values.iter().zip(gradients).enumerate() {
                let direction = gradient + decay * value;
                sums[0][lane] += f64::from(value) * f64::from(value);
                sums[1][lane] += f64::from(direction) * f64::from(direction);
            }
        };
        let (values, rest) = value.as_chunks::<LANES>();
        let (gradients, gradient_rest) = gradient.as_chunks::<LANES>();
        values.iter().zip(gradients).for_each(|(value, gradient)| add(value, gradient));
        add(rest, gradient_rest);
        sums.map(|sums| sums.iter().sum())
    }
}

per_isa! {
    /// Updates one block; `Σ p²` before and `Σ (p' - p)²`.
    fn update(
        constants: Constants,
        value: &mut [f32],
        gradient: &[f32],
        buffer: &mut [f32],
    ) -> [f64; 2] {
        let Constants { decay, ratio, momentum, rate, is_first } = constants;
        let mut sums = [[0.0_f64; LANES]; 2];
        let mut step = |values: &mut [f32], gradients: &[f32], buffers: &mut [f32]| {
            let parts = values.iter_mut().zip(gradients).zip(buffers);
            for (lane, ((value, &gradient), buffer)) in parts.enumerate() {
                let direction = (gradient + decay * *value) * ratio;
                let kept = if is_first { 0.0 } else { momentum * *buffer };
                *buffer = kept + direction;
                let updated = *value - rate * *buffer;
                let change = f64::from(updated - *value);
                sums[0][lane] += f64::from(*value) * f64::from(*value);
                sums[1][lane] += change * change;
                *value = updated;
            }
        };
        let (values, value_rest) = value.as_chunks_mut::<LANES>();
        let (gradients, gradient_rest) = gradient.as_chunks::<LANES>();
        let (buffers, buffer_rest) = buffer.as_chunks_mut::<LANES>();
        for ((values, gradients), buffers) in values.iter_mut().zip(gradients).zip(buffers) {
            step(values, gradients, buffers);
        }
        step(value_rest, gradient_rest, buffer_rest);
        sums.map(|sums| sums.iter().sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use barlow_testing::fill;

    const LENGTHS: [usize; 9] = [0, 1, 7, 16, 33, 1000, BLOCK, BLOCK + 1, 3 * BLOCK + 77];

    const CLASSES: [LarsClass; 4] = [
        LarsClass::Plain,
        LarsClass::Adapted { weight_decay: 1e-2, trust_coefficient: 1e-3, is_clipped: false },
        LarsClass::Adapted { weight_decay: 1e-2, trust_coefficient: 1e-3, is_clipped: true },
        LarsClass::Adapted { weight_decay: 0.0, trust_coefficient: 0.5, is_clipped: true },
    ];

    /// A step by its formula, in f64; also the sums of squares.
    fn reference(lars: &Lars, value: &mut [f64], gradient: &[f64], buffer: &mut [f64]) -> LarsSums {
        let norm = |values: &[f64]| values.iter().map(|v| v * v).sum::<f64>().sqrt();
        let (mut decay, mut ratio) = (0.0, 1.0);
        if let LarsClass::Adapted { weight_decay, trust_coefficient, is_clipped } = lars.class {
            decay = weight_decay;
            let pairs = gradient.iter().zip(&*value);
            let decayed: Vec<f64> = pairs.map(|(g, p)| g + decay * p).collect();
            let (p, g, d) = (norm(value), norm(gradient), norm(&decayed));
            if is_clipped && p * g == 0.0 {
                decay = 0.0;
            } else if is_clipped && lars.rate > 0.0 {
                ratio = (trust_coefficient * p / (g + decay * p + 1e-8) / lars.rate).min(1.0);
            } else if !is_clipped && p * d != 0.0 {
                ratio = trust_coefficient * p / d;
            }
        }
        let mut sums = LarsSums { value: norm(value).powi(2), change: 0.0 };
        for ((p, g), m) in value.iter_mut().zip(gradient).zip(buffer) {
            *m = lars.momentum * *m + (g + decay * *p) * ratio;
            *p -= lars.rate * *m;
            sums.change += (lars.rate * *m).powi(2);
        }
        sums
    }

    fn wide(values: &[f32]) -> Vec<f64> {
        values.iter().map(|&v| f64::from(v)).collect()
    }

    /// The largest difference beyond 1e-6, absolute or relative.
    fn is_close(found: &[f32], expected: &[f64]) -> bool {
        let mut pairs = found.iter().zip(expected);
        pairs.all(|(&f, e)| (f64::from(f) - e).abs() <= 1e-6 * (1.0 + e.abs()))
    }

    #[test]
    fn three_steps_are_those_of_the_formula() {
        let mut failures = Vec::new();
        for (isa, length) in Isa::available().flat_map(|isa| LENGTHS.map(|length| (isa, length))) {
            for (class, rate) in CLASSES.iter().flat_map(|class| [(*class, 0.2), (*class, 0.0)]) {
                let lars = Lars { rate, momentum: 0.9, class };
                let mut value = fill("value", length, -1.0, 1.0);
                let mut buffer = vec![f32::NAN; length];
                let (mut exact, mut exact_buffer) = (wide(&value), vec![0.0; length]);
                for step in 0..3 {
                    let gradient = fill(&format!("gradient/{step}"), length, -1.0, 1.0);
                    let sums = lars.step(isa, &mut value, &gradient, &mut buffer, step == 0);
                    let expected =
                        reference(&lars, &mut exact, &wide(&gradient), &mut exact_buffer);
                    // A change is the difference of rounded values.
                    let is_good = (sums.value - expected.value).abs() <= 1e-5 * expected.value
                        && (sums.change - expected.change).abs()
                            <= 1e-4 * expected.change + 1e-13 * length as f64
                        && is_close(&value, &exact)
                        && is_close(&buffer, &exact_buffer);
                    if !is_good {
                        failures.push(format!(
                            "{isa} {length} {lars:?} {step}: {sums:?}, {expected:?}"
                        ));
                    }
                }
            }
        }
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }

    #[test]
    fn a_norm_of_zero_takes_the_ratio_one() {
        for (isa, class) in Isa::available().flat_map(|isa| CLASSES.map(|class| (isa, class))) {
            let lars = Lars { rate: 0.5, momentum: 0.9, class };
            for (value, gradient) in [(0.0, 1.0), (1.0, 0.0), (0.0, 0.0)] {
                let (mut values, mut buffer) = (vec![value; 20], vec![0.0; 20]);
                lars.step(isa, &mut values, &[gradient; 20], &mut buffer, true);
                let (mut exact, mut exact_buffer) = (vec![f64::from(value); 20], vec![0.0; 20]);
                reference(&lars, &mut exact, &[f64::from(gradient); 20], &mut exact_buffer);
                assert!(is_close(&values, &exact), "{isa} {class:?} {value} {gradient}");
            }
        }
    }

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        let length = 9 * BLOCK + 5;
        let gradient = fill("gradient", length, -1.0, 1.0);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut value = fill("value", length, -1.0, 1.0);
            let mut buffer = vec![0.0; length];
            let lars = Lars { rate: 0.3, momentum: 0.9, class: CLASSES[1] };
            let sums =
                pool.install(|| lars.step(Isa::best(), &mut value, &gradient, &mut buffer, true));
            let values: Vec<u32> = value.iter().map(|v| v.to_bits()).collect();
            (values, sums.value.to_bits(), sums.change.to_bits())
        };
        assert!([2, 3, 7].into_iter().all(|threads| run(threads) == run(1)));
    }

    #[test]
    fn sums_of_squares_agree_with_f64_and_show_what_is_not_finite() {
        for isa in Isa::available() {
            for length in LENGTHS {
                let mut values = fill("squares", length, -2.0, 2.0);
                let expected: f64 = wide(&values).iter().map(|v| v * v).sum();
                let found = sum_of_squares(isa, &values);
                assert!((found - expected).abs() <= 1e-12 * expected, "{isa} {length}");
                if let Some(last) = values.last_mut() {
                    *last = f32::NAN;
                    assert!(sum_of_squares(isa, &values).is_nan());
                    *values.last_mut().unwrap() = f32::NEG_INFINITY;
                    assert!(sum_of_squares(isa, &values).is_infinite());
                }
            }
        }
    }
}
