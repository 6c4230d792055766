//! The distribution of one view.

use serde::{Deserialize, Serialize};

use super::config::{Problems, ViewPipelineConfig, ViewProblem};
use super::{erase, shuffle::PixelShuffle};

/// The distribution of one view: the operations in the order in which they run. An operation of
/// probability 0 never runs; keys with a default may be left out.
///
/// # Source
/// The ranges and their meaning are those of torchvision's `RandomResizedCrop`,
/// `RandomHorizontalFlip`, `RandomVerticalFlip`, `ColorJitter`, `RandomGrayscale` and
/// `RandomErasing`, of Pillow's `equalize` and of the official code's blur and solarise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewConfig {
    /// Side of the view in pixels, 1 to 16,384; none, the default, for the pipeline's `image_size`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_size: Option<usize>,
    /// Area of the crop as a fraction of the image's, lowest and highest; 0 exclusive to 1.
    pub crop_scale: [f64; 2],
    /// Width over height of the crop, lowest and highest; above 0, drawn uniformly in its logarithm.
    pub crop_ratio: [f64; 2],
    /// Probability of mirroring left and right, 0 to 1.
    pub flip_probability: f64,
    /// Probability of mirroring top and bottom, 0 (the default) to 1.
    #[serde(default)]
    pub vertical_flip_probability: f64,
    /// Probability of turning by 0, 1, 2 or 3 quarters, equally likely; 0 (the default) to 1.
    #[serde(default)]
    pub rotation_probability: f64,
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
    /// Probability of solarising (inverting what is 128 of 255 or brighter), 0 to 1.
    pub solarize_probability: f64,
    /// Probability of spreading each channel's histogram evenly, 0 (the default) to 1.
    #[serde(default)]
    pub equalize_probability: f64,
    /// Whether the pixels change places; not by default.
    #[serde(default)]
    pub shuffle: PixelShuffle,
    /// Probability of erasing a rectangle, 0 (the default) to 1.
    #[serde(default)]
    pub erase_probability: f64,
    /// Area of that rectangle as a fraction of the view's, lowest and highest, 0 to 1; torchvision's
    /// 0.02 to 0.33 by default.
    #[serde(default = "erase::default_scale")]
    pub erase_scale: [f64; 2],
    /// Height over width of that rectangle, lowest and highest; above 0, drawn uniformly in its
    /// logarithm; torchvision's 0.3 to 3.3 by default.
    #[serde(default = "erase::default_ratio")]
    pub erase_ratio: [f64; 2],
}

impl ViewConfig {
    /// The first view of the official code: always blurred, never solarised.
    ///
    /// # Source
    /// `Transform` in the official `main.py`, after BYOL's table 6; crop scale and ratio are
    /// torchvision's defaults, which the official code leaves in place.
    pub fn official_a() -> Self {
        Self {
            image_size: None,
            crop_scale: [0.08, 1.0],
            crop_ratio: [3.0 / 4.0, 4.0 / 3.0],
            flip_probability: 0.5,
            vertical_flip_probability: 0.0,
            rotation_probability: 0.0,
            jitter_probability: 0.8,
            brightness: 0.4,
            contrast: 0.4,
            saturation: 0.2,
            hue: 0.1,
            grayscale_probability: 0.2,
            blur_probability: 1.0,
            blur_sigma: [0.1, 2.0],
            solarize_probability: 0.0,
            equalize_probability: 0.0,
            shuffle: PixelShuffle::None,
            erase_probability: 0.0,
            erase_scale: erase::default_scale(),
            erase_ratio: erase::default_ratio(),
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

    /// The same distribution without what makes no sense for an image of so many channels: only
    /// three channels have saturation, hue and colour to give up.
    #[must_use]
    pub fn for_channels(&self, channels: usize) -> Self {
        if channels == 3 {
            self.clone()
        } else {
            Self { saturation: 0.0, hue: 0.0, grayscale_probability: 0.0, ..self.clone() }
        }
    }

    /// Everything that is wrong with these settings, each with its key after `prefix`.
    pub(super) fn problems(&self, prefix: &str) -> Vec<ViewProblem> {
        let mut found = Problems::below(prefix.to_owned());
        if let Some(size) = self.image_size {
            let is_size = (1..=ViewPipelineConfig::MAX_SIZE_PX).contains(&size);
            found.that(is_size, "image_size", &size, "1 to 16384");
        }
        for (key, value) in [
            ("flip_probability", self.flip_probability),
            ("vertical_flip_probability", self.vertical_flip_probability),
            ("rotation_probability", self.rotation_probability),
            ("jitter_probability", self.jitter_probability),
            ("grayscale_probability", self.grayscale_probability),
            ("blur_probability", self.blur_probability),
            ("solarize_probability", self.solarize_probability),
            ("equalize_probability", self.equalize_probability),
            ("erase_probability", self.erase_probability),
        ] {
            found.that((0.0..=1.0).contains(&value), key, &value, "0 to 1");
        }
        for (key, value) in [
            ("brightness", self.brightness),
            ("contrast", self.contrast),
            ("saturation", self.saturation),
        ] {
            found.that(value >= 0.0 && value.is_finite(), key, &value, "0 or more");
        }
        found.that((0.0..=0.5).contains(&self.hue), "hue", &self.hue, "0 to 0.5");
        let [low, high] = self.crop_scale;
        let is_scale = low > 0.0 && low <= high && high <= 1.0;
        found.that(is_scale, "crop_scale", &self.crop_scale, "0 < lowest <= highest <= 1");
        let [low, high] = self.erase_scale;
        let is_scale = low >= 0.0 && low <= high && high <= 1.0;
        found.that(is_scale, "erase_scale", &self.erase_scale, "0 <= lowest <= highest <= 1");
        for (key, ratio) in [("crop_ratio", self.crop_ratio), ("erase_ratio", self.erase_ratio)] {
            let [low, high] = ratio;
            let is_ratio = low > 0.0 && low <= high && high.is_finite();
            found.that(is_ratio, key, &ratio, "0 < lowest <= highest");
        }
        let [low, high] = self.blur_sigma;
        let is_sigma = low >= 0.0 && low <= high && high <= 1000.0;
        found.that(is_sigma, "blur_sigma", &self.blur_sigma, "0 <= lowest <= highest <= 1000");
        found.list
    }
}
