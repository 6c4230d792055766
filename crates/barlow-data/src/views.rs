//! One image to its views: random distortions that keep what the image shows.
//!
//! The operations run in the official order on 8-bit images: random crop and resize, mirror, colour
//! jitter, grey, blur, solarise, normalise. Each does what Pillow and torchvision do, bit for bit,
//! so that published settings mean here what they meant there; the tests hold every operation to
//! values that those libraries made. What is random is drawn first, into [`ViewParameters`], as a
//! pure function of a [`ViewKey`]; applying them is a pure function of image and parameters. No
//! result depends on threads, on other samples, or on what a [`Scratch`] was used for before.
//!
//! Views never see a tensor: they end as plain `[c, h, w]` f32 slices.

mod blur;
mod crop;
mod jitter;
mod normalise;
mod parameters;
mod resize;
mod sheet;
#[cfg(test)]
mod tests;
mod tone;

use serde::{Deserialize, Serialize};

pub use crop::CropBox;
pub use jitter::{Jitter, JitterOperation};
pub use parameters::{ViewConfig, ViewKey, ViewParameters, ViewProblem};
pub use sheet::{SheetRow, contact_sheet};

use crate::Image;
use blur::BlurScratch;
use normalise::Normalise;
use resize::{Filter, Region, ResizeScratch};

/// Everything that makes views of images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewPipelineConfig {
    /// Side of every view, and of the evaluation view, in pixels; 1 or more.
    pub image_size: usize,
    /// Channels of every view, 1 or 3; images with others are converted.
    pub channels: usize,
    /// Mean per channel that is taken away, on a scale where samples are 0 to 1.
    pub mean: Vec<f32>,
    /// Standard deviation per channel that is divided by, on the same scale; above 0.
    pub std: Vec<f32>,
    /// Shorter side of the evaluation image before its centre crop; `image_size` or more, which is
    /// also the default.
    pub resize: Option<usize>,
    /// One distribution per view, up to 256.
    pub views: Vec<ViewConfig>,
}

impl ViewPipelineConfig {
    /// Everything that is wrong with these settings.
    pub fn problems(&self) -> Vec<ViewProblem> {
        let mut problems = Vec::new();
        let mut check = |is_right: bool, key: &str, value: &dyn std::fmt::Debug, allowed| {
            if !is_right {
                problems.push(ViewProblem {
                    key: key.into(),
                    value: format!("{value:?}"),
                    allowed,
                });
            }
        };
        let sides = 1..=1 << 14;
        check(sides.contains(&self.image_size), "image_size", &self.image_size, "1 to 16384");
        check(matches!(self.channels, 1 | 3), "channels", &self.channels, "1 or 3");
        let is_mean = self.mean.len() == self.channels && self.mean.iter().all(|m| m.is_finite());
        check(is_mean, "mean", &self.mean, "one finite number per channel");
        let is_std =
            self.std.len() == self.channels && self.std.iter().all(|&s| s > 0.0 && s.is_finite());
        check(is_std, "std", &self.std, "one number above 0 per channel");
        if let Some(resize) = self.resize {
            let is_resize = resize >= self.image_size && sides.contains(&resize);
            check(is_resize, "resize", &resize, "image_size to 16384");
        }
        check(self.views.len() <= 256, "views", &self.views.len(), "at most 256 views");
        for (number, view) in self.views.iter().enumerate() {
            problems.extend(view.problems(&format!("views.{number}")));
        }
        problems
    }
}

/// Settings of the views that cannot be used, all of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the views cannot be made: {}", list(.problems))]
pub struct ViewConfigError {
    /// What is wrong, at least one.
    pub problems: Vec<ViewProblem>,
}

