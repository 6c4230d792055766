//! One image: a pattern in a pose, its elements in colours of their own, on a ground, with grain.
//!
//! Every range here is a balance between two failures. Too free, and what two views share is above
//! all a colour or a brightness, which then is all that is learnt within a few minutes; too tame,
//! and raw pixels or an untrained encoder tell the classes already. The numbers were chosen with
//! `reference/synthetic_baselines.py`.

use barlow_random::Stream;

use super::pattern::Pattern;
use crate::Image;

/// Pixels in a row, and rows.
const SIZE: usize = 32;

/// Pixels from an element to the next.
const PERIOD_PX: (f64, f64) = (8.0, 11.0);

/// The largest tangent of the angle by which a pattern is turned: 17 degrees.
const TILT: f64 = 0.3;

/// Stretch of one axis; the other is shrunk as much.
const STRETCH: (f64, f64) = (0.85, 1.18);

/// By how much elements are thicker or thinner, at most, in periods: as much as classes differ in
/// what they cover of the ground, so that counting pixels tells nothing.
const SWELL: f64 = 0.04;

/// How far the ground's grey is from the middle, at most.
const GROUND_LEVEL: f64 = 16.0;

/// How far a channel of the ground is from its grey, at most.
const GROUND_TINT: f64 = 6.0;

/// How many colours the elements of an image have, half of them lighter than the ground.
const PAINTS: usize = 4;

/// How much lighter or darker than the ground an element is.
const CONTRAST: (f64, f64) = (45.0, 90.0);

/// How far a channel of an element is from its grey, at most.
const CHROMA: f64 = 60.0;

/// Most amplitude of the grain, from lowest to highest.
const GRAIN: f64 = 12.0;

/// Draws one image, 32 x 32 pixels, red, green and blue.
pub(super) fn draw(pattern: Pattern, stream: &mut Stream) -> Image {
    let pose = Pose::random(stream);
    let ground = ground(stream);
    let paints: [_; PAINTS] = std::array::from_fn(|paint_id| paint(stream, paint_id % 2 == 0));
    let choices = stream.bits();
    let grain = stream.uniform(0.0, GRAIN) as f32;
    let mut image = Image::new(SIZE, SIZE, 3);
    for (place, pixel) in image.pixels.chunks_exact_mut(3).enumerate() {
        let (u, v) = pose.place((place % SIZE) as f32, (place / SIZE) as f32);
        let point = pattern.at(u, v);
        // An edge is one pixel wide: half covered where the distance is none.
        let cover = (0.5 - (point.distance - pose.swell) * pose.period_px).clamp(0.0, 1.0);
        let paint = paints[choice(choices, point.element)];
        let speckle = stream.bits();
        for (channel, sample) in pixel.iter_mut().enumerate() {
            let speckle = fraction(speckle, channel) - 0.5;
            let value = ground[channel] + paint[channel] * cover + speckle * grain;
            *sample = (value + 0.5).clamp(0.0, 255.0) as u8;
        }
    }
    image
}

/// Where the pattern lies on the image.
#[derive(Debug)]
struct Pose {
    period_px: f32,
    /// Cosine and sine of the angle.
    axis: (f32, f32),
    stretch: f32,
    shift: (f32, f32),
    /// By how much elements are thicker than they should be, in periods.
    swell: f32,
}

impl Pose {
    fn random(stream: &mut Stream) -> Self {
        let tangent = stream.uniform(-TILT, TILT) as f32;
        let cosine = 1.0 / (1.0 + tangent * tangent).sqrt();
        Self {
            period_px: stream.uniform(PERIOD_PX.0, PERIOD_PX.1) as f32,
            axis: (cosine, cosine * tangent),
            stretch: stream.uniform(STRETCH.0, STRETCH.1) as f32,
            shift: (stream.uniform(0.0, 16.0) as f32, stream.uniform(0.0, 16.0) as f32),
            swell: stream.uniform(-SWELL, SWELL) as f32,
        }
    }

    /// The pattern's coordinates, in periods, of a pixel's centre.
    fn place(&self, x: f32, y: f32) -> (f32, f32) {
        let (cosine, sine) = self.axis;
        (
            (x * cosine + y * sine) * self.stretch / self.period_px + self.shift.0,
            (y * cosine - x * sine) / self.stretch / self.period_px + self.shift.1,
        )
    }
}

/// A random colour near the middle grey.
fn ground(stream: &mut Stream) -> [f32; 3] {
    let level = 127.5 + stream.uniform(-GROUND_LEVEL, GROUND_LEVEL) as f32;
    let mut channel = || stream.uniform(-GROUND_TINT, GROUND_TINT) as f32;
    without_grey([channel(), channel(), channel()]).map(|tint| level + tint)
}

/// By how much a paint's colour differs from the ground's: lighter or darker, in any hue.
fn paint(stream: &mut Stream, is_lighter: bool) -> [f32; 3] {
    let step = stream.uniform(CONTRAST.0, CONTRAST.1) as f32;
    let step = if is_lighter { step } else { -step };
    let mut channel = || stream.uniform(-CHROMA, CHROMA) as f32;
    without_grey([channel(), channel(), channel()]).map(|tint| step + tint)
}

/// Which of the paints an element has.
fn choice(bits: u64, element: [i32; 2]) -> usize {
    let [a, b] = element.map(|index| u64::from(index.cast_unsigned()));
    (mix(bits ^ (a | b << 32)) >> 32) as usize % PAINTS
}

/// A colour less its luma.
fn without_grey(colour: [f32; 3]) -> [f32; 3] {
    let grey = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2];
    colour.map(|channel| channel - grey)
}

/// A quarter of 64 random bits as a number from 0 up to 1.
fn fraction(bits: u64, quarter: usize) -> f32 {
    (bits >> (16 * quarter) & 0xffff) as f32 / 65_536.0
}

/// The finaliser of `SplitMix64`: every input bit reaches every output bit.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
