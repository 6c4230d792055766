//! Pillow's arithmetic, pixel by pixel and in the precisions of its C code.

use crate::view::{ColourStep, Rows};

/// `convert("L")`.
pub(super) fn luma([r, g, b]: [u8; 3]) -> u8 {
    ((u32::from(r) * 19_595 + u32::from(g) * 38_470 + u32::from(b) * 7_471 + 0x8000) >> 16) as u8
}

/// `Image.blend` of one sample.
pub(super) fn blend(towards: u8, sample: u8, factor: f32) -> u8 {
    let difference = i16::from(sample) - i16::from(towards);
    (f32::from(towards) + factor * f32::from(difference)) as u8
}

pub(super) fn recolour(pixels: &[u8], steps: &[ColourStep]) -> Vec<u8> {
    let pixels = pixels.as_chunks::<3>().0;
    pixels
        .iter()
        .flat_map(|&pixel| steps.iter().fold(pixel, |pixel, step| one(pixel, *step)))
        .collect()
}

fn one(pixel: [u8; 3], step: ColourStep) -> [u8; 3] {
    match step {
        ColourStep::Blend { towards, factor } => pixel.map(|v| blend(towards, v, factor)),
        ColourStep::Saturate { factor } => {
            let grey = luma(pixel);
            pixel.map(|v| blend(grey, v, factor))
        }
        ColourStep::TurnHue { shift } => {
            let [hue, saturation, value] = to_hsv(pixel);
            to_rgb([hue.wrapping_add(shift), saturation, value])
        }
        ColourStep::Grey => [luma(pixel); 3],
    }
}

/// `rgb2hsv_row` of Pillow's `Convert.c`.
fn to_hsv([r, g, b]: [u8; 3]) -> [u8; 3] {
    let (highest, lowest) = (r.max(g).max(b), r.min(g).min(b));
    if highest == lowest {
        return [0, 0, highest];
    }
    let spread = f32::from(highest - lowest);
    let saturation = spread / f32::from(highest);
    let distance = |v: u8| f64::from(f32::from(highest - v) / spread);
    let sixths = if r == highest {
        distance(b) - distance(g)
    } else if g == highest {
        2.0 + distance(r) - distance(b)
    } else {
        4.0 + distance(g) - distance(r)
    };
    let hue = (f64::from(sixths as f32) / 6.0 + 1.0) % 1.0;
    [(f64::from(hue as f32) * 255.0) as u8, (f64::from(saturation) * 255.0) as u8, highest]
}

/// `hsv2rgb_row` of Pillow's `Convert.c`.
fn to_rgb([hue, saturation, value]: [u8; 3]) -> [u8; 3] {
    if saturation == 0 {
        return [value; 3];
    }
    let sixths = f64::from(hue) * 6.0 / 255.0;
    let inside = f64::from((sixths - sixths.floor()) as f32);
    let strength = f64::from((f64::from(saturation) / 255.0) as f32);
    let dim = |by: f64| (f64::from(value) * (1.0 - by) + 0.5) as u8;
    let p = dim(strength);
    let q = dim(f64::from((strength * inside) as f32));
    let t = dim(strength * (1.0 - inside));
    match sixths.floor() as u8 % 6 {
        0 => [value, t, p],
        1 => [q, value, p],
        2 => [p, value, t],
        3 => [p, q, value],
        4 => [t, p, value],
        _ => [value, p, q],
    }
}

/// Every target the weighted sum of the rows from its first on, with 22 fractional bits.
pub(super) fn weigh_rows(rows: Rows, targets: &[(usize, Vec<i32>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (first, weights) in targets {
        out.extend((0..rows.length()).map(|x| {
            let terms = weights.iter().enumerate();
            let sum: i64 =
                terms.map(|(y, &w)| i64::from(rows.row(first + y)[x]) * i64::from(w)).sum();
            ((sum + (1 << 21)) >> 22).clamp(0, 255) as u8
        }));
    }
    out
}

/// Rows to columns, pixels kept whole.
pub(super) fn turn(rows: Rows, channels: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for x in 0..rows.length() / channels {
        for y in 0..rows.count() {
            out.extend(&rows.row(y)[x * channels..][..channels]);
        }
    }
    out
}

/// Box filters of radius r along rows, then down columns, `passes` each: the inner 2⌊r⌋ + 1 pixels count
/// by one weight, the two next by another, with 24 fractional bits; outside is the edge.
pub(super) fn box_blur(rows: Rows, channels: usize, radius: f32, passes: usize) -> Vec<u8> {
    let (width, height, samples) = (rows.length() / channels, rows.count(), rows.length());
    let mut image: Vec<u8> = (0..height).flat_map(|y| rows.row(y).to_vec()).collect();
    let whole = radius as i64;
    let inner = (16_777_216.0_f32 / (radius * 2.0 + 1.0)) as u64;
    let outer = (16_777_216 - (2 * whole as u64 + 1) * inner) / 2;
    for pass in 0..2 * passes {
        let before = image.clone();
        for (at, sample) in image.iter_mut().enumerate() {
            let (y, x, c) = (at / samples, at / channels % width, at % channels);
            let neighbour = |by: i64| {
                let near = |place: usize, count: usize| {
                    (place as i64 + by).clamp(0, count as i64 - 1) as usize
                };
                let (x, y) = if pass < passes { (near(x, width), y) } else { (x, near(y, height)) };
                u64::from(before[y * samples + x * channels + c])
            };
            let inside: u64 = (-whole..=whole).map(neighbour).sum();
            let outside = neighbour(-whole - 1) + neighbour(whole + 1);
            *sample = ((inside * inner + outside * outer + (1 << 23)) >> 24) as u8;
        }
    }
    image
}
