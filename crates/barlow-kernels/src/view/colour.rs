//! Colour of red, green, blue pixels, by blocks that stay in the nearest cache: a block is split
//! into planes, taken through all steps, and joined again.

use super::pixels::{BLOCK, Planes, join, split};
use crate::Isa;
use crate::isa::per_isa;

/// One step of [`recolour`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ColourStep {
    /// `towards + factor * (v - towards)`, cut off (not rounded) to 0 to 255.
    Blend {
        /// What factor 0 gives.
        towards: u8,
        /// 1 changes nothing.
        factor: f32,
    },
    /// The same towards the pixel's own luma.
    Saturate {
        /// 1 changes nothing.
        factor: f32,
    },
    /// Hue turned by so many 255ths of the circle, wrapping around at 256.
    TurnHue {
        /// 255ths.
        shift: u8,
    },
    /// Every sample becomes its pixel's luma.
    Grey,
}

/// Takes interleaved red, green, blue pixels through the steps; the sum of all lumas afterwards.
///
/// # Source
/// Pillow's `ImageEnhance`, `convert("L")` and `convert("HSV")`, with its f32 and f64 arithmetic
/// replaced by f32 and integer arithmetic that gives the same 8 bits on every colour.
pub fn recolour(isa: Isa, pixels: &mut [u8], steps: &[ColourStep]) -> u64 {
    let mut planes = Planes::default();
    let mut sum = 0;
    for block in pixels.chunks_mut(3 * BLOCK) {
        split(isa, block, &mut planes);
        for step in steps {
            match *step {
                ColourStep::Blend { towards, factor } => {
                    for plane in &mut planes.0 {
                        blend(isa, plane, towards, factor);
                    }
                }
                ColourStep::Saturate { factor } => saturate(isa, &mut planes, factor),
                ColourStep::TurnHue { shift } => turn_hue(isa, &mut planes, shift),
                ColourStep::Grey => grey(isa, &mut planes),
            }
        }
        sum += block_luma_sum(isa, &planes, block.len() / 3);
        if !steps.is_empty() {
            join(isa, &planes, block);
        }
    }
    sum
}

per_isa! {
    /// `towards + factor * (v - towards)` of every sample, cut off to 0 to 255.
    pub fn blend(samples: &mut [u8], towards: u8, factor: f32) {
        for sample in samples {
            *sample = blended(towards, *sample, factor);
        }
    }
}

per_isa! {
    fn saturate(planes: &mut Planes, factor: f32) {
        let Planes([red, green, blue]) = planes;
        for ((r, g), b) in red.iter_mut().zip(green).zip(blue) {
            let grey = luma(*r, *g, *b);
            *r = blended(grey, *r, factor);
            *g = blended(grey, *g, factor);
            *b = blended(grey, *b, factor);
        }
    }
}

per_isa! {
    fn grey(planes: &mut Planes) {
        let Planes([red, green, blue]) = planes;
        for ((r, g), b) in red.iter_mut().zip(&*green).zip(&*blue) {
            *r = luma(*r, *g, *b);
        }
        *green = *red;
        *blue = *red;
    }
}

per_isa! {
    /// Of the first `count` pixels.
    fn block_luma_sum(planes: &Planes, count: usize) -> u64 {
        let Planes([red, green, blue]) = planes;
        let pixels = red[..count].iter().zip(&green[..count]).zip(&blue[..count]);
        u64::from(pixels.map(|((&r, &g), &b)| u32::from(luma(r, g, b))).sum::<u32>())
    }
}

per_isa! {
    fn turn_hue(planes: &mut Planes, shift: u8) {
        let Planes([red, green, blue]) = planes;
        for ((r, g), b) in red.iter_mut().zip(green).zip(blue) {
            let hsv = to_hsv([*r, *g, *b].map(f32::from));
            [*r, *g, *b] = to_rgb(hsv, f32::from(shift)).map(to_u8);
        }
    }
}

#[inline(always)]
fn blended(towards: u8, sample: u8, factor: f32) -> u8 {
    let towards = f32::from(towards);
    let blend = towards + factor * (f32::from(sample) - towards);
    // Not-a-number, from an infinite factor, becomes 0.
    to_u8(smaller(larger(blend, 0.0), 255.0))
}