fn list(problems: &[ViewProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Buffers that the views of one thread are made in, kept from image to image.
#[derive(Debug, Default)]
pub struct Scratch {
    converted: Vec<u8>,
    view: Vec<u8>,
    resize: ResizeScratch,
    blur: BlurScratch,
}

/// Makes views of images.
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
        self.evaluation_shape()
    }

    /// Channels, height and width of the evaluation view.
    pub fn evaluation_shape(&self) -> [usize; 3] {
        [self.config.channels, self.config.image_size, self.config.image_size]
    }

    /// Draws view `key.view` of an image of `width` by `height` pixels.
    ///
    /// # Panics
    /// If there is no such view, or the image has no pixel.
    pub fn draw(&self, key: ViewKey, width: usize, height: usize) -> ViewParameters {
        self.config.views[key.view].draw(key, width, height)
    }

    /// Makes the view that was drawn, 8-bit, before normalising.
    ///
    /// # Panics
    /// If the crop is not inside the image.
    pub fn apply(
        &self,
        image: &Image,
        parameters: &ViewParameters,
        scratch: &mut Scratch,
    ) -> Image {
        self.make_view(image, parameters, scratch);
        self.take_view(scratch)
    }

    /// Draws view `key.view`, makes it and normalises it into `out`.
    ///
    /// # Shapes
    /// `out`: `[c, h, w]`, contiguous, as [`Self::shape`] says.
    ///
    /// # Range
    /// `(v / 255 - mean) / std` per channel.
    ///
    /// # Panics
    /// If there is no such view, the image has no pixel, or `out` has another length.
    pub fn render(&self, image: &Image, key: ViewKey, scratch: &mut Scratch, out: &mut [f32]) {
        let parameters = self.draw(key, image.width, image.height);
        self.make_view(image, &parameters, scratch);
        self.normalise_into(&scratch.view, out);
    }

    /// The view without randomness: shorter side to `resize`, then the centre square, 8-bit.
    ///
    /// # Source
    /// torchvision's `Resize` (bilinear, on Pillow images) and `CenterCrop`.
    ///
    /// # Panics
    /// If the image has no pixel.
    pub fn evaluation(&self, image: &Image, scratch: &mut Scratch) -> Image {
        self.make_evaluation(image, scratch);
        self.take_view(scratch)
    }

    /// The evaluation view, normalised into `out`.
    ///
    /// # Shapes
    /// `out`: `[c, h, w]`, contiguous, as [`Self::evaluation_shape`] says.
    ///
    /// # Panics
    /// If the image has no pixel, or `out` has another length.
    pub fn render_evaluation(&self, image: &Image, scratch: &mut Scratch, out: &mut [f32]) {
        self.make_evaluation(image, scratch);
        self.normalise_into(&scratch.view, out);
    }

    /// Leaves the view in `scratch.view`.
    fn make_view(&self, image: &Image, parameters: &ViewParameters, scratch: &mut Scratch) {
        let CropBox { left, top, width, height } = parameters.crop;
        assert!(
            width > 0 && height > 0 && left + width <= image.width && top + height <= image.height,
            "the crop {:?} is not inside an image of {} by {}",
            parameters.crop,
            image.width,
            image.height,
        );
        let (channels, size) = (self.config.channels, self.config.image_size);
        let Scratch { converted, view, resize: buffers, blur: blur_buffers } = scratch;
        let region = self.region(image, parameters.crop, converted);
        let whole = CropBox { left: 0, top: 0, width: size, height: size };
        resize::resize(region, Filter::Bicubic, [size, size], whole, buffers, view);
        if parameters.flip {
            tone::flip(view, size, channels);
        }
        if let Some(jitter) = &parameters.jitter {
            jitter.apply(view, channels);
        }
        if parameters.grayscale {
            tone::grayscale(view, channels);
        }
        if let Some(sigma) = parameters.blur_sigma {
            blur::blur(view, [size, size], channels, sigma, blur_buffers);
        }
        if parameters.solarize {
            tone::solarize(view);
        }
    }

    /// Leaves the evaluation view in `scratch.view`.
    fn make_evaluation(&self, image: &Image, scratch: &mut Scratch) {
        let Image { width, height, .. } = *image;
        assert!(width > 0 && height > 0, "an image of {width} by {height} has no view");
        let size = self.config.image_size;
        let shorter = self.config.resize.unwrap_or(size);
        let longer =
            |long: usize, short: usize| (shorter as f64 * long as f64 / short as f64) as usize;
        let to = if width <= height {
            [shorter, longer(height, width)]
        } else {
            [longer(width, height), shorter]
        };
        let area = CropBox { left: 0, top: 0, width, height };
        let Scratch { converted, view, resize: buffers, .. } = scratch;
        let region = self.region(image, area, converted);
        resize::resize(region, Filter::Bilinear, to, CropBox::centre(to, size), buffers, view);
    }

    /// A part of the image in the pipeline's channels. Conversion works pixel by pixel, so only
    /// that part is converted.
    fn region<'a>(
        &self,
        image: &'a Image,
        area: CropBox,
        converted: &'a mut Vec<u8>,
    ) -> Region<'a> {
        let channels = self.config.channels;
        if image.channels == channels {
            return Region { pixels: &image.pixels, row_width: image.width, channels, area };
        }
        converted.clear();
        for y in area.top..area.top + area.height {
            let start = (y * image.width + area.left) * image.channels;
            let row = &image.pixels[start..start + area.width * image.channels];
            if channels == 1 {
                converted.extend(row.chunks_exact(image.channels).map(crate::image::luma));
            } else {
                converted.extend(row.iter().flat_map(|&grey| [grey; 3]));
            }
        }
        let area = CropBox { left: 0, top: 0, ..area };
        Region { pixels: converted, row_width: area.width, channels, area }
    }

    fn normalise_into(&self, view: &[u8], out: &mut [f32]) {
        assert_eq!(out.len(), view.len(), "`out` must hold one view");
        self.normalise.run(view, out);
    }

    fn take_view(&self, scratch: &mut Scratch) -> Image {
        let [channels, height, width] = self.evaluation_shape();
        Image { width, height, channels, pixels: std::mem::take(&mut scratch.view) }
    }
}
