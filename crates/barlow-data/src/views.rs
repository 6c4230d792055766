//! One image to its views: random distortions that keep what the image shows.
//!
//! The operations run in the official order: random crop and resize, mirrors and quarter turns,
//! colour jitter, grey, blur, solarise, equalise, pixel shuffle, normalise, erase. 8-bit images of 1
//! or 3 channels at their full range stay 8-bit on the way, and each operation does what Pillow and
//! torchvision do, bit for bit, so that published settings mean here what they meant there; the
//! tests hold every operation to values that those libraries made. All other images take the same
//! way in f32 (`deep`). What is random is drawn first, into [`ViewParameters`], as a pure function
//! of a [`ViewKey`]; applying them is a pure function of image and parameters. No result depends on
//! threads, on other samples, or on what a [`Scratch`] was used for before.
//!
//! Views never see a tensor: they end as plain `[c, h, w]` f32 slices.

mod blur;
mod bytes;
mod config;
mod crop;
mod deep;
mod equalize;
mod erase;
mod filter;
mod geometry;
mod jitter;
mod mix;
mod neighbour_sheet;
mod normalise;
mod parameters;
mod range;
mod reduced;
mod resize;
mod sheet;
mod shuffle;
#[cfg(test)]
mod tests;
mod tone;
mod view_config;

pub use config::{ViewConfigError, ViewPipelineConfig, ViewProblem};
pub use crop::CropBox;
pub use jitter::{Jitter, JitterOperation};
pub use mix::MixParameters;
pub use neighbour_sheet::{NeighbourRow, neighbour_sheet};
pub use parameters::{ViewKey, ViewParameters};
pub use range::{RangeConfig, SampleRange};
pub use sheet::{SheetRow, contact_sheet};
pub use shuffle::PixelShuffle;
pub use view_config::ViewConfig;

use crate::decode::ImageError;
use crate::{DecodedImage, Image};
use bytes::ByteScratch;
use deep::{DeepScratch, Resizing};
use filter::Filter;
use normalise::Normalise;
use range::RangeScratch;
use reduced::Part;

/// Buffers that the views of one thread are made in, kept from image to image.
#[derive(Debug, Default)]
pub struct Scratch {
    bytes: ByteScratch,
    deep: DeepScratch,
    range: RangeScratch,
}

/// Which buffer of the scratch a view was left in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// `bytes.view`, `[h, w, c]`, 0 to 255.
    Bytes,
    /// `deep.view`, `[c, h, w]`, 0 to 1.
    Deep,
}

/// Makes views of images.
///
/// Images must have the channels of the views, or be grey where views are colour (each sample is
/// repeated), or colour where views are grey (they become their luma); see [`Self::check`].
#[derive(Debug, Clone)]
pub struct ViewPipeline {
    config: ViewPipelineConfig,
    normalise: Normalise,
}

impl ViewPipeline {
    /// # Errors
    /// If a setting is out of its range; the error lists all such settings.
    pub fn new(config: ViewPipelineConfig) -> Result<Self, ViewConfigError> {
        let problems = config.problems();
        if !problems.is_empty() {
            return Err(ViewConfigError { problems });
        }
        let normalise = Normalise::new(&config.mean, &config.std);
        Ok(Self { config, normalise })
    }

    /// The settings.
    pub fn config(&self) -> &ViewPipelineConfig {
        &self.config
    }

    /// Views of every image.
    pub fn views(&self) -> usize {
        self.config.views.len()
    }

    /// Channels, height and width of a view.
    ///
    /// # Panics
    /// If there is no such view.
    pub fn shape(&self, view: usize) -> [usize; 3] {
        assert!(view < self.views(), "view {view} of {}", self.views());
        let side = self.config.views[view].image_size.unwrap_or(self.config.image_size);
        [self.config.channels, side, side]
    }

    /// Channels, height and width of the evaluation view.
    pub fn evaluation_shape(&self) -> [usize; 3] {
        [self.config.channels, self.config.image_size, self.config.image_size]
    }

    /// Whether an image has channels that views can be made of.
    ///
    /// # Errors
    /// [`ImageError::Channels`] if not.
    pub fn check(&self, image: &DecodedImage) -> Result<(), ImageError> {
        let (found, wanted) = (image.channels(), self.config.channels);
        if found == wanted || matches!((found, wanted), (1, 3) | (3, 1)) {
            return Ok(());
        }
        Err(ImageError::Channels { found, wanted })
    }

