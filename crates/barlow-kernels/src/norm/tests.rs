use barlow_testing::fill;

use super::*;
use crate::bf16;
use crate::strip::tests::{assert_clean, assert_close, filled, on_any_threads, poison, strips};

const EPS: f64 = 1e-5;

/// The channel of each value in planes.
fn channel_of(strip: Strip, index: usize) -> usize {
    index / (strip.height * strip.width) % strip.channels
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}

/// Σ of `values` in each channel.
fn sum_channels(strip: Strip, values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut sums = vec![0.0; strip.channels];
    for (i, value) in values.into_iter().enumerate() {
        sums[channel_of(strip, i)] += value;
    }
    sums
}

fn normalise_agrees<T: Element>() {
    for strip in strips() {
        let [y, r] = ["y", "r"].map(|name| filled::<T>(name, strip, -2.0, 2.0));
        let scale = fill("scale", strip.channels, 0.5, 1.5);
        let shift = fill("shift", strip.channels, -0.5, 0.5);
        for (residual, relu) in [(None, false), (None, true), (Some(&r), false), (Some(&r), true)] {
            let added = residual.map(Activation::to_planes);
            let expected: Vec<f64> = wide(&y.to_planes())
                .iter()
                .enumerate()
                .map(|(i, y)| {
                    let c = channel_of(strip, i);
                    let x = y * f64::from(scale[c]) + f64::from(shift[c]);
                    let x = x + added.as_ref().map_or(0.0, |r| f64::from(r[i]));
                    if relu { x.max(0.0) } else { x }
                })
                .collect();
            let mut first = None;
            for isa in Isa::available() {
                poison::<T>(strip);
                let found = normalise(isa, &y, &scale, &shift, residual, relu);
                assert_clean(&found);
                let found = found.to_planes();
                assert_close::<T>(&found, &expected, 1e-6, &(isa, strip, relu));
                assert!(*first.get_or_insert(found.clone()) == found, "{isa} differs on {strip:?}");
            }
        }
    }
}

#[test]
fn normalise_matches_its_formula_with_every_instruction_set() {
    normalise_agrees::<f32>();
    normalise_agrees::<bf16>();
}

#[test]
fn not_a_number_goes_through_the_relu() {
    let strip = Strip::images(1, 3, 2, 2);
    let mut planes = vec![1.0; 12];
    planes[5] = f32::NAN;
    let y = Activation::<bf16>::from_planes(strip, &planes);
    for isa in Isa::available() {
        let x = normalise(isa, &y, &[1.0; 3], &[0.0; 3], None, true).to_planes();
        assert_eq!(x.iter().filter(|v| v.is_nan()).count(), 1, "{isa}");
        assert!(x[5].is_nan(), "{isa}");
    }
}

fn sums_agree<T: Element>() {
    for strip in strips() {
        let [g, y, x] = ["g", "y", "x"].map(|name| filled::<T>(name, strip, -1.0, 2.0));
        let [gs, ys, xs] = [&g, &y, &x].map(|a| wide(&a.to_planes()));
        // Piecewise f32: rounding grows with Σ|terms|, here at most 4 for each pixel.
        let pixels = strip.inner_pixels() as f64;
        let mean = fill("mean", strip.channels, -1.0, 1.0);
        for mask in [false, true] {
            let masked = |i: usize| if mask && xs[i] <= 0.0 { 0.0 } else { gs[i] };
            let expected = [
                sum_channels(strip, (0..gs.len()).map(masked)),
                sum_channels(
                    strip,
                    (0..gs.len())
                        .map(|i| masked(i) * (ys[i] - f64::from(mean[channel_of(strip, i)]))),
                ),
            ];
            let mut first = None;
            for isa in Isa::available() {
                let found = gradient_sums(isa, &g, &y, &mean, mask.then_some(&x));
                for (found, expected) in [&found.0, &found.1].into_iter().zip(&expected) {
                    for (found, expected) in found.iter().zip(expected) {
                        let off = (found - expected).abs();
                        assert!(off < 1e-6 * pixels, "{isa} {strip:?}: {found}, {expected}");
                    }
                }
                assert!(*first.get_or_insert(found.clone()) == found, "{isa} differs on {strip:?}");
            }
        }
        let squares = sum_channels(strip, ys.iter().map(|y| y * y));
        let sums = sum_channels(strip, ys);
        for isa in Isa::available() {
            let found = channel_sums(isa, &y);
            assert_close::<f32>(&found.0, &sums, 1e-6 * pixels, &(isa, strip));
            assert_close::<f32>(&found.1, &squares, 1e-6 * pixels, &(isa, strip));
        }
    }
}

