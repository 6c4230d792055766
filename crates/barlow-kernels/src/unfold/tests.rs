use barlow_testing::fill;

use super::*;
use crate::bf16;
use crate::strip::tests::{assert_clean, on_any_threads, poison};

/// Each window value at its place in planes `[batch, c·k², out h, out w]`, 0 outside of the image.
fn windows(planes: &[f32], shape: [usize; 4], kernel: usize, stride: usize) -> Vec<f32> {
    let [batch, channels, height, width] = shape;
    let mut result = Vec::new();
    for n in 0..batch {
        for channel in 0..channels * kernel * kernel {
            let (c, ky) = (channel / (kernel * kernel), channel / kernel % kernel);
            let kx = channel % kernel;
            for out_y in 0..height.div_ceil(stride) {
                for out_x in 0..width.div_ceil(stride) {
                    let y = (out_y * stride + ky).wrapping_sub(kernel / 2);
                    let x = (out_x * stride + kx).wrapping_sub(kernel / 2);
                    let inside = y < height && x < width;
                    let at = ((n * channels + c) * height).wrapping_add(y).wrapping_mul(width);
                    result.push(if inside { planes[at + x] } else { 0.0 });
                }
            }
        }
    }
    result
}

fn unfold_agrees<T: Element>() {
    let shapes = [[1, 1, 1, 1], [2, 1, 28, 28], [3, 3, 5, 7], [1, 2, 9, 4], [2, 3, 33, 18]];
    for shape in shapes {
        let planes: Vec<f32> = fill("unfold", shape.iter().product(), -100.0, 100.0);
        let planes: Vec<f32> = planes.into_iter().map(f32::round).collect();
        for (kernel, stride) in
            [(1, 1), (1, 2), (3, 1), (3, 2), (5, 1), (5, 3), (7, 1), (7, 2), (9, 2), (11, 4)]
        {
            let expected = windows(&planes, shape, kernel, stride);
            for isa in Isa::available() {
                let strip = unfold::<T>(isa, &planes, shape, kernel, stride).strip();
                poison::<T>(strip);
                let found = unfold::<T>(isa, &planes, shape, kernel, stride);
                assert_eq!(strip.channels, shape[1] * kernel * kernel);
                assert_clean(&found);
                assert!(found.to_planes() == expected, "{isa} {shape:?} {kernel} {stride}");
            }
        }
    }
}

#[test]
fn channels_are_the_pixels_under_the_window() {
    unfold_agrees::<f32>();
    unfold_agrees::<bf16>();
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let planes = fill("threads", 5 * 3 * 20 * 20, -1.0, 1.0);
    let isa = Isa::best();
    on_any_threads(|| unfold::<f32>(isa, &planes, [5, 3, 20, 20], 7, 2).to_planes());
}

#[test]
#[should_panic(expected = "kernel 4 is odd")]
fn an_even_kernel_is_refused() {
    unfold::<f32>(Isa::best(), &[0.0; 16], [1, 1, 4, 4], 4, 1);
}
