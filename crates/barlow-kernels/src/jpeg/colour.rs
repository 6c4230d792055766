//! YCbCr, as JFIF defines it, to interleaved red, green, blue.

use crate::Isa;
use crate::isa::per_isa;
use crate::view::pixels::{BLOCK, Planes, join};

/// Converts rows of luma and chroma to pixels.
///
/// `R = Y + 1.402 Cr`, `G = Y - 0.34414 Cb - 0.71414 Cr`, `B = Y + 1.772 Cb`, chroma around 128, with 16
/// bits of fraction, rounded to the nearest and cut off at 0 and 255.
///
/// # Panics
/// If the rows differ in length, or `pixels` is not three times as long.
///
/// # Source
/// libjpeg 6b, `jdcolor.c`.
pub fn rgb_of_ycbcr(isa: Isa, [y, cb, cr]: [&[u8]; 3], pixels: &mut [u8]) {
    let is_right = y.len() == cb.len() && y.len() == cr.len() && pixels.len() == 3 * y.len();
    assert!(is_right, "{} of {}, {} and {} samples", pixels.len(), y.len(), cb.len(), cr.len());
    let mut planes = Planes::default();
    let rows = y.chunks(BLOCK).zip(cb.chunks(BLOCK)).zip(cr.chunks(BLOCK));
    for (((y, cb), cr), pixels) in rows.zip(pixels.chunks_mut(3 * BLOCK)) {
        convert(isa, [y, cb, cr], &mut planes);
        join(isa, &planes, pixels);
    }
}

/// The factors times 2^16, less whole numbers, so that they fit 16 bits: 1.402 less 1, -0.34414,
/// -0.71414 more 1, 1.772 less 2.
const RED_OF_CR: i16 = (91_881 - 65_536) as i16;
const GREEN_OF_CB: i16 = -22_554;
const GREEN_OF_CR: i16 = (65_536 - 46_802) as i16;
const BLUE_OF_CB: i16 = (116_130 - 131_072) as i16;

per_isa! {
    fn convert(rows: [&[u8]; 3], planes: &mut Planes) {
        let [y, cb, cr] = rows;
        let [red, green, blue] = &mut planes.0;
        let colours = red.iter_mut().zip(green).zip(blue);
        for ((((red, green), blue), &y), (&cb, &cr)) in colours.zip(y).zip(cb.iter().zip(cr)) {
            let (y, cb, cr) = (i16::from(y), i16::from(cb) - 128, i16::from(cr) - 128);
            let level = |n: i16| n.clamp(0, 255) as u8;
            *red = level(y + cr + product(cr, RED_OF_CR));
            *green = level(y - cr + sum_of_products([cb, cr], [GREEN_OF_CB, GREEN_OF_CR]));
            *blue = level(y + 2 * cb + product(cb, BLUE_OF_CB));
        }
    }
}

/// `n · factor / 2^16` to the nearest, for `n` from -128 to 127: all in 16 bits, twice as many lanes.
#[inline(always)]
fn product(n: i16, factor: i16) -> i16 {
    // Rounded down at one more bit, then to the nearest at the last.
    (high(2 * n, factor) + 1) >> 1
}

/// The sum of two such products, rounded once.
#[inline(always)]
fn sum_of_products([a, b]: [i16; 2], [f, g]: [i16; 2]) -> i16 {
    let (low_a, low_b) = (a.wrapping_mul(f) as u16, b.wrapping_mul(g) as u16);
    let low = low_a.wrapping_add(low_b);
    high(a, f) + high(b, g) + i16::from(low < low_a) + (low >> 15) as i16
}

/// The upper 16 of the 32 bits of a product.
#[inline(always)]
fn high(n: i16, factor: i16) -> i16 {
    ((i32::from(n) * i32::from(factor)) >> 16) as i16
}
