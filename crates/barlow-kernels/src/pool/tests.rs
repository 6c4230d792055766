use barlow_testing::fill;

use super::*;
use crate::bf16;
use crate::strip::tests::{assert_clean, assert_close, filled, on_any_threads, poison, strips};

/// The value and index in the plane of each window's first maximum, in planes.
fn maxima(strip: Strip, planes: &[f32]) -> Vec<(f32, usize)> {
    let (h, w) = (strip.height, strip.width);
    let mut result = Vec::new();
    for plane in planes.chunks(h * w) {
        for (out_y, out_x) in
            (0..h.div_ceil(2) * w.div_ceil(2)).map(|i| (i / w.div_ceil(2), i % w.div_ceil(2)))
        {
            let mut best = (f32::NEG_INFINITY, usize::MAX);
            for at in 0..h * w {
                let inside = (at / w + 1).wrapping_sub(2 * out_y) < 3
                    && (at % w + 1).wrapping_sub(2 * out_x) < 3;
                if inside && (best.1 == usize::MAX || plane[at] > best.0) {
                    best = (plane[at], at);
                }
            }
            result.push(best);
        }
    }
    result
}

fn max_pool_agrees<T: Element>() {
    for strip in strips() {
        // Few different values, so that many windows hold equal ones; all negative in some.
        for (low, high) in [(-3.0, 3.0), (-9.0, -1.0)] {
            let count = strip.inner_pixels() * strip.channels;
            let planes: Vec<f32> =
                fill("max", count, low, high).into_iter().map(f32::round).collect();
            let x = Activation::<T>::from_planes(strip, &planes);
            let expected = maxima(strip, &planes);
            let pooled: Vec<f32> = expected.iter().map(|(value, _)| *value).collect();
            let to = Strip::images(
                strip.batch,
                strip.channels,
                strip.height.div_ceil(2),
                strip.width.div_ceil(2),
            );
            let g = filled::<T>("max g", to, -2.0, 2.0);
            let mut spread = vec![0.0_f64; count];
            let windows = to.height * to.width;
            for (i, g) in g.to_planes().into_iter().enumerate() {
                let plane = i / windows * strip.height * strip.width;
                spread[plane + expected[i].1] += f64::from(g);
            }
            for isa in Isa::available() {
                poison::<T>(to);
                let (found, at) = max_pool_3x3(isa, &x);
                assert_clean(&found);
                assert!(found.to_planes() == pooled, "{isa} {strip:?}");
                poison::<T>(strip);
                let back = max_pool_3x3_backward(isa, &g, &at);
                assert_clean(&back);
                assert_eq!(back.strip(), strip);
                assert_close::<T>(&back.to_planes(), &spread, 1e-6, &(isa, strip));
            }
        }
    }
}

#[test]
fn max_pool_takes_the_first_of_the_largest_pixels_and_sends_gradients_there() {
    max_pool_agrees::<f32>();
    max_pool_agrees::<bf16>();
}

#[test]
fn not_a_number_wins_every_window_that_holds_it() {
    let mut planes = vec![1.0; 25];
    planes[6] = f32::NAN; // (1, 1)
    let x = Activation::<f32>::from_planes(Strip::images(1, 1, 5, 5), &planes);
    for isa in Isa::available() {
        let found = max_pool_3x3(isa, &x).0.to_planes();
        let nan: Vec<usize> = (0..9).filter(|i| found[*i].is_nan()).collect();
        assert_eq!(nan, [0, 1, 3, 4], "{isa}");
    }
}

fn average_agrees<T: Element>() {
    for strip in strips() {
        let x = filled::<T>("average", strip, -1.0, 3.0);
        let pixels = strip.height * strip.width;
        let mean = |plane: &[f32]| plane.iter().map(|v| f64::from(*v)).sum::<f64>() / pixels as f64;
        let expected: Vec<f64> = x.to_planes().chunks(pixels).map(mean).collect();
        for isa in Isa::available() {
            assert_close::<f32>(&global_average_pool(isa, &x), &expected, 1e-6, &(isa, strip));
        }
        let g = fill("average g", expected.len(), -1.0, 1.0);
        poison::<T>(strip);
        let back = global_average_pool_backward::<T>(&g, strip);
        assert_clean(&back);
        let expected: Vec<f64> =
            (0..g.len() * pixels).map(|i| f64::from(g[i / pixels]) / pixels as f64).collect();
        assert_close::<T>(&back.to_planes(), &expected, 1e-6, &strip);
    }
}

#[test]
fn average_pool_is_the_mean_and_shares_its_gradient() {
    average_agrees::<f32>();
    average_agrees::<bf16>();
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let x = filled::<f32>("threads", Strip::images(3, 40, 33, 28), -2.0, 2.0);
    let isa = Isa::best();
    on_any_threads(|| {
        let (pooled, at) = max_pool_3x3(isa, &x);
        let back = max_pool_3x3_backward(isa, &pooled, &at);
        (pooled.to_planes(), back.to_planes(), global_average_pool(isa, &x))
    });
}
