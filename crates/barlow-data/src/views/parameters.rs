//! What one view is drawn from, and what was drawn.
//!
//! A [`ViewKey`] names one view of one sample; [`ViewConfig::draw`] turns it into
//! [`ViewParameters`], from which the view can be made again without any other random number. Every
//! operation reads its own stream, and always reads the same count of numbers from it, so that
//! switching an operation off, or changing its range, never changes what another operation draws.

use barlow_random::{Key, Stream};
use serde::{Deserialize, Serialize};

use super::ViewConfig;
use super::crop::CropBox;
use super::jitter::{Jitter, JitterOperation};

impl ViewConfig {
    /// Draws one view of `[channels, height, width]`, `view`, of an image of `[width, height]`
    /// pixels, `image`. Where views have neither 1 nor 3 channels, brightness and contrast draw a
    /// factor for each channel.
    ///
    /// # Source
    /// torchvision's `get_params` of each operation, with f64 uniform numbers from keyed streams
    /// in place of a shared f32 generator.
    ///
    /// # Panics
    /// If the image has no pixel.
    pub fn draw(&self, key: ViewKey, image: [usize; 2], view: [usize; 3]) -> ViewParameters {
        let coin = |purpose, probability| key.stream(purpose).chance(probability);
        let mut blur = key.stream(purpose::BLUR);
        let (is_blurred, sigma) = (
            blur.chance(self.blur_probability),
            blur.uniform(self.blur_sigma[0], self.blur_sigma[1]),
        );
        let mut rotation = key.stream(purpose::ROTATION);
        let (is_rotated, quarters) =
            (rotation.chance(self.rotation_probability), rotation.below(4) as u8);
        let mut erase = key.stream(purpose::ERASE);
        let is_erased = erase.chance(self.erase_probability);
        let [channels, height, width] = view;
        ViewParameters {
            crop: self.draw_crop(key, image),
            flip: coin(purpose::FLIP, self.flip_probability),
            vertical_flip: coin(purpose::VERTICAL_FLIP, self.vertical_flip_probability),
            quarter_turns: if is_rotated { quarters } else { 0 },
            jitter: self.draw_jitter(key, channels),
            grayscale: coin(purpose::GRAYSCALE, self.grayscale_probability),
            blur_sigma: is_blurred.then_some(sigma),
            solarize: coin(purpose::SOLARIZE, self.solarize_probability),
            equalize: coin(purpose::EQUALIZE, self.equalize_probability),
            shuffle: self.shuffle.draw(key.seed, &mut key.stream(purpose::SHUFFLE)),
            erase: is_erased
                .then(|| {
                    let (scale, ratio) = (self.erase_scale, self.erase_ratio);
                    CropBox::draw_erased(&mut erase, scale, ratio, [width, height])
                })
                .flatten(),
        }
    }

    /// Draws the crop alone.
    pub(super) fn draw_crop(&self, key: ViewKey, image: [usize; 2]) -> CropBox {
        let (scale, ratio) = (self.crop_scale, self.crop_ratio);
        CropBox::draw(&mut key.stream(purpose::CROP), scale, ratio, image)
    }

    fn draw_jitter(&self, key: ViewKey, channels: usize) -> Option<Jitter> {
        let mut stream = key.stream(purpose::JITTER);
        let is_jittered = stream.chance(self.jitter_probability);
        let mut order = JitterOperation::ALL;
        stream.shuffle(&mut order);
        let draw = |stream: &mut Stream, x: f64| {
            let value = stream.uniform((1.0 - x).max(0.0), 1.0 + x);
            (x > 0.0).then_some(value)
        };
        let mut factor = |x| draw(&mut stream, x);
        let (brightness, contrast, saturation) =
            (factor(self.brightness), factor(self.contrast), factor(self.saturation));
        let shift = stream.uniform(-self.hue, self.hue);
        let hue = (self.hue > 0.0).then_some(shift);
        let mut jitter = Jitter {
            order,
            brightness,
            contrast,
            saturation,
            hue,
            channel_brightness: Vec::new(),
            channel_contrast: Vec::new(),
        };
        if !matches!(channels, 1 | 3) {
            let mut stream = key.stream(purpose::CHANNEL_JITTER);
            for _ in 0..channels {
                jitter.channel_brightness.extend(draw(&mut stream, self.brightness));
                jitter.channel_contrast.extend(draw(&mut stream, self.contrast));
            }
            (jitter.brightness, jitter.contrast) = (None, None);
            (jitter.saturation, jitter.hue) = (None, None);
        }
        is_jittered.then_some(jitter)
    }
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
    pub(super) const VERTICAL_FLIP: u64 = u64::from_le_bytes(*b"viewvflp");
    pub(super) const ROTATION: u64 = u64::from_le_bytes(*b"viewrota");
    pub(super) const JITTER: u64 = u64::from_le_bytes(*b"viewjitt");
    pub(super) const CHANNEL_JITTER: u64 = u64::from_le_bytes(*b"viewjitc");
    pub(super) const GRAYSCALE: u64 = u64::from_le_bytes(*b"viewgray");
    pub(super) const BLUR: u64 = u64::from_le_bytes(*b"viewblur");
    pub(super) const SOLARIZE: u64 = u64::from_le_bytes(*b"viewsola");
    pub(super) const EQUALIZE: u64 = u64::from_le_bytes(*b"viewequa");
    pub(super) const SHUFFLE: u64 = u64::from_le_bytes(*b"viewshuf");
    pub(super) const ERASE: u64 = u64::from_le_bytes(*b"vieweras");
}

/// Everything that was drawn for one view; fields in the order of the operations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "operations that happen or not, each its own")]
pub struct ViewParameters {
    /// The part of the image that becomes the view.
    pub crop: CropBox,
    /// Mirrored left and right.
    pub flip: bool,
    /// Mirrored top and bottom.
    pub vertical_flip: bool,
    /// Quarter turns against the clock, 0 to 3.
    pub quarter_turns: u8,
    /// Colour jitter, if any.
    pub jitter: Option<Jitter>,
    /// Colour given up.
    pub grayscale: bool,
    /// Standard deviation of the blur in pixels of the view, if any.
    pub blur_sigma: Option<f64>,
    /// Solarised.
    pub solarize: bool,
    /// Each channel's histogram spread evenly.
    pub equalize: bool,
    /// The number of the permutation that the pixels are put into, if any, below 2^53.
    pub shuffle: Option<u64>,
    /// The rectangle of the view that is erased, if any.
    pub erase: Option<CropBox>,
}

impl ViewParameters {
    /// A crop, and no other operation.
    pub fn of_crop(crop: CropBox) -> Self {
        Self {
            crop,
            flip: false,
            vertical_flip: false,
            quarter_turns: 0,
            jitter: None,
            grayscale: false,
            blur_sigma: None,
            solarize: false,
            equalize: false,
            shuffle: None,
            erase: None,
        }
    }
}
