//! Damaged copies of a file, drawn by a seed: what storage, networks and attackers do to bytes.

use crate::finalise;

/// Draws numbers from a seed: the counter generator behind [`fill`](crate::fill).
#[derive(Debug)]
struct Draws {
    state: u64,
}

impl Draws {
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        finalise(self.state)
    }

    /// A number below `end`, 0 where that is 0.
    fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { (self.next() % end as u64) as usize }
    }

    /// A place for `length` bytes or fewer among `available`.
    fn range(&mut self, available: usize, length: usize) -> std::ops::Range<usize> {
        let length = length.min(available);
        let start = self.below(available - length + 1);
        start..start + length
    }
}

/// A damaged copy of `original`, with one to four of: a bit flipped, bytes set to extreme values,
/// bytes deleted, inserted, doubled, taken from elsewhere in the file, the end cut off.
///
/// The same seed and bytes give the same copy. Copies are at most 256 bytes longer.
pub fn mutated(original: &[u8], seed: u64) -> Vec<u8> {
    const MOST_INSERTED: usize = 64;
    let mut draws = Draws { state: seed };
    let mut bytes = original.to_vec();
    for _ in 0..=draws.below(4) {
        if bytes.is_empty() {
            break;
        }
        // Headers are where a change does most: half of all changes are among the first bytes.
        let reach = if draws.below(2) == 0 { bytes.len().min(128) } else { bytes.len() };
        let length = 1 + draws.below(MOST_INSERTED);
        match draws.below(7) {
            0 => bytes[draws.below(reach)] ^= 1 << draws.below(8),
            1 => overwrite_with_extremes(&mut bytes, reach, &mut draws),
            2 => drop(bytes.drain(draws.range(reach, length))),
            3 => {
                let at = draws.below(reach);
                let inserted: Vec<u8> = (0..length).map(|_| draws.next() as u8).collect();
                bytes.splice(at..at, inserted);
            }
            4 => {
                let doubled = bytes[draws.range(reach, length)].to_vec();
                let at = draws.below(reach);
                bytes.splice(at..at, doubled);
            }
            5 => {
                let taken = original[draws.range(original.len(), length)].to_vec();
                let place = draws.range(reach, taken.len());
                let length = place.len();
                bytes[place].copy_from_slice(&taken[..length]);
            }
            _ => bytes.truncate(draws.below(bytes.len())),
        }
    }
    bytes
}

/// 1, 2, 4 or 8 bytes of zeros, ones, or a limit of a number with or without sign.
fn overwrite_with_extremes(bytes: &mut [u8], reach: usize, draws: &mut Draws) {
    let length = 1 << draws.below(4);
    let place = draws.range(reach, length);
    let (first, others) = [(0, 0), (0xff, 0xff), (0x7f, 0xff), (0x80, 0), (0, 1)][draws.below(5)];
    let is_little_endian = draws.below(2) == 0;
    let length = place.len();
    for (i, byte) in bytes[place].iter_mut().enumerate() {
        let is_first = if is_little_endian { i + 1 == length } else { i == 0 };
        *byte = if is_first { first } else { others };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_stands_for_one_copy_and_seeds_differ() {
        let original: Vec<u8> = (0..=255).collect();
        let copies: std::collections::BTreeSet<Vec<u8>> =
            (0..1000).map(|seed| mutated(&original, seed)).collect();
        assert!(copies.len() > 950, "{} of 1000 copies differ", copies.len());
        assert_eq!(mutated(&original, 7), mutated(&original, 7));
        assert!(copies.iter().all(|copy| copy.len() <= original.len() + 256));
        assert!(mutated(&[], 7).is_empty());
    }
}
