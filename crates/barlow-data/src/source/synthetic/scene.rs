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
const PERIOD_PX: (f64, f64) = (6.5, 9.0);

/// The largest tangent of the angle by which a pattern is turned: 9 degrees.
const TILT: f64 = 0.15;

/// Stretch of one axis; the other is shrunk as much.
const STRETCH: (f64, f64) = (0.85, 1.18);

/// By how much elements are thicker or thinner, at most, in periods: as much as classes differ in
/// what they cover of the ground, so that counting pixels tells little.
const SWELL: f64 = 0.06;

/// How much lighter or darker than the ground an element is.
const CONTRAST: (f64, f64) = (55.0, 130.0);

/// How far a channel of the light is from grey, at most, at the corners of its lattice.
const CHROMA: (f64, f64) = (40.0, 40.0);

/// Cells of the light's lattice in a row, and rows.
const LIGHTS: usize = 4;

/// How far a channel's mean over the image is from the middle, at most.
const TINT: f64 = 6.0;

/// Most amplitude of the grain, from lowest to highest.
const GRAIN: f64 = 30.0;

/// Draws one image, 32 x 32 pixels, red, green and blue.
pub(super) fn draw(pattern: Pattern, stream: &mut Stream) -> Image {
    let pose = Pose::random(stream);
    let light = Light::random(stream);
    let contrast = stream.uniform(CONTRAST.0, CONTRAST.1) as f32;
    let share_lighter = (stream.unit() as f32).round();
    let signs = stream.bits();
    let grain = stream.uniform(0.0, GRAIN) as f32;
    let mut canvas = vec![[0.0; 3]; SIZE * SIZE];
    let mut sum = [0.0; 3];
    for (place, colour) in canvas.iter_mut().enumerate() {
        let (x, y) = ((place % SIZE) as f32, (place / SIZE) as f32);
        let (u, v) = pose.place(x, y);
        let point = pattern.at(u, v);
        // An edge is one pixel wide: half covered where the distance is none.
        let cover = (0.5 - (point.distance - pose.swell) * pose.period_px).clamp(0.0, 1.0);
        let is_lighter = chance_of(signs, point.element) < share_lighter;
        let step = if is_lighter { contrast } else { -contrast };
        let tint = light.at(x, y);
        let speckle = stream.bits();
        for channel in 0..3 {
            let speckle = (fraction(speckle, channel) - 0.5) * grain;
            colour[channel] = step * cover + tint[channel] + speckle;
            sum[channel] += colour[channel];
        }
    }
    let shift =
        sum.map(|sum| 127.5 + stream.uniform(-TINT, TINT) as f32 - sum / canvas.len() as f32);
    let mut image = Image::new(SIZE, SIZE, 3);
    for (pixel, colour) in image.pixels.chunks_exact_mut(3).zip(&canvas) {
        for channel in 0..3 {
            let value = colour[channel] + shift[channel];
            pixel[channel] = (value + 0.5).clamp(0.0, 255.0) as u8;
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

/// Coloured light: a lattice of random colours, smooth in between.
#[derive(Debug)]
struct Light {
    corners: [[[f32; 3]; LIGHTS + 1]; LIGHTS + 1],
}

impl Light {
    fn random(stream: &mut Stream) -> Self {
        let chroma = stream.uniform(CHROMA.0, CHROMA.1);
        let mut channel = || stream.uniform(-chroma, chroma) as f32;
        let mut corner = || without_grey([channel(), channel(), channel()]);
        Self { corners: std::array::from_fn(|_| std::array::from_fn(|_| corner())) }
    }

    /// What to add to grey at a pixel's centre.
    fn at(&self, x: f32, y: f32) -> [f32; 3] {
        let scale = LIGHTS as f32 / SIZE as f32;
        let (x, y) = ((x + 0.5) * scale, (y + 0.5) * scale);
        let (column, row) = (x as usize, y as usize);
        let (right, below) = (x - x.floor(), y - y.floor());
        let [upper, lower] = [&self.corners[row], &self.corners[row + 1]];
        std::array::from_fn(|channel| {
            let between = |line: &[[f32; 3]]| {
                line[column][channel] * (1.0 - right) + line[column + 1][channel] * right
            };
            between(upper) * (1.0 - below) + between(lower) * below
        })
    }
}

/// An element's own random number, from 0 up to 1.
fn chance_of(bits: u64, element: [i32; 2]) -> f32 {
    let [a, b] = element.map(|index| u64::from(index.cast_unsigned()));
    fraction(mix(bits ^ (a | b << 32)), 3)
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
