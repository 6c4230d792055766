//! One image: a pattern in a pose, warped, lighter or darker than its ground, in coloured light.
//!
//! Every range here is a balance between two failures. Too free, and what two views of an image
//! share is above all its colour, which then is all that is learnt within minutes; too tame, and
//! an untrained encoder knows the classes. A mean colour of the image's own is the strongest such
//! shortcut (a spread of 12 levels is enough to keep k-NN at chance), so colours are free from
//! place to place while their mean over the image is grey. `reference/synthetic_baselines.py`
//! measures what comes of it.

use barlow_random::Stream;

use super::pattern::Pattern;
use crate::Image;

/// Pixels in a row, and rows.
const SIZE: usize = 32;

/// Pixels from an element to the next.
const PERIOD_PX: (f64, f64) = (6.5, 9.0);

/// The largest tangent of the angle by which a pattern is turned: 19 degrees.
const TILT: f64 = 0.35;

/// By how much one axis is stretched; the other is shrunk as much.
const STRETCH: (f64, f64) = (0.85, 1.18);

/// How far a pattern is moved along each axis, at most, in periods: many times the distance after
/// which any class repeats.
const SHIFT: f64 = 20.0;

/// How far a place is moved along each axis, at most.
const WARP_PX: f64 = 3.5;

/// By how much elements are thicker or thinner, at most, in periods: more than classes differ in
/// what they cover, so that counting painted pixels tells little.
const SWELL: f64 = 0.06;

/// How wide an edge is.
const EDGE_PX: (f64, f64) = (1.0, 1.8);

/// How much lighter or darker than the ground the elements are, in levels of 0 to 255.
const CONTRAST: (f64, f64) = (55.0, 130.0);

/// The light's largest deviation from white, in levels, at the corners of its cells.
const LIGHT: f64 = 30.0;

/// Cells of the warp and of the light in a row, and rows.
const CELLS: usize = 3;

/// How far a channel's mean over an image without a tint is from the middle, at most, in levels.
const CAST: f64 = 3.0;

/// The most that the grain spans from lowest to highest, in levels.
const GRAIN: f64 = 12.0;

/// Draws one image, 32 x 32 pixels, red, green and blue, whose channels' means are moved by `tint`.
pub(super) fn draw(pattern: Pattern, tint: [f32; 3], stream: &mut Stream) -> Image {
    let pose = Pose::random(stream);
    let warp = Field::<2>::random(WARP_PX, stream);
    let light = Field::<3>::random(LIGHT, stream);
    let contrast = stream.uniform(CONTRAST.0, CONTRAST.1) as f32;
    let contrast = if stream.chance(0.5) { contrast } else { -contrast };
    let edge_px = stream.uniform(EDGE_PX.0, EDGE_PX.1) as f32;
    let grain = stream.uniform(0.0, GRAIN) as f32;
    let mut canvas = vec![[0.0; 3]; SIZE * SIZE];
    let mut sum = [0.0; 3];
    for (place, colour) in canvas.iter_mut().enumerate() {
        let (x, y) = ((place % SIZE) as f32, (place / SIZE) as f32);
        let [aside, down] = warp.at(x, y);
        // Half painted on the edge, fully half an edge's width inside.
        let inside_px = -pose.distance_px(pattern, x + aside, y + down);
        let paint = contrast * (0.5 + inside_px / edge_px).clamp(0.0, 1.0);
        let light = light.at(x, y);
        let bits = stream.bits();
        for channel in 0..3 {
            let speck = (bits >> (16 * channel) & 0xffff) as f32 / 65_536.0 - 0.5;
            colour[channel] = paint + light[channel] + speck * grain;
            sum[channel] += colour[channel];
        }
    }
    let base: [f32; 3] = std::array::from_fn(|channel| {
        let mean = 127.5 + stream.uniform(-CAST, CAST) as f32 + tint[channel];
        mean - sum[channel] / canvas.len() as f32
    });
    let mut image = Image::new(SIZE, SIZE, 3);
    for (pixel, colour) in image.pixels.chunks_exact_mut(3).zip(&canvas) {
        for channel in 0..3 {
            pixel[channel] = (base[channel] + colour[channel] + 0.5).clamp(0.0, 255.0) as u8;
        }
    }
    image
}

/// How the pattern lies on the image.
#[derive(Debug)]
struct Pose {
    period_px: f32,
    /// Cosine and sine of the angle.
    axis: (f32, f32),
    stretch: f32,
    /// In periods.
    shift: (f32, f32),
    /// By how much elements are thicker than drawn, in periods.
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
            shift: (stream.uniform(0.0, SHIFT) as f32, stream.uniform(0.0, SHIFT) as f32),
            swell: stream.uniform(-SWELL, SWELL) as f32,
        }
    }

    /// The signed distance from a pixel's centre to the nearest edge, negative inside.
    fn distance_px(&self, pattern: Pattern, x: f32, y: f32) -> f32 {
        let (cosine, sine) = self.axis;
        let u = (x * cosine + y * sine) * self.stretch / self.period_px + self.shift.0;
        let v = (y * cosine - x * sine) / self.stretch / self.period_px + self.shift.1;
        (pattern.distance(u, v) - self.swell) * self.period_px
    }
}

/// What changes from place to place: N numbers, random at the corners of a few cells and smooth in
/// between.
#[derive(Debug)]
struct Field<const N: usize> {
    corners: [[[f32; N]; CELLS + 1]; CELLS + 1],
}

impl<const N: usize> Field<N> {
    fn random(amplitude: f64, stream: &mut Stream) -> Self {
        let mut corners = [[[0.0; N]; CELLS + 1]; CELLS + 1];
        for value in corners.as_flattened_mut().as_flattened_mut() {
            *value = stream.uniform(-amplitude, amplitude) as f32;
        }
        Self { corners }
    }

    /// The numbers at a pixel's centre.
    fn at(&self, x: f32, y: f32) -> [f32; N] {
        let cells_per_px = CELLS as f32 / SIZE as f32;
        let (x, y) = ((x + 0.5) * cells_per_px, (y + 0.5) * cells_per_px);
        let (column, row) = (x as usize, y as usize);
        // Smoothly from corner to corner: no slope at either, so cells do not show.
        let ease = |t: f32| t * t * (3.0 - 2.0 * t);
        let (right, down) = (ease(x - x.floor()), ease(y - y.floor()));
        std::array::from_fn(|n| {
            let across =
                |line: &[[f32; N]]| line[column][n] * (1.0 - right) + line[column + 1][n] * right;
            across(&self.corners[row]) * (1.0 - down) + across(&self.corners[row + 1]) * down
        })
    }
}