    /// The samples of an image that become 0 and 1. Percentiles take a pass over all samples, so
    /// who makes several views of an image asks once, for [`Self::render_in`].
    pub fn range(&self, image: &DecodedImage, scratch: &mut Scratch) -> SampleRange {
        self.config.range.of(image, &mut scratch.range)
    }

    /// Draws view `key.view` of an image.
    ///
    /// # Panics
    /// If there is no such view, or the image has no pixel.
    pub fn draw(&self, key: ViewKey, image: &DecodedImage) -> ViewParameters {
        let shape = self.shape(key.view);
        self.config.views[key.view].draw(key, [image.width(), image.height()], shape)
    }

    /// Makes view `view` as it was drawn, before normalising: 8-bit, or 0 to 1 where 8 bits do not
    /// hold it. What is erased has the mean.
    ///
    /// # Panics
    /// If there is no such view, the crop is not inside the image, or [`Self::check`] fails.
    pub fn apply(
        &self,
        image: &DecodedImage,
        view: usize,
        parameters: &ViewParameters,
        scratch: &mut Scratch,
    ) -> DecodedImage {
        let range = self.range(image, scratch);
        let part = Part::whole(image);
        let depth = self.make_view(part, range, view, parameters, scratch);
        let mut made = Self::take_view(depth, self.shape(view), scratch);
        if let Some(area) = parameters.erase {
            erase::erase_to_mean(&mut made, area, &self.config.mean);
        }
        made
    }

    /// Draws view `key.view`, makes it and normalises it into `out`.
    ///
    /// # Shapes
    /// `out`: `[c, h, w]`, contiguous, as [`Self::shape`] says.
    ///
    /// # Range
    /// `(v - mean) / std` per channel, where `v` is 0 to 1: `level / 255` on 8-bit images.
    ///
    /// # Panics
    /// If there is no such view, the image has no pixel, [`Self::check`] fails, or `out` has another
    /// length.
    pub fn render(
        &self,
        image: &DecodedImage,
        key: ViewKey,
        scratch: &mut Scratch,
        out: &mut [f32],
    ) {
        let range = self.range(image, scratch);
        self.render_in(image, range, key, scratch, out);
    }

    /// [`Self::render`] for an image whose [`Self::range`] is known.
    ///
    /// # Panics
    /// As [`Self::render`].
    pub fn render_in(
        &self,
        image: &DecodedImage,
        range: SampleRange,
        key: ViewKey,
        scratch: &mut Scratch,
        out: &mut [f32],
    ) {
        self.render_part(Part::whole(image), range, key, scratch, out);
    }

    fn render_part(
        &self,
        part: Part<'_>,
        range: SampleRange,
        key: ViewKey,
        scratch: &mut Scratch,
        out: &mut [f32],
    ) {
        let shape = self.shape(key.view);
        let parameters = self.config.views[key.view].draw(key, part.whole_size, shape);
        let depth = self.make_view(part, range, key.view, &parameters, scratch);
        self.normalise_into(depth, scratch, out);
        if let Some(area) = parameters.erase {
            let [_, height, width] = self.shape(key.view);
            erase::erase(out, [height, width], area);
        }
    }

    /// The view without randomness, before normalising: shorter side to `resize`, then the centre
    /// square; 8-bit, or 0 to 1 where 8 bits do not hold it.
    ///
    /// # Source
    /// torchvision's `Resize` (bilinear, on Pillow images) and `CenterCrop`.
    ///
    /// # Panics
    /// If the image has no pixel, or [`Self::check`] fails.
    pub fn evaluation(&self, image: &DecodedImage, scratch: &mut Scratch) -> DecodedImage {
        let depth = self.make_evaluation(image, scratch);
        Self::take_view(depth, self.evaluation_shape(), scratch)
    }

    /// The evaluation view, normalised into `out`.
    ///
    /// # Shapes
    /// `out`: `[c, h, w]`, contiguous, as [`Self::evaluation_shape`] says.
    ///
    /// # Panics
    /// If the image has no pixel, [`Self::check`] fails, or `out` has another length.
    pub fn render_evaluation(&self, image: &DecodedImage, scratch: &mut Scratch, out: &mut [f32]) {
        let depth = self.make_evaluation(image, scratch);
        self.normalise_into(depth, scratch, out);
    }

