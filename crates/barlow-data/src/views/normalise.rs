//! 8-bit interleaved pixels to standardised f32 planes.

/// Per channel, the value of each of the 256 levels: `(v / 255 - mean) / std`.
#[derive(Debug, Clone)]
pub(super) struct Normalise {
    tables: Vec<[f32; 256]>,
}

impl Normalise {
    /// # Numerics
    /// f32 in the order of torchvision's `ToTensor` and `Normalize`, so equal bit for bit.
    pub(super) fn new(mean: &[f32], std: &[f32]) -> Self {
        let tables = mean
            .iter()
            .zip(std)
            .map(|(mean, std)| std::array::from_fn(|v| (v as f32 / 255.0 - mean) / std))
            .collect();
        Self { tables }
    }

    /// `[h, w, c]` samples to `[c, h, w]` values.
    pub(super) fn run(&self, pixels: &[u8], out: &mut [f32]) {
        let channels = self.tables.len();
        let plane = pixels.len() / channels;
        for (channel, (table, out)) in
            self.tables.iter().zip(out.chunks_exact_mut(plane)).enumerate()
        {
            for (value, pixel) in out.iter_mut().zip(pixels.chunks_exact(channels)) {
                *value = table[usize::from(pixel[channel])];
            }
        }
    }
}