#[test]
fn sums_match_f64_with_every_instruction_set() {
    sums_agree::<f32>();
    sums_agree::<bf16>();
}

/// Mean and biased variance of each channel.
fn statistics(strip: Strip, y: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let n = strip.inner_pixels() as f64;
    let mean: Vec<f64> = sum_channels(strip, y.iter().copied()).iter().map(|s| s / n).collect();
    let squared = y.iter().enumerate().map(|(i, y)| (y - mean[channel_of(strip, i)]).powi(2));
    let variance = sum_channels(strip, squared).iter().map(|s| s / n).collect();
    (mean, variance)
}

fn round(values: &[f64]) -> Vec<f32> {
    values.iter().map(|v| *v as f32).collect()
}

fn backward_agrees<T: Element>() {
    for strip in strips() {
        let [g, y, x] = ["g", "y", "x"].map(|name| filled::<T>(name, strip, -2.0, 2.0));
        let [gs, ys, xs] = [&g, &y, &x].map(|a| wide(&a.to_planes()));
        let weight = fill("weight", strip.channels, 0.5, 1.5);
        let n = strip.inner_pixels();
        let (mean, variance) = statistics(strip, &ys);
        let x_hat = |i: usize| {
            let c = channel_of(strip, i);
            (ys[i] - mean[c]) / (variance[c] + EPS).sqrt()
        };
        for (mask, residual, training) in [
            (false, false, true),
            (true, false, true),
            (false, true, true),
            (true, true, true),
            (true, true, false),
        ] {
            let masked: Vec<f64> =
                (0..gs.len()).map(|i| if mask && xs[i] <= 0.0 { 0.0 } else { gs[i] }).collect();
            let d_bias = sum_channels(strip, masked.iter().copied());
            let d_weight = sum_channels(strip, (0..gs.len()).map(|i| masked[i] * x_hat(i)));
            let expected: Vec<f64> = (0..gs.len())
                .map(|i| {
                    let c = channel_of(strip, i);
                    let through = (d_bias[c] + x_hat(i) * d_weight[c]) / n as f64;
                    let g = masked[i] - if training { through } else { 0.0 };
                    f64::from(weight[c]) / (variance[c] + EPS).sqrt() * g
                })
                .collect();
            // A channel of one pixel has deviation √eps: dy is 0 as a difference of large numbers.
            let allowed: f64 = if n == 1 { 2e-3 } else { 3e-5 };
            let mut first = None;
            for isa in Isa::available() {
                let case = (isa, strip, mask, residual, training);
                let x = mask.then_some(&x);
                let (mean, variance) = (round(&mean), round(&variance));
                let sums = gradient_sums(isa, &g, &y, &mean, x);
                let sums = (&sums.0[..], &sums.1[..]);
                let by = if training {
                    Coefficients::training(sums, &mean, &variance, EPS, &weight, n)
                } else {
                    Coefficients::evaluation(&variance, EPS, &weight)
                };
                let found = parameter_gradients(sums, &variance, EPS);
                let scale = 1e-5 * n as f64;
                assert_close::<f32>(&found.0, &d_weight, allowed.max(scale), &case);
                assert_close::<f32>(&found.1, &d_bias, scale, &case);
                poison::<T>(strip);
                let (dy, dr) = normalise_backward(isa, g.clone(), &y, x, &by, residual);
                assert_clean(&dy);
                assert_eq!(dr.is_some(), residual);
                if let Some(dr) = dr {
                    assert_clean(&dr);
                    assert!(wide(&dr.to_planes()) == masked, "{case:?}: residual's gradient");
                }
                let dy = dy.to_planes();
                assert_close::<T>(&dy, &expected, allowed, &case);
                assert!(*first.get_or_insert(dy.clone()) == dy, "{isa} differs: {case:?}");
            }
        }
    }
}

