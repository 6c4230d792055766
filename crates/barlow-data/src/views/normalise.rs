//! 8-bit interleaved pixels to standardised f32 planes.

use barlow_kernels::Isa;
use barlow_kernels::view::standardise;

/// Mean and standard deviation per channel.
#[derive(Debug, Clone)]
pub(super) struct Normalise {
    mean: Vec<f32>,
    std: Vec<f32>,
}

impl Normalise {
    pub(super) fn new(mean: &[f32], std: &[f32]) -> Self {
        Self { mean: mean.to_vec(), std: std.to_vec() }
    }

    /// `[h, w, c]` samples to `[c, h, w]` values `(v / 255 - mean) / std`, with 1 or 3 channels.
    ///
    /// # Numerics
    /// f32 in the order of torchvision's `ToTensor` and `Normalize`, so equal bit for bit.
    pub(super) fn run(&self, pixels: &[u8], out: &mut [f32]) {
        standardise(Isa::best(), pixels, &self.mean, &self.std, out);
    }
}
