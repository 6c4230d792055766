//! A keyed permutation of `0..len` whose every value is computed on demand.
//!
//! Shuffling an epoch of fifty million images must not need a list of fifty million numbers, and
//! resuming in its middle must not replay the first half. A balanced Feistel network permutes the
//! smallest domain of `4^k` values that holds `0..len`; values outside are walked on until they
//! fall inside (cycle walking), at most four rounds of the network on average.

use crate::Key;

/// A pseudo-random permutation of `0..len`, chosen by a [`Key`].
#[derive(Debug, Clone)]
pub struct Permutation {
    len: u64,
    half_bits: u32,
    round_keys: [u64; Self::ROUNDS],
}

impl Permutation {
    /// Enough rounds for statistical quality; secrecy is not wanted.
    const ROUNDS: usize = 6;

    /// The permutation of `0..len` that belongs to `key`.
    pub fn new(key: Key, len: u64) -> Self {
        let bits = u64::BITS - len.saturating_sub(1).leading_zeros();
        let mut stream = key.stream();
        Self {
            len,
            half_bits: bits.div_ceil(2).max(1),
            round_keys: std::array::from_fn(|_| stream.bits()),
        }
    }

    /// The value at `index`.
    ///
    /// # Panics
    /// If `index` is not below the permutation's length.
    pub fn at(&self, index: u64) -> u64 {
        assert!(index < self.len, "index {index} is outside a permutation of {}", self.len);
        let mut value = index;
        loop {
            value = self.network(value);
            if value < self.len {
                return value;
            }
        }
    }

    fn network(&self, value: u64) -> u64 {
        let mask = (1u64 << self.half_bits) - 1;
        let (mut left, mut right) = (value >> self.half_bits, value & mask);
        for key in self.round_keys {
            (left, right) = (right, left ^ (mix(right ^ key) & mask));
        }
        (left << self.half_bits) | right
    }
}

/// The finaliser of `SplitMix64`: every input bit reaches every output bit.
fn mix(mut value: u64) -> u64 {
    value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_appears_once_for_every_small_length() {
        for len in (1..=130).chain([1000, 1024, 1025, 10_007]) {
            let permutation = Permutation::new(Key { seed: len, ..Key::default() }, len);
            let mut seen = vec![false; len as usize];
            for index in 0..len {
                let value = permutation.at(index) as usize;
                assert!(!std::mem::replace(&mut seen[value], true), "{value} twice at {len}");
            }
        }
    }

    #[test]
    fn another_epoch_is_another_order_without_correlation() {
        let len = 4096u64;
        let of = |epoch| Permutation::new(Key { epoch, ..Key::default() }, len);
        let (first, second) = (of(0), of(1));
        let centre = (len - 1) as f64 / 2.0;
        let covariance = |a: &dyn Fn(u64) -> u64, b: &dyn Fn(u64) -> u64| {
            (0..len).map(|i| (a(i) as f64 - centre) * (b(i) as f64 - centre)).sum::<f64>()
        };
        let variance = covariance(&|i| i, &|i| i);
        // A random permutation's correlation has standard deviation 1/sqrt(len) = 0.016.
        for (a, b) in [(&first, None), (&second, None), (&first, Some(&second))] {
            let value = covariance(&|i| a.at(i), &|i| b.map_or(i, |b| b.at(i))) / variance;
            assert!(value.abs() < 0.08, "correlation {value}");
        }
    }

    #[test]
    fn fifty_million_images_need_no_list() {
        let permutation = Permutation::new(Key { seed: 3, ..Key::default() }, 50_000_000);
        assert!((0..1000).all(|i| permutation.at(i * 49_999) < 50_000_000));
    }
}