/// Cuts off.
#[inline(always)]
fn to_u8(value: f32) -> u8 {
    debug_assert!((0.0..256.0).contains(&value), "{value} is not a sample");
    // SAFETY: finite and inside: a blend is clamped, and HSV stays in 0 to 255.
    unsafe { value.to_int_unchecked::<i32>() as u8 }
}

/// Pillow's fixed-point form of ITU-R 601-2: (19595 r + 38470 g + 7471 b + 32768) >> 16, the second
/// weight in two parts so that all fit 16-bit multipliers.
#[inline(always)]
fn luma(r: u8, g: u8, b: u8) -> u8 {
    let [r, g, b] = [r, g, b].map(i32::from);
    (((r + g) * 19_595 + g * 18_875 + b * 7_471 + 0x8000) >> 16) as u8
}

/// Red, green, blue to hue, saturation and value in 255ths, cut off.
///
/// # Numerics
/// Pillow divides by 6, adds 1 and multiplies by 255 in f64; in f32 the quotients are the same and
/// the products cut off to the same number, for all of the some 200,000 quotients that exist.
#[inline(always)]
fn to_hsv([r, g, b]: [f32; 3]) -> [f32; 3] {
    let (highest, lowest) = (larger(larger(r, g), b), smaller(smaller(r, g), b));
    let spread = highest - lowest;
    // Where the spread is 0 any divisor will do: the saturation is 0, which makes the hue idle.
    let saturation = spread / larger(highest, 1.0);
    // Sixths of the circle from the strongest channel, by the distances of the other two.
    let [to_r, to_g, to_b] = [highest - r, highest - g, highest - b];
    let (start, plus, minus) = if to_r == 0.0 {
        (0.0, to_b, to_g)
    } else if to_g == 0.0 {
        (2.0, to_r, to_b)
    } else {
        (4.0, to_g, to_r)
    };
    // One of the two distances is the whole spread, a quotient of 1.
    let near = smaller(plus, minus) / larger(spread, 1.0);
    let sixths = if plus >= minus { (start + 1.0) - near } else { (start - 1.0) + near };
    let turns = sixth(sixths);
    let turns = if turns < 0.0 { turns + 1.0 } else { turns };
    [(turns * 255.0).trunc(), (saturation * 255.0).trunc(), highest]
}

/// The larger number, or `b` where `a` is none; one instruction, unlike `f32::max`.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// The smaller number, or `b` where `a` is none.
#[inline(always)]
fn smaller(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

/// x / 6 for every number of sixths that there is, without the division: the product with 1/6 and one
/// step of Newton's.
#[inline(always)]
fn sixth(x: f32) -> f32 {
    let quotient = x * (1.0 / 6.0);
    let rest = (x - 4.0 * quotient) - 2.0 * quotient;
    quotient + rest * (1.0 / 6.0)
}

/// The way back, with the hue turned.
///
/// # Numerics
/// A sample is `value * (1 - saturation * share)`, where the share is of the hue only: 0 within a sixth
/// of the circle from the channel's own colour, 1 from two sixths on, and a straight line between. In
/// 255ths and 85ths all of it is whole numbers below 2²⁴, but for the last division, whose quotients
/// are a 43,350th off a half at least: more than the rounding of the product with 1/21,675 moves any.
#[inline(always)]
fn to_rgb([hue, saturation, value]: [f32; 3], shift: f32) -> [f32; 3] {
    const SIXTH: f32 = 85.0;
    const WHOLE: f32 = 255.0 * SIXTH;
    let turned = hue + shift;
    let turned = if turned >= 256.0 { turned - 256.0 } else { turned };
    let place = 2.0 * turned;
    let (full, loss) = (value * WHOLE, value * saturation);
    let dim = |share: f32| {
        let share = smaller(larger(share, 0.0), SIXTH);
        (full - loss * share) * (1.0 / WHOLE) + 0.5
    };
    [
        dim(2.0 * SIXTH - (place - 3.0 * SIXTH).abs()),
        dim((place - 2.0 * SIXTH).abs() - SIXTH),
        dim((place - 4.0 * SIXTH).abs() - SIXTH),
    ]
}
