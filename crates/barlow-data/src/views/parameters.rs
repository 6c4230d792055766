//! What one view is drawn from, and what was drawn.
//!
//! A [`ViewConfig`] is the distribution of one view. A [`ViewKey`] names one view of one sample;
//! [`ViewConfig::draw`] turns it into [`ViewParameters`], from which the view can be made again
//! without any random number. Every operation reads its own stream, and always reads the same
//! count of numbers from it, so that switching an operation off, or changing its range, never
//! changes what another operation draws.

use barlow_random::{Key, Stream};
use serde::{Deserialize, Serialize};

use super::crop::CropBox;
use super::jitter::{Jitter, JitterOperation};

/// The distribution of one view: the operations in the order in which they run.
///
/// # Source
/// The ranges and their meaning are those of torchvision's `RandomResizedCrop`,
/// `RandomHorizontalFlip`, `ColorJitter`, `RandomGrayscale` and of the official code's blur and
/// solarise, all on 8-bit images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewConfig {
    /// Area of the crop as a fraction of the image's, lowest and highest; 0 exclusive to 1.
    pub crop_scale: [f64; 2],
    /// Width over height of the crop, lowest and highest; above 0, drawn uniformly in its logarithm.
    pub crop_ratio: [f64; 2],
    /// Probability of mirroring left and right, 0 to 1.
    pub flip_probability: f64,
    /// Probability of colour jitter, 0 to 1.
    pub jitter_probability: f64,
    /// Brightness factors are `max(0, 1 - x)` to `1 + x`; 0 switches the operation off.
    pub brightness: f64,
    /// Contrast factors are `max(0, 1 - x)` to `1 + x`; 0 switches the operation off.
    pub contrast: f64,
    /// Saturation factors are `max(0, 1 - x)` to `1 + x`; 0 switches the operation off.
    pub saturation: f64,
    /// Hue shifts are `-x` to `x` of the colour circle, 0 to 0.5; 0 switches the operation off.
    pub hue: f64,
    /// Probability of giving up colour, 0 to 1.
    pub grayscale_probability: f64,
    /// Probability of blur, 0 to 1.
    pub blur_probability: f64,
    /// Standard deviation of the blur in pixels of the view, lowest and highest; 0 or more.
    pub blur_sigma: [f64; 2],
    /// Probability of solarising (inverting what is 128 or brighter), 0 to 1.
    pub solarize_probability: f64,
}

impl ViewConfig {
    /// The first view of the official code: always blurred, never solarised.
    ///
    /// # Source
    /// `Transform` in the official `main.py`, after BYOL's table 6; crop scale and ratio are
    /// torchvision's defaults, which the official code leaves in place.
    pub fn official_a() -> Self {
        Self {
            crop_scale: [0.08, 1.0],
            crop_ratio: [3.0 / 4.0, 4.0 / 3.0],
            flip_probability: 0.5,
            jitter_probability: 0.8,
            brightness: 0.4,
            contrast: 0.4,
            saturation: 0.2,
            hue: 0.1,
            grayscale_probability: 0.2,
            blur_probability: 1.0,
            blur_sigma: [0.1, 2.0],
            solarize_probability: 0.0,
        }
    }

    /// The second view of the official code: as the first, blurred in a tenth of the cases and
    /// solarised in a fifth.
    ///
    /// # Source
    /// `transform_prime` of `Transform` in the official `main.py`.
    pub fn official_b() -> Self {
        Self { blur_probability: 0.1, solarize_probability: 0.2, ..Self::official_a() }
    }

    /// The same distribution without what makes no sense for an image of so many channels: one
    /// channel has no saturation, no hue and no colour to give up.
    #[must_use]
    pub fn for_channels(&self, channels: usize) -> Self {
        if channels == 1 {
            Self { saturation: 0.0, hue: 0.0, grayscale_probability: 0.0, ..self.clone() }
        } else {
            self.clone()
        }
    }

    /// Draws one view of an image of `width` by `height` pixels.
    ///
    /// # Source
    /// torchvision's `get_params` of each operation, with f64 uniform numbers from keyed streams
    /// in place of a shared f32 generator.
    ///
    /// # Panics
    /// If the image has no pixel.
    pub fn draw(&self, key: ViewKey, width: usize, height: usize) -> ViewParameters {
        let coin = |purpose, probability| key.stream(purpose).chance(probability);
        let mut blur = key.stream(purpose::BLUR);
        let (is_blurred, sigma) = (
            blur.chance(self.blur_probability),
            blur.uniform(self.blur_sigma[0], self.blur_sigma[1]),
        );
        ViewParameters {
            crop: CropBox::draw(
                &mut key.stream(purpose::CROP),
                self.crop_scale,
                self.crop_ratio,
                [width, height],
            ),
            flip: coin(purpose::FLIP, self.flip_probability),
            jitter: self.draw_jitter(key),
            grayscale: coin(purpose::GRAYSCALE, self.grayscale_probability),
            blur_sigma: is_blurred.then_some(sigma),
            solarize: coin(purpose::SOLARIZE, self.solarize_probability),
        }
    }

