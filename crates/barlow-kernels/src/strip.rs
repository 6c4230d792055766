//! Activations in memory: one strip of pixels with channels innermost and shared zero borders.
//!
//! Pixel `(image, y, x)` stands at `image·(h+1)·(w+1) + y·(w+1) + x`: each row is followed by one
//! zero pixel and each image by one row of them, which serve as the right border of one and the left
//! border of the next. A window at `(y+dy, x+dx)` with `|dx|, |dy| ≤ 1` is therefore always at
//! distance `dy·(w+1) + dx`, and what lies outside of an image reads as 0. The strip begins and ends
//! with enough zeros for reads past either end. Channels are rounded up to [`Strip::LANES`], the
//! rest zero. Vectors (`h = w = 1` for matrix products) go without borders.

use crate::{Buffer, Element};

/// The shape of an [`Activation`] and where its pixels are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Strip {
    /// Images.
    pub batch: usize,
    /// Channels.
    pub channels: usize,
    /// Pixels from top to bottom.
    pub height: usize,
    /// Pixels from left to right.
    pub width: usize,
    border: usize,
}

impl Strip {
    /// Channels are stored in multiples of this.
    pub const LANES: usize = 16;

    /// Pixels that a kernel may compute or read past the last one.
    pub(crate) const OVERRUN: usize = 128;

    /// Images with a zero border of one pixel.
    pub fn images(batch: usize, channels: usize, height: usize, width: usize) -> Self {
        Self { batch, channels, height, width, border: 1 }
    }

    /// Rows of a matrix, without border: pixels of 1×1 images.
    pub fn rows(batch: usize, channels: usize) -> Self {
        Self { batch, channels, height: 1, width: 1, border: 0 }
    }

    /// Channels as stored.
    pub fn channel_pitch(&self) -> usize {
        self.channels.next_multiple_of(Self::LANES)
    }

    /// Pixels from one row to the next.
    pub fn row_pitch(&self) -> usize {
        self.width + self.border
    }

    /// Pixels from one image to the next.
    pub fn image_pitch(&self) -> usize {
        (self.height + self.border) * self.row_pitch()
    }

    /// Pixels of the strip, borders within it included.
    pub fn pixels(&self) -> usize {
        self.batch * self.image_pitch()
    }

    /// Pixels that belong to images, those that statistics count.
    pub fn inner_pixels(&self) -> usize {
        self.batch * self.height * self.width
    }

    /// Zero pixels before the first one, enough for the window up and left of it.
    pub(crate) fn lead(&self) -> usize {
        (self.row_pitch() + 1) * self.border
    }

    /// Where the first pixel's first channel is in the buffer, a multiple of 32.
    pub(crate) fn origin(&self) -> usize {
        (self.lead() * self.channel_pitch()).next_multiple_of(32)
    }

    /// Values in the buffer.
    pub(crate) fn len(&self) -> usize {
        self.origin() + (self.pixels() + self.lead() + Self::OVERRUN) * self.channel_pitch()
    }

    /// For the pixels of one image, whether they are inside (not border); length
    /// [`Strip::image_pitch`].
    pub(crate) fn inside(&self) -> Vec<bool> {
        let pitch = self.row_pitch();
        (0..self.image_pitch()).map(|p| p % pitch < self.width && p / pitch < self.height).collect()
    }

    /// The same places with other channels.
    pub(crate) fn with_channels(&self, channels: usize) -> Self {
        Self { channels, ..*self }
    }
}

/// Values in the places of a [`Strip`]; all others (borders, ends, spare channels) are 0.
#[derive(Debug)]
pub struct Activation<T> {
    strip: Strip,
    data: Buffer<T>,
}

impl<T: Element> Activation<T> {
    /// All zeros.
    pub fn zeroed(strip: Strip) -> Self {
        Self { strip, data: Buffer::zeroed(strip.len()) }
    }

    /// Zeros before and after the strip, anything in it: the caller must write every pixel, and 0
    /// to borders and spare channels.
    pub(crate) fn dirty(strip: Strip) -> Self {
        let mut data = Buffer::dirty(strip.len());
        let start = strip.origin();
        let end = start + strip.pixels() * strip.channel_pitch();
        data[..start].fill(T::default());
        data[end..].fill(T::default());
        Self { strip, data }
    }

    /// From images in planes, `[batch, channels, height, width]`.
    ///
    /// # Panics
    /// If the number of values is not that of the strip.
    pub fn from_planes(strip: Strip, planes: &[f32]) -> Self {
        let Strip { batch, channels, height, width, .. } = strip;
        assert_eq!(planes.len(), batch * channels * height * width, "values of {strip:?}");
        let mut result = Self::zeroed(strip);
        let (row, image, pitch) = (strip.row_pitch(), strip.image_pitch(), strip.channel_pitch());
        let pixels = result.pixels_mut();
        for (index, plane) in planes.chunks_exact((height * width).max(1)).enumerate() {
            let (n, c) = (index / channels, index % channels);
            for y in 0..height {
                for x in 0..width {
                    let at = (n * image + y * row + x) * pitch + c;
                    pixels[at] = T::from_f32(plane[y * width + x]);
                }
            }
        }
        result
    }

    /// As images in planes, `[batch, channels, height, width]`.
    pub fn to_planes(&self) -> Vec<f32> {
        let Strip { batch, channels, height, width, .. } = self.strip;
        let strip = self.strip;
        let (row, image, pitch) = (strip.row_pitch(), strip.image_pitch(), strip.channel_pitch());
        let pixels = self.pixels();
        let mut planes = Vec::with_capacity(batch * channels * height * width);
        for n in 0..batch {
            for c in 0..channels {
                for y in 0..height {
                    for x in 0..width {
                        planes.push(pixels[(n * image + y * row + x) * pitch + c].to_f32());
                    }
                }
            }
        }
        planes
    }

    /// Where the values are.
    pub fn strip(&self) -> Strip {
        self.strip
    }

    /// The pixels of the strip, [`Strip::channel_pitch`] values each.
    pub fn pixels(&self) -> &[T] {
        let start = self.strip.origin();
        &self.data[start..start + self.strip.pixels() * self.strip.channel_pitch()]
    }

    /// As [`Activation::pixels`]; whoever writes keeps borders and spare channels at 0.
    pub(crate) fn pixels_mut(&mut self) -> &mut [T] {
        let start = self.strip.origin();
        let end = start + self.strip.pixels() * self.strip.channel_pitch();
        &mut self.data[start..end]
    }

    /// The whole buffer; the first pixel is at [`Strip::origin`].
    pub(crate) fn buffer(&self) -> &[T] {
        &self.data
    }
}

impl<T: Element> Clone for Activation<T> {
    fn clone(&self) -> Self {
        let mut data = Buffer::dirty(self.data.len());
        data.copy_from_slice(&self.data);
        Self { strip: self.strip, data }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_come_back_as_they_went_in_with_zero_borders() {
        for strip in [Strip::images(2, 3, 4, 5), Strip::images(1, 17, 1, 1), Strip::rows(3, 40)] {
            let count = strip.inner_pixels() * strip.channels;
            let planes: Vec<f32> = (0..count).map(|i| 1.0 + (i % 200) as f32).collect();
            let activation = Activation::<crate::bf16>::from_planes(strip, &planes);
            assert_eq!(activation.to_planes(), planes);
            let sum: f32 = activation.buffer().iter().map(|v| v.to_f32()).sum();
            assert!((sum - planes.iter().sum::<f32>()).abs() < 0.5, "{strip:?}: zeros elsewhere");
        }
    }
}