#[test]
fn backward_matches_its_definition_with_every_instruction_set() {
    backward_agrees::<f32>();
    backward_agrees::<bf16>();
}

/// Σ weights·relu(batch norm(y)·γ + β + residual), in f64 from the definition.
fn loss(strip: Strip, [y, residual, gamma, beta]: [&[f64]; 4], weights: &[f64]) -> f64 {
    let (mean, variance) = statistics(strip, y);
    (0..y.len())
        .map(|i| {
            let c = channel_of(strip, i);
            let x_hat = (y[i] - mean[c]) / (variance[c] + EPS).sqrt();
            weights[i] * (x_hat * gamma[c] + beta[c] + residual[i]).max(0.0)
        })
        .sum()
}

#[test]
fn gradients_match_finite_differences() {
    let strip = Strip::images(2, 3, 3, 2);
    let [y, r, g] = ["fd y", "fd r", "fd g"].map(|name| filled::<f32>(name, strip, -2.0, 2.0));
    let (gamma, beta) = (fill("fd gamma", 3, 0.5, 1.5), fill("fd beta", 3, -0.5, 0.5));
    let inputs = [&y.to_planes(), &r.to_planes(), &gamma, &beta].map(|v| wide(v));
    let weights = wide(&g.to_planes());
    let slopes = |which: usize| -> Vec<f64> {
        let at = |index: usize, by: f64| {
            let mut moved = inputs.clone();
            moved[which][index] += by;
            let [y, r, gamma, beta] = &moved;
            loss(strip, [y, r, gamma, beta], &weights)
        };
        (0..inputs[which].len()).map(|i| (at(i, 1e-6) - at(i, -1e-6)) / 2e-6).collect()
    };
    for isa in Isa::available() {
        let (sum, squares) = channel_sums(isa, &y);
        let mean: Vec<f32> = sum.iter().map(|s| s / 12.0).collect();
        let variance: Vec<f32> = (0..3).map(|c| squares[c] / 12.0 - mean[c] * mean[c]).collect();
        let (scale, shift) = scale_and_shift(&mean, &variance, EPS, &gamma, &beta);
        let x = normalise(isa, &y, &scale, &shift, Some(&r), true);
        let sums = gradient_sums(isa, &g, &y, &mean, Some(&x));
        let sums = (&sums.0[..], &sums.1[..]);
        let (d_gamma, d_beta) = parameter_gradients(sums, &variance, EPS);
        let by = Coefficients::training(sums, &mean, &variance, EPS, &gamma, 12);
        let (dy, dr) = normalise_backward(isa, g.clone(), &y, Some(&x), &by, true);
        let found = [dy.to_planes(), dr.unwrap().to_planes(), d_gamma, d_beta];
        for (which, found) in found.iter().enumerate() {
            assert_close::<f32>(found, &slopes(which), 1e-4, &(isa, which));
        }
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let strip = Strip::images(4, 20, 40, 33);
    let [g, y] = ["g", "y"].map(|name| filled::<f32>(name, strip, -2.0, 2.0));
    let isa = Isa::best();
    on_any_threads(|| {
        let sums = gradient_sums(isa, &g, &y, &[0.3; 20], Some(&y));
        let x = normalise(isa, &y, &[0.7; 20], &[0.1; 20], Some(&g), true);
        let weight = [0.9; 20];
        let by = Coefficients::evaluation(&[1.3; 20], EPS, &weight);
        let (dy, dr) = normalise_backward(isa, g.clone(), &y, Some(&x), &by, true);
        (sums, x.to_planes(), dy.to_planes(), dr.map(|dr| dr.to_planes()))
    });
}
