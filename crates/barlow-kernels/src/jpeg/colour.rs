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

per_isa! {
    fn convert(rows: [&[u8]; 3], planes: &mut Planes) {
        const HALF: i32 = 1 << 15;
        let [y, cb, cr] = rows;
        let [red, green, blue] = &mut planes.0;
        let colours = red.iter_mut().zip(green).zip(blue);
        for ((((red, green), blue), &y), (&cb, &cr)) in colours.zip(y).zip(cb.iter().zip(cr)) {
            let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
            let level = |n: i32| n.clamp(0, 255) as u8;
            *red = level(y + ((91_881 * cr + HALF) >> 16));
            *green = level(y + ((-22_554 * cb - 46_802 * cr + HALF) >> 16));
            *blue = level(y + ((116_130 * cb + HALF) >> 16));
        }
    }
}
