use super::*;
use crate::{Element, Isa, bf16};

/// Batch, height, width and convolution of every test: odd sizes, every tail, both strides, from one
/// channel to 2048.
const TABLE: &[([usize; 3], [usize; 4])] = &[
    ([1, 1, 1], [1, 1, 1, 1]),
    ([1, 1, 1], [1, 1, 3, 1]),
    ([1, 1, 2], [3, 5, 3, 2]),
    ([2, 5, 7], [3, 16, 3, 1]),
    ([2, 5, 7], [3, 16, 3, 2]),
    ([3, 6, 4], [17, 33, 3, 1]),
    ([3, 6, 4], [17, 33, 3, 2]),
    ([1, 7, 7], [64, 64, 1, 2]),
    ([4, 9, 9], [16, 48, 1, 1]),
    ([2, 28, 28], [16, 16, 3, 1]),
    ([2, 13, 11], [64, 80, 3, 1]),
    ([2, 13, 11], [80, 64, 3, 2]),
    ([5, 4, 4], [130, 70, 3, 1]),
    ([1, 2, 3], [2048, 40, 1, 1]),
    ([1, 2, 3], [33, 2048, 1, 2]),
    ([1, 33, 70], [8, 8, 3, 1]),
    ([1, 1, 1], [32, 32, 3, 1]),
    ([1, 1, 2], [40, 33, 3, 1]),
    ([3, 3, 3], [64, 64, 3, 1]),
    ([2, 7, 5], [33, 100, 3, 1]),
    ([5, 8, 7], [70, 260, 3, 1]),
    ([2, 5, 12], [200, 36, 3, 1]),
    ([1, 3, 61], [48, 80, 3, 1]),
    ([9, 14, 14], [32, 48, 3, 1]),
    ([1, 2, 2], [512, 64, 3, 1]),
    ([0, 4, 4], [32, 48, 3, 1]),
];

/// A case in f64: values that bf16 holds exactly, and what plain loops make of them.
struct Case {
    convolution: Convolution,
    strip: Strip,
    x: Vec<f32>,
    weights: Vec<f32>,
    gradient: Vec<f32>,
    output: Vec<f64>,
    data_gradient: Vec<f64>,
    weight_gradient: Vec<f64>,
}

fn values(name: &str, length: usize) -> Vec<f32> {
    let fill = barlow_testing::fill(name, length, -1.0, 1.0);
    fill.into_iter().map(|v| <bf16 as Element>::from_f32(v).to_f32()).collect()
}

impl Case {
    fn new(&([n, h, w], [input, output, kernel, stride]): &([usize; 3], [usize; 4])) -> Self {
        let convolution = Convolution { input, output, kernel, stride };
        let (oh, ow) = (h.div_ceil(stride), w.div_ceil(stride));
        let x = values("x", n * input * h * w);
        let weights = values("weights", convolution.weights());
        let gradient = values("gradient", n * output * oh * ow);
        let mut case = Self {
            convolution,
            strip: Strip::images(n, input, h, w),
            output: vec![0.0; gradient.len()],
            data_gradient: vec![0.0; x.len()],
            weight_gradient: vec![0.0; weights.len()],
            x,
            weights,
            gradient,
        };
        for image in 0..n {
            for o in 0..output {
                for (oy, ox) in (0..oh).flat_map(|y| (0..ow).map(move |x| (y, x))) {
                    let out = ((image * output + o) * oh + oy) * ow + ox;
                    for i in 0..input {
                        for (ky, kx) in (0..kernel).flat_map(|y| (0..kernel).map(move |x| (y, x))) {
                            let (y, x) = (oy * stride + ky, ox * stride + kx);
                            let (Some(y), Some(x)) =
                                (y.checked_sub(kernel / 2), x.checked_sub(kernel / 2))
                            else {
                                continue;
                            };
                            if y >= h || x >= w {
                                continue;
                            }
                            let at = ((image * input + i) * h + y) * w + x;
                            let weight = ((o * input + i) * kernel + ky) * kernel + kx;
                            let (value, factor) =
                                (f64::from(case.x[at]), f64::from(case.weights[weight]));
                            let gradient = f64::from(case.gradient[out]);
                            case.output[out] += value * factor;
                            case.data_gradient[at] += gradient * factor;
                            case.weight_gradient[weight] += gradient * value;
                        }
                    }
                }
            }
        }
        case
    }
}

/// Fails naming the case if values are further from f64 than `relative` of their largest.
fn assert_close(what: &str, found: &[f32], expected: &[f64], relative: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
    for (i, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (f64::from(found) - expected).abs() <= relative * largest,
            "{what}: value {i} is {found}, not {expected} (largest {largest})"
        );
    }
}