    fn draw_jitter(&self, key: ViewKey) -> Option<Jitter> {
        let mut stream = key.stream(purpose::JITTER);
        let is_jittered = stream.chance(self.jitter_probability);
        let mut order = JitterOperation::ALL;
        stream.shuffle(&mut order);
        let mut factor = |x: f64| {
            let value = stream.uniform((1.0 - x).max(0.0), 1.0 + x);
            (x > 0.0).then_some(value)
        };
        let (brightness, contrast, saturation) =
            (factor(self.brightness), factor(self.contrast), factor(self.saturation));
        let shift = stream.uniform(-self.hue, self.hue);
        let hue = (self.hue > 0.0).then_some(shift);
        is_jittered.then_some(Jitter { order, brightness, contrast, saturation, hue })
    }

    /// Everything that is wrong with these settings, each with its key below `prefix`.
    pub(super) fn problems(&self, prefix: &str) -> Vec<ViewProblem> {
        let mut problems = Vec::new();
        let mut check = |is_right: bool, key: &str, value: &dyn std::fmt::Debug, allowed| {
            if !is_right {
                let key = format!("{prefix}.{key}");
                problems.push(ViewProblem { key, value: format!("{value:?}"), allowed });
            }
        };
        for (key, value) in [
            ("flip_probability", self.flip_probability),
            ("jitter_probability", self.jitter_probability),
            ("grayscale_probability", self.grayscale_probability),
            ("blur_probability", self.blur_probability),
            ("solarize_probability", self.solarize_probability),
        ] {
            check((0.0..=1.0).contains(&value), key, &value, "0 to 1");
        }
        for (key, value) in [
            ("brightness", self.brightness),
            ("contrast", self.contrast),
            ("saturation", self.saturation),
        ] {
            check(value >= 0.0 && value.is_finite(), key, &value, "0 or more");
        }
        check((0.0..=0.5).contains(&self.hue), "hue", &self.hue, "0 to 0.5");
        let [low, high] = self.crop_scale;
        let is_scale = low > 0.0 && low <= high && high <= 1.0;
        check(is_scale, "crop_scale", &self.crop_scale, "0 < lowest <= highest <= 1");
        let [low, high] = self.crop_ratio;
        let is_ratio = low > 0.0 && low <= high && high.is_finite();
        check(is_ratio, "crop_ratio", &self.crop_ratio, "0 < lowest <= highest");
        let [low, high] = self.blur_sigma;
        let is_sigma = low >= 0.0 && low <= high && high <= 1000.0;
        check(is_sigma, "blur_sigma", &self.blur_sigma, "0 <= lowest <= highest <= 1000");
        problems
    }
}

/// One setting of the views that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` is {value}, allowed: {allowed}")]
pub struct ViewProblem {
    /// The setting, as `views.0.hue` or `image_size`.
    pub key: String,
    /// What it was set to.
    pub value: String,
    /// What it may be set to.
    pub allowed: &'static str,
}

/// Which view of which sample: all that a random decision of the views depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ViewKey {
    /// The run's seed.
    pub seed: u64,
    /// Which pass over the data, from 0.
    pub epoch: u64,
    /// Position of the sample in the epoch's order, below 2^56.
    pub position: u64,
    /// Which view of the sample, from 0, below 256.
    pub view: usize,
}

impl ViewKey {
    fn stream(self, purpose: u64) -> Stream {
        debug_assert!(self.position < 1 << 56 && self.view < 256, "{self:?} cannot be packed");
        let position = (self.position << 8) | self.view as u64;
        Key { seed: self.seed, purpose, epoch: self.epoch, position }.stream()
    }
}

/// The constants that keep the operations' random numbers apart.
mod purpose {
    pub(super) const CROP: u64 = u64::from_le_bytes(*b"viewcrop");
    pub(super) const FLIP: u64 = u64::from_le_bytes(*b"viewflip");
    pub(super) const JITTER: u64 = u64::from_le_bytes(*b"viewjitt");
    pub(super) const GRAYSCALE: u64 = u64::from_le_bytes(*b"viewgray");
    pub(super) const BLUR: u64 = u64::from_le_bytes(*b"viewblur");
    pub(super) const SOLARIZE: u64 = u64::from_le_bytes(*b"viewsola");
}

/// Everything that was drawn for one view; fields in the order of the operations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewParameters {
    /// The part of the image that becomes the view.
    pub crop: CropBox,
    /// Mirrored left and right.
    pub flip: bool,
    /// Colour jitter, if any.
    pub jitter: Option<Jitter>,
    /// Colour given up.
    pub grayscale: bool,
    /// Standard deviation of the blur in pixels of the view, if any.
    pub blur_sigma: Option<f64>,
    /// Solarised.
    pub solarize: bool,
}
