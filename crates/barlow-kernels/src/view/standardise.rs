//! The last pass: 8-bit interleaved pixels to standardised f32 planes.

use super::fraction;
use super::pixels::{BLOCK, Planes, split};
use crate::Isa;
use crate::isa::per_isa;

/// `(v / 255 - mean) / std` of every sample.
///
/// # Shapes
/// `[h, w, c]` samples to `[c, h, w]` values, with 1 or 3 channels as there are means.
///
/// # Numerics
/// f32 in the order of torchvision's `ToTensor` and `Normalize`, so equal bit for bit.
///
/// # Panics
/// If there are neither 1 nor 3 means, not as many deviations, or not as many values as samples.
pub fn standardise(isa: Isa, pixels: &[u8], mean: &[f32], std: &[f32], out: &mut [f32]) {
    assert_eq!(pixels.len(), out.len(), "a value for each sample");
    match (mean, std) {
        (&[mean], &[std]) => plane(isa, pixels, mean, std, out),
        (&[mean_r, mean_g, mean_b], &[std_r, std_g, std_b]) => {
            let mut planes = Planes::default();
            let size = out.len() / 3;
            let (red, rest) = out.split_at_mut(size);
            let (green, blue) = rest.split_at_mut(size);
            let outs = red.chunks_mut(BLOCK).zip(green.chunks_mut(BLOCK));
            let outs = outs.zip(blue.chunks_mut(BLOCK));
            for (block, ((red, green), blue)) in pixels.chunks(3 * BLOCK).zip(outs) {
                split(isa, block, &mut planes);
                let [r, g, b] = &planes.0;
                plane(isa, &r[..red.len()], mean_r, std_r, red);
                plane(isa, &g[..green.len()], mean_g, std_g, green);
                plane(isa, &b[..blue.len()], mean_b, std_b, blue);
            }
        }
        _ => panic!("{} means and {} deviations", mean.len(), std.len()),
    }
}

per_isa! {
    fn plane(samples: &[u8], mean: f32, std: f32, out: &mut [f32]) {
        for (value, &sample) in out.iter_mut().zip(samples) {
            *value = (fraction(f32::from(sample)) - mean) / std;
        }
    }
}