    /// All of an image with 8 bits a sample, for showing it: 0 and 255 are the ends of its range.
    pub fn original(&self, image: &DecodedImage, scratch: &mut Scratch) -> Image {
        match image {
            DecodedImage::U8(image) if self.config.range == RangeConfig::Full => image.clone(),
            _ => deep::to_8_bit(image, self.range(image, scratch)),
        }
    }

    /// The image, where 8 bits hold it on its whole way.
    fn bytes<'a>(&self, image: &'a DecodedImage) -> Option<&'a Image> {
        match image {
            DecodedImage::U8(image) if self.is_plain() => Some(image),
            _ => None,
        }
    }

    /// Whether views of 8-bit images are made with 8 bits.
    fn is_plain(&self) -> bool {
        self.config.range == RangeConfig::Full && matches!(self.config.channels, 1 | 3)
    }

    /// Leaves the view in the scratch.
    fn make_view(
        &self,
        part: Part<'_>,
        range: SampleRange,
        view: usize,
        parameters: &ViewParameters,
        scratch: &mut Scratch,
    ) -> Depth {
        let Part { image, whole_size: [image_width, image_height], divisor } = part;
        let CropBox { left, top, width, height } = parameters.crop;
        assert!(
            width > 0 && height > 0 && left + width <= image_width && top + height <= image_height,
            "the crop {:?} is not inside an image of {image_width} by {image_height}",
            parameters.crop,
        );
        self.assert_channels(image);
        let [channels, side, _] = self.shape(view);
        if let Some(image) = self.bytes(image) {
            bytes::make(image, divisor, parameters, [channels, side], &mut scratch.bytes);
            return Depth::Bytes;
        }
        assert_eq!(divisor, 1, "only views of 8 bits are made of reduced images");
        deep::make(image, range, parameters, [channels, side], &mut scratch.deep);
        Depth::Deep
    }

    /// Leaves the evaluation view in the scratch.
    fn make_evaluation(&self, image: &DecodedImage, scratch: &mut Scratch) -> Depth {
        let [_, height, width] = image.shape();
        assert!(width > 0 && height > 0, "an image of {width} by {height} has no view");
        self.assert_channels(image);
        let (size, channels) = (self.config.image_size, self.config.channels);
        let shorter = self.config.resize.unwrap_or(size);
        let longer =
            |long: usize, short: usize| (shorter as f64 * long as f64 / short as f64) as usize;
        let to = if width <= height {
            [shorter, longer(height, width)]
        } else {
            [longer(width, height), shorter]
        };
        let area = CropBox { left: 0, top: 0, width, height };
        let (filter, window) = (Filter::Bilinear, CropBox::centre(to, size));
        let order = self.config.evaluation_shuffle.map(shuffle::fixed);
        if let Some(image) = self.bytes(image) {
            bytes::resized(image, area, channels, filter, to, window, &mut scratch.bytes);
            if let Some(number) = order {
                bytes::shuffle_pixels(&mut scratch.bytes.view, channels, number);
            }
            return Depth::Bytes;
        }
        let range = self.range(image, scratch);
        let resizing = Resizing { filter, to, window };
        deep::resized(image, range, area, channels, resizing, &mut scratch.deep);
        if let Some(number) = order {
            for plane in scratch.deep.view.chunks_exact_mut(size * size) {
                shuffle::shuffle(plane, number);
            }
        }
        Depth::Deep
    }

    fn assert_channels(&self, image: &DecodedImage) {
        assert!(
            self.check(image).is_ok(),
            "an image of {} channels has no view of {}",
            image.channels(),
            self.config.channels,
        );
    }

    fn normalise_into(&self, depth: Depth, scratch: &Scratch, out: &mut [f32]) {
        let (bytes, deep) = (&scratch.bytes.view, &scratch.deep.view);
        let len = if depth == Depth::Bytes { bytes.len() } else { deep.len() };
        assert_eq!(out.len(), len, "`out` must hold one view");
        match depth {
            Depth::Bytes => self.normalise.run(bytes, out),
            Depth::Deep => deep::normalise(deep, &self.config.mean, &self.config.std, out),
        }
    }

    fn take_view(depth: Depth, shape: [usize; 3], scratch: &mut Scratch) -> DecodedImage {
        let [channels, height, width] = shape;
        match depth {
            Depth::Bytes => {
                let pixels = std::mem::take(&mut scratch.bytes.view);
                DecodedImage::U8(Image { width, height, channels, pixels })
            }
            Depth::Deep => DecodedImage::F32(deep::interleaved(&scratch.deep.view, shape)),
        }
    }
}
