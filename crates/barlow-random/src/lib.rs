//! Counter-based random numbers: every random decision of barlow is a pure function of a key.
//!
//! There is no shared stream, so no result depends on the order in which threads ask, and resuming
//! a run needs counters only. A [`Key`] is filled in by whoever decides (seed, epoch, position,
//! view, operation) and opened into a [`Stream`] of `ChaCha8` output; the four words of the key are
//! the cipher's key, so distinct keys give independent streams. The conversions from bits to
//! numbers are written out here, because drawn values are part of a run's identity and must not
//! move when a random number library changes its own.

mod permutation;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

pub use permutation::Permutation;

/// What a random decision depends on; unused words stay 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Key {
    /// The run's seed.
    pub seed: u64,
    /// What is being decided: an operation's own constant, or a hash of a parameter's name.
    pub purpose: u64,
    /// Which pass over the data, or 0.
    pub epoch: u64,
    /// Where in the epoch (and in which view), or 0.
    pub position: u64,
}

impl Key {
    /// Opens the stream of numbers that belongs to this key.
    pub fn stream(self) -> Stream {
        let mut seed = [0; 32];
        for (bytes, word) in
            seed.chunks_exact_mut(8).zip([self.seed, self.purpose, self.epoch, self.position])
        {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        Stream { generator: ChaCha8Rng::from_seed(seed) }
    }
}

/// The numbers that belong to one [`Key`].
#[derive(Debug, Clone)]
pub struct Stream {
    generator: ChaCha8Rng,
}

impl Stream {
    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// Uniform in `[0, 1)`, 53 random bits.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in `[low, high)`; `low` where both are equal.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// True with the given probability: never at 0, always at 1.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A whole number in `0..bound`, by multiply-shift (bias below `bound / 2^64`).
    ///
    /// # Panics
    /// If `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "a random number below 0 does not exist");
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// Standard normal, by Box and Muller's transform (the cosine half).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Puts a slice into random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1) as usize;
            items.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_keys_give_equal_numbers_and_any_changed_word_gives_others() {
        let key = Key { seed: 1, purpose: 2, epoch: 3, position: 4 };
        let first: Vec<u64> = std::iter::repeat_with({
            let mut s = key.stream();
            move || s.bits()
        })
        .take(8)
        .collect();
        let mut again = key.stream();
        assert!(first.iter().all(|&bits| bits == again.bits()));
        for other in [
            Key { seed: 2, ..key },
            Key { purpose: 3, ..key },
            Key { epoch: 4, ..key },
            Key { position: 5, ..key },
        ] {
            assert_ne!(other.stream().bits(), first[0]);
        }
    }

    #[test]
    fn drawn_values_never_change() {
        let mut stream = Key { seed: 7, ..Key::default() }.stream();
        // Our own output, frozen: a change here changes every run.
        let drawn = [stream.bits(), stream.bits(), stream.below(1000)];
        assert_eq!(drawn, [14_095_323_943_061_994_099, 8_595_031_940_432_502_117, 5]);
    }

    #[test]
    fn normal_has_zero_mean_unit_variance_and_light_tails() {
        let mut stream = Key::default().stream();
        let n = 200_000;
        let values: Vec<f64> = (0..n).map(|_| stream.normal()).collect();
        let mean = values.iter().sum::<f64>() / f64::from(n);
        let variance = values.iter().map(|v| v * v).sum::<f64>() / f64::from(n);
        let beyond_two = values.iter().filter(|v| v.abs() > 2.0).count() as f64 / f64::from(n);
        // Five standard errors each.
        assert!(mean.abs() < 0.0112, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.0159, "variance {variance}");
        assert!((beyond_two - 0.0455).abs() < 0.0024, "share beyond 2: {beyond_two}");
    }

    #[test]
    fn below_is_uniform_and_reaches_both_ends() {
        let mut stream = Key { purpose: 9, ..Key::default() }.stream();
        let mut counts = [0u32; 7];
        for _ in 0..70_000 {
            counts[stream.below(7) as usize] += 1;
        }
        for count in counts {
            assert!((9_500..10_500).contains(&count), "{counts:?}");
        }
    }

    #[test]
    fn chance_is_exact_at_its_ends() {
        let mut stream = Key::default().stream();
        assert!((0..1000).all(|_| stream.chance(1.0) && !stream.chance(0.0)));
    }
}
