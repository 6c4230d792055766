//! Decoded images: rows of interleaved pixels, with samples as deep as the file has them.

use std::borrow::Cow;

/// An image.
///
/// # Range
/// `pixels` holds `height * width * channels` samples, row by row, the channels of a pixel side by
/// side (`[height, width, channels]`, contiguous). One channel is grey, three are red, green, blue,
/// any other number is what the file's maker meant by it; alpha is never among them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Image<T = u8> {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Samples in a pixel.
    pub channels: usize,
    /// The samples.
    pub pixels: Vec<T>,
}

/// An image with samples as deep as its file has them.
#[derive(Debug, Clone, PartialEq)]
pub enum DecodedImage {
    /// 0 to 255.
    U8(Image),
    /// 0 to 65,535.
    U16(Image<u16>),
    /// Finite numbers of any range.
    F32(Image<f32>),
}

impl<T: Copy + Default> Image<T> {
    /// A black image.
    pub fn new(width: usize, height: usize, channels: usize) -> Self {
        Self { width, height, channels, pixels: vec![T::default(); width * height * channels] }
    }

    /// The samples of one pixel.
    pub fn pixel(&self, x: usize, y: usize) -> &[T] {
        let start = (y * self.width + x) * self.channels;
        &self.pixels[start..start + self.channels]
    }

    /// The same places with other samples.
    pub(crate) fn map<U>(&self, sample: impl Fn(T) -> U) -> Image<U> {
        let Self { width, height, channels, .. } = *self;
        Image { width, height, channels, pixels: self.pixels.iter().map(|&v| sample(v)).collect() }
    }
}

impl DecodedImage {
    /// Pixels in a row.
    pub fn width(&self) -> usize {
        self.shape()[2]
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.shape()[1]
    }

    /// Samples in a pixel.
    pub fn channels(&self) -> usize {
        self.shape()[0]
    }

    /// Channels, rows, pixels in a row.
    pub fn shape(&self) -> [usize; 3] {
        match self {
            Self::U8(Image { width, height, channels, .. })
            | Self::U16(Image { width, height, channels, .. })
            | Self::F32(Image { width, height, channels, .. }) => [*channels, *height, *width],
        }
    }

    /// With 8 bits a sample, for showing it: the high byte of 16, and 0 to 1 of numbers.
    pub fn to_8_bit(&self) -> Cow<'_, Image> {
        match self {
            Self::U8(image) => Cow::Borrowed(image),
            Self::U16(image) => Cow::Owned(image.map(|v| (v >> 8) as u8)),
            Self::F32(image) => Cow::Owned(image.map(|v| (v * 255.0 + 0.5) as u8)),
        }
    }
}

impl From<Image> for DecodedImage {
    fn from(image: Image) -> Self {
        Self::U8(image)
    }
}

impl Image {
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
