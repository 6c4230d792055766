//! A decoded image: 8-bit samples, rows of interleaved pixels.

/// A decoded image.
///
/// # Range
/// `pixels` holds `height * width * channels` samples of 0 to 255, row by row, the channels of a
/// pixel side by side (`[height, width, channels]`, contiguous). One channel is grey, three are
/// red, green, blue.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Image {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Samples in a pixel.
    pub channels: usize,
    /// The samples.
    pub pixels: Vec<u8>,
}

impl Image {
    /// A black image.
    pub fn new(width: usize, height: usize, channels: usize) -> Self {
        Self { width, height, channels, pixels: vec![0; width * height * channels] }
    }

    /// The samples of one pixel.
    pub fn pixel(&self, x: usize, y: usize) -> &[u8] {
        let start = (y * self.width + x) * self.channels;
        &self.pixels[start..start + self.channels]
    }

    /// The same image with 1 or 3 channels: grey is repeated, colour becomes its luma
    /// (ITU-R 601-2, as PIL's `convert("L")`: `(19595 r + 38470 g + 7471 b + 32768) >> 16`).
    #[must_use]
    pub fn with_channels(self, channels: usize) -> Self {
        let Self { width, height, .. } = self;
        let pixels = match (self.channels, channels) {
            (from, to) if from == to => self.pixels,
            (1, _) => {
                self.pixels.iter().flat_map(|&grey| std::iter::repeat_n(grey, channels)).collect()
            }
            (_, 1) => self.pixels.chunks_exact(self.channels).map(luma).collect(),
            (from, to) => unreachable!("sources give 1 or 3 channels, not {from} to {to}"),
        };
        Self { width, height, channels, pixels }
    }
}

/// The luma of a red, green, blue pixel (PIL's fixed-point form of ITU-R 601-2).
pub fn luma(rgb: &[u8]) -> u8 {
    ((u32::from(rgb[0]) * 19_595 + u32::from(rgb[1]) * 38_470 + u32::from(rgb[2]) * 7_471 + 0x8000)
        >> 16) as u8
}