/// `rounding`: of a stored value relative to the largest; `sums`: of f32 sums.
fn agrees<T: Element>(rounding: f64, sums: f64) {
    for row in TABLE {
        let case = Case::new(row);
        let convolution = case.convolution;
        let x = Activation::<T>::from_planes(case.strip, &case.x);
        let output_strip = convolution.output_strip(case.strip);
        let gradient = Activation::<T>::from_planes(output_strip, &case.gradient);
        for isa in Isa::available() {
            let forward = convolution.pack_forward::<T>(isa, &case.weights);
            let backward = convolution.pack_backward::<T>(isa, &case.weights);
            let name = |what: &str| format!("{what} of {convolution:?} on {:?}, {isa}", case.strip);
            let found = convolution.forward(isa, &x, &forward);
            assert_close(&name("output"), &found.output.to_planes(), &case.output, rounding);
            assert_borders_are_zero(&found.output);
            let per_channel = |f: fn(f64) -> f64| {
                let mut totals = vec![0.0; convolution.output];
                let plane = output_strip.height * output_strip.width;
                for (i, &value) in case.output.iter().enumerate() {
                    totals[i / plane % convolution.output] += f(value);
                }
                totals
            };
            assert_close(&name("sums"), &found.sum, &per_channel(|v| v), sums);
            assert_close(&name("squares"), &found.sum_of_squares, &per_channel(|v| v * v), sums);

            let found = convolution.data_gradient(isa, &gradient, &backward, case.strip, None);
            assert_close(&name("∂x"), &found.to_planes(), &case.data_gradient, rounding);
            assert_borders_are_zero(&found);
            let twice =
                convolution.data_gradient(isa, &gradient, &backward, case.strip, Some(found));
            let expected: Vec<f64> = case.data_gradient.iter().map(|v| 2.0 * v).collect();
            assert_close(&name("∂x added"), &twice.to_planes(), &expected, 2.0 * rounding);
            assert_borders_are_zero(&twice);

            let found = convolution.weight_gradient(isa, &x, &gradient);
            assert_close(&name("∂w"), &found, &case.weight_gradient, sums);
        }
    }
}

fn assert_borders_are_zero<T: Element>(activation: &Activation<T>) {
    let total =
        |values: &mut dyn Iterator<Item = f32>| values.map(|v| f64::from(v.abs())).sum::<f64>();
    let all = total(&mut activation.buffer().iter().map(|v| v.to_f32()));
    let inner = total(&mut activation.to_planes().into_iter());
    assert!(
        (all - inner).abs() <= 1e-9 * inner.max(1.0),
        "{:?}: {all}, {inner}",
        activation.strip()
    );
}

#[test]
fn f32_agrees_with_f64_on_every_instruction_set() {
    // Sums of up to 20,000 products within ±1 against sums of f64.
    agrees::<f32>(1e-5, 1e-5);
}

#[test]
fn bf16_agrees_with_f64_but_for_the_rounding_of_what_is_stored() {
    // Half a unit of 8 significant bits; products of bf16 are exact in f32, so sums are as in f32.
    agrees::<bf16>(4e-3, 1e-5);
}

#[test]
fn an_image_of_nan_leaves_the_one_before_it_alone() {
    let convolution = Convolution { input: 40, output: 64, kernel: 3, stride: 1 };
    // Odd sizes: the last patches reach into the next row and the next image.
    for isa in Isa::available() {
        let (one, two) = (Strip::images(1, 40, 5, 3), Strip::images(2, 40, 5, 3));
        let alone = values("x", one.inner_pixels() * one.channels);
        let with_nan = [alone.clone(), vec![f32::NAN; alone.len()]].concat();
        let weights = convolution.pack_forward(isa, &values("weights", convolution.weights()));
        let output = |strip, planes: &[f32]| {
            let x = Activation::<f32>::from_planes(strip, planes);
            convolution.forward(isa, &x, &weights).output.to_planes()
        };
        let expected = output(one, &alone);
        let found = output(two, &with_nan);
        assert!(found[..expected.len()] == expected[..], "{isa}");
        assert!(found[expected.len()..].iter().all(|value| value.is_nan()), "{isa}");
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    fn bits<T: Element>(threads: usize, [input, output]: [usize; 2]) -> Vec<u32> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| {
            let isa = Isa::best();
            let convolution = Convolution { input, output, kernel: 3, stride: 1 };
            let strip = Strip::images(9, input, 19, 23);
            let places = convolution.output_strip(strip);
            let count = |strip: Strip| strip.inner_pixels() * strip.channels;
            let x = Activation::<T>::from_planes(strip, &values("x", count(strip)));
            let gradient = Activation::<T>::from_planes(places, &values("g", count(places)));
            let weights = values("weights", convolution.weights());
            let forward = convolution.pack_forward(isa, &weights);
            let backward = convolution.pack_backward(isa, &weights);
            let result = convolution.forward(isa, &x, &forward);
            let all = [
                result.output.to_planes(),
                result.sum,
                result.sum_of_squares,
                convolution.data_gradient(isa, &gradient, &backward, strip, None).to_planes(),
                convolution.weight_gradient(isa, &x, &gradient),
            ];
            all.concat().into_iter().map(f32::to_bits).collect()
        })
    }
    for channels in [[24, 40], [72, 150]] {
        let [f32s, bf16s] = [bits::<f32>(1, channels), bits::<bf16>(1, channels)];
        for threads in [2, 3, 8] {
            assert!(f32s == bits::<f32>(threads, channels), "f32, {channels:?}, {threads} threads");
            assert!(
                bf16s == bits::<bf16>(threads, channels),
                "bf16, {channels:?}, {threads} threads"
            );
        }
    }
}
