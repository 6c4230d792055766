//! The way back of [`crate::unfold()`], for convolutions without a kernel of their own; slow and rare.

use rayon::prelude::*;

use crate::{Activation, Element};

/// The gradient for planes, given that for their windows: each window's share goes back to the pixels
/// under it.
///
/// # Shapes
/// As [`crate::unfold()`]: `gradient` has c·kernel² channels; the result is `[batch, c, h, w]`, `shape`.
///
/// # Panics
/// If the gradient is not that of planes of this shape.
pub fn fold<T: Element>(
    gradient: &Activation<T>,
    shape: [usize; 4],
    kernel: usize,
    stride: usize,
) -> Vec<f32> {
    let [batch, channels, height, width] = shape;
    let strip = gradient.strip();
    let expected =
        (batch, channels * kernel * kernel, height.div_ceil(stride), width.div_ceil(stride));
    assert_eq!(
        (strip.batch, strip.channels, strip.height, strip.width),
        expected,
        "windows of {shape:?}"
    );
    let pitch = strip.channel_pitch();
    let mut planes = vec![0.0; batch * channels * height * width];
    let images = planes.par_chunks_mut((channels * height * width).max(1)).enumerate();
    images.for_each(|(image, planes)| {
        for (y, x) in (0..strip.height).flat_map(|y| (0..strip.width).map(move |x| (y, x))) {
            let pixel = strip.pixel(image, y, x);
            let window = &gradient.pixels()[pixel * pitch..][..strip.channels];
            for (index, value) in window.iter().enumerate() {
                let (c, ky, kx) =
                    (index / (kernel * kernel), index / kernel % kernel, index % kernel);
                let at = |place: usize, k: usize, size: usize| {
                    (place * stride + k).checked_sub(kernel / 2).filter(|&at| at < size)
                };
                if let Some((y, x)) = at(y, ky, height).zip(at(x, kx, width)) {
                    planes[(c * height + y) * width + x] += value.to_f32();
                }
            }
        }
    });
    planes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Isa, Strip, unfold};

    /// ⟨unfold(x), g⟩ = ⟨x, fold(g)⟩: one is the other's transpose.
    #[test]
    fn folding_is_the_transpose_of_unfolding() {
        for (shape, kernel, stride) in
            [([2, 3, 7, 5], 5, 1), ([1, 2, 9, 8], 3, 3), ([1, 1, 4, 4], 7, 2)]
        {
            let [batch, channels, height, width] = shape;
            let x = barlow_testing::fill("x", batch * channels * height * width, -1.0, 1.0);
            let windows: Activation<f32> = unfold(Isa::Portable, &x, shape, kernel, stride);
            let strip: Strip = windows.strip();
            let g = barlow_testing::fill("g", strip.inner_pixels() * strip.channels, -1.0, 1.0);
            let gradient = Activation::<f32>::from_planes(strip, &g);
            let dot = |a: &[f32], b: &[f32]| {
                a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
            };
            let folded = fold(&gradient, shape, kernel, stride);
            let (one, other) = (dot(&windows.to_planes(), &g), dot(&x, &folded));
            assert!((one - other).abs() < 1e-4, "{shape:?}, {kernel}, {stride}: {one}, {other}");
        }
    }
}
