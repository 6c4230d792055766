//! Activations in memory: one strip of pixels with channels innermost and shared zero borders.
//!
//! Pixel `(image, y, x)` stands at `image·(h+1)·(w+1) + y·(w+1) + x`: each row is followed by one
//! zero pixel and each image by one row of them, which serve as the right border of one and the left
//! border of the next. A window at `(y+dy, x+dx)` with `|dx|, |dy| ≤ 1` is therefore always at
//! distance `dy·(w+1) + dx`, and what lies outside of an image reads as 0. The strip begins and ends
//! with enough zeros for reads past either end. Channels are rounded up to [`Strip::LANES`], the
//! rest zero. Vectors (`h = w = 1` for matrix products) go without borders.

#[cfg(test)]
pub(crate) mod tests;

use rayon::prelude::*;

use crate::isa::per_isa;
use crate::{Buffer, Element, Isa};

/// Values in a piece of work: 32 KiB of bf16, so that a piece of several tensors stays in the
/// second-level cache and its sums have few enough terms for f32.
const PIECE: usize = 1 << 14;

/// Pixels of a row that are turned over at a time, with [`Strip::LANES`] channels.
const BLOCK: usize = 64;

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
    ///
    /// # Panics
    /// If an image has no pixel or no channel, or all together fit no memory.
    pub fn images(batch: usize, channels: usize, height: usize, width: usize) -> Self {
        Self { batch, channels, height, width, border: 1 }.checked()
    }

    /// Rows of a matrix, without border: pixels of 1×1 images.
    ///
    /// # Panics
    /// As for [`Strip::images`].
    pub fn rows(batch: usize, channels: usize) -> Self {
        Self { batch, channels, height: 1, width: 1, border: 0 }.checked()
    }

    fn checked(self) -> Self {
        let Self { batch, channels, height, width, .. } = self;
        assert!(channels > 0 && height > 0 && width > 0, "there is nothing in {self:?}");
        // Bytes of the buffer, generously: sides with borders, both ends, channels rounded up.
        let bytes = [height + 1, width + 1, channels + 16, 8]
            .into_iter()
            .try_fold(batch + 1 + Self::OVERRUN, usize::checked_mul);
        assert!(bytes.is_some_and(|bytes| bytes < isize::MAX as usize), "{self:?} fits no memory");
        self
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

    /// Values from one row of pixels to the next, 1 where there are none.
    pub(crate) fn row_values(&self) -> usize {
        (self.row_pitch() * self.channel_pitch()).max(1)
    }

    /// Image and y of a row of the strip; `None` for a row of border.
    pub(crate) fn row_place(&self, row: usize) -> Option<(usize, usize)> {
        let (image, y) = (row / (self.height + self.border), row % (self.height + self.border));
        (y < self.height).then_some((image, y))
    }

    /// How many values of a row of the strip belong to an image; they begin the row, and the rest
    /// is border.
    pub(crate) fn inner_values(&self, row: usize) -> usize {
        if self.row_place(row).is_some() { self.width * self.channel_pitch() } else { 0 }
    }

    /// Where a pixel is in the strip.
    pub(crate) fn pixel(&self, image: usize, y: usize, x: usize) -> usize {
        image * self.image_pitch() + y * self.row_pitch() + x
    }

    /// Rows of a piece of work that needs whole rows.
    pub(crate) fn piece_rows(&self) -> usize {
        (PIECE / self.row_values()).max(1)
    }

    /// Pixels of a piece of work that sums over pixels: enough of them that the sums of the pieces
    /// are few beside the pixels.
    pub(crate) fn piece_pixels(&self) -> usize {
        (PIECE / self.channel_pitch().max(1)).max(64)
    }

    /// Images of a piece of work that needs whole images.
    fn piece_images(&self) -> usize {
        (PIECE / (self.image_pitch() * self.channel_pitch()).max(1)).max(1)
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
        let image = channels * height * width;
        assert_eq!(planes.len(), batch * image, "values of {strip:?}");
        let mut result = Self::dirty(strip);
        let pitch = (strip.image_pitch() * strip.channel_pitch()).max(1);
        result
            .pixels_mut()
            .par_chunks_mut(pitch)
            .with_min_len(strip.piece_images())
            .zip(planes.par_chunks(image.max(1)))
            .for_each(|(pixels, planes)| image_from_planes(Isa::best(), strip, planes, pixels));
        result
    }

    /// As images in planes, `[batch, channels, height, width]`.
    pub fn to_planes(&self) -> Vec<f32> {
        let strip = self.strip;
        let Strip { batch, channels, height, width, .. } = strip;
        let image = channels * height * width;
        let mut planes = vec![0.0; batch * image];
        let pitch = (strip.image_pitch() * strip.channel_pitch()).max(1);
        planes
            .par_chunks_mut(image.max(1))
            .with_min_len(strip.piece_images())
            .zip(self.pixels().par_chunks(pitch))
            .for_each(|(planes, pixels)| image_to_planes(Isa::best(), strip, pixels, planes));
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

per_isa! {
    /// One image: planes turned over in blocks of channels and pixels.
    fn image_from_planes<T: Element>(strip: Strip, planes: &[f32], pixels: &mut [T]) {
        let Strip { channels, height, width, .. } = strip;
        if height * width == 1 {
            pixels.fill(T::default());
            pixels.iter_mut().zip(planes).for_each(|(pixel, value)| *pixel = T::from_f32(*value));
            return;
        }
        let pitch = strip.channel_pitch();
        for (y, row) in pixels.chunks_mut(strip.row_values()).enumerate() {
            row[strip.inner_values(y)..].fill(T::default());
            for (x, c) in blocks(&strip, y) {
                let count = (width - x).min(BLOCK);
                let mut block = [[T::default(); BLOCK]; Strip::LANES];
                for (c, values) in (c..channels).zip(&mut block) {
                    let start = (c * height + y) * width + x;
                    for (to, from) in values.iter_mut().zip(&planes[start..start + count]) {
                        *to = T::from_f32(*from);
                    }
                }
                for (i, pixel) in row[x * pitch..].chunks_exact_mut(pitch).enumerate().take(count) {
                    for (to, values) in pixel[c..c + Strip::LANES].iter_mut().zip(&block) {
                        *to = values[i];
                    }
                }
            }
        }
    }
}

/// First pixel and channel of each block in an image's row of pixels.
fn blocks(strip: &Strip, y: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
    let width = if y < strip.height { strip.width } else { 0 };
    let pitch = strip.channel_pitch();
    (0..width)
        .step_by(BLOCK)
        .flat_map(move |x| (0..pitch).step_by(Strip::LANES).map(move |c| (x, c)))
}

per_isa! {
    /// The way back of [`image_from_planes`].
    fn image_to_planes<T: Element>(strip: Strip, pixels: &[T], planes: &mut [f32]) {
        let Strip { channels, height, width, .. } = strip;
        if height * width == 1 {
            planes.iter_mut().zip(pixels).for_each(|(value, pixel)| *value = pixel.to_f32());
            return;
        }
        let pitch = strip.channel_pitch();
        for (y, row) in pixels.chunks(strip.row_values()).enumerate() {
            for (x, c) in blocks(&strip, y) {
                let count = (width - x).min(BLOCK);
                for c in c..channels.min(c + Strip::LANES) {
                    let start = (c * height + y) * width + x;
                    let pixels = row[x * pitch..].chunks_exact(pitch);
                    for (to, pixel) in planes[start..start + count].iter_mut().zip(pixels) {
                        *to = pixel[c].to_f32();
                    }
                }
            }
        }
    }
}

impl<T: Element> Clone for Activation<T> {
    fn clone(&self) -> Self {
        let mut data = Buffer::dirty(self.data.len());
        data.copy_from_slice(&self.data);
        Self { strip: self.strip, data }
    }
}
