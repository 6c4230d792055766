//! Where the samples of blocks go.

use super::LANES;

/// Lines of samples at a constant distance.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    samples: &'a mut [u8],
    pitch: usize,
}

impl<'a> Lines<'a> {
    /// `count` lines of `length` samples, each `pitch` after the one before.
    ///
    /// # Panics
    /// If the last does not end within `samples`, or lines overlap.
    pub(super) fn new(samples: &'a mut [u8], pitch: usize, count: usize, length: usize) -> Self {
        let end = (count - 1) * pitch + length;
        assert!(end <= samples.len() && length <= pitch, "{count} lines of {length} by {pitch}");
        Self { samples, pitch }
    }

    /// The place of a line for the samples of a group's blocks, `SIDE` of each, from block `first` on.
    #[inline(always)]
    pub(super) fn place<const SIDE: usize>(
        &mut self,
        y: usize,
        first: usize,
    ) -> &mut [[u8; SIDE]; LANES] {
        let line = &mut self.samples[y * self.pitch + first * SIDE..][..LANES * SIDE];
        line.as_chunks_mut().0.as_mut_array().expect("as many blocks as there are lanes")
    }
}
