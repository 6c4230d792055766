//! Computes a decoded model in f64, operator by operator, by their definitions in ONNX.

use std::collections::BTreeMap;

use super::decode::{Decoded, Node};

#[derive(Debug, Clone)]
pub(super) struct Tensor {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f64>,
}

impl Tensor {
    pub(super) fn new(shape: &[usize], values: impl IntoIterator<Item = f32>) -> Self {
        let values: Vec<f64> = values.into_iter().map(f64::from).collect();
        assert_eq!(values.len(), shape.iter().product::<usize>());
        Self { shape: shape.to_vec(), values }
    }
}

/// Every value of the model by name, its input being `image`.
pub(super) fn evaluate(model: &Decoded, image: Tensor) -> BTreeMap<String, Tensor> {
    let mut values: BTreeMap<String, Tensor> = model
        .constants
        .iter()
        .map(|(name, constant)| {
            let (chunks, rest) = constant.bytes.as_chunks();
            assert!(rest.is_empty(), "{name}");
            let numbers = chunks.iter().map(|chunk| f32::from_le_bytes(*chunk));
            (name.clone(), Tensor::new(&constant.shape, numbers))
        })
        .collect();
    values.insert(model.inputs[0].0.clone(), image);
    for node in &model.nodes {
        let inputs: Vec<&Tensor> = node.inputs.iter().map(|name| &values[name]).collect();
        let output = apply(node, &inputs);
        assert!(values.insert(node.outputs[0].clone(), output).is_none(), "{node:?}");
    }
    values
}

fn apply(node: &Node, inputs: &[&Tensor]) -> Tensor {
    let x = inputs[0];
    match node.operator.as_str() {
        "Add" => with_values(x, zip(x, inputs[1], |a, b| a + b)),
        "Sub" => per_channel(x, |channel, value| value - inputs[1].values[channel]),
        "Div" => per_channel(x, |channel, value| value / inputs[1].values[channel]),
        "Relu" => with_values(x, x.values.iter().map(|value| value.max(0.0)).collect()),
        "BatchNormalization" => {
            let epsilon = f64::from(node.floats["epsilon"]);
            let [scale, bias, mean, variance] = [1, 2, 3, 4].map(|index| &inputs[index].values);
            per_channel(x, |c, value| {
                (value - mean[c]) / (variance[c] + epsilon).sqrt() * scale[c] + bias[c]
            })
        }
        "Conv" => convolution(node, x, inputs[1], inputs.get(2).copied()),
        "MaxPool" => max_pool(node, x),
        "GlobalAveragePool" => {
            let area = x.shape[2] * x.shape[3];
            let means = x.values.chunks(area).map(|image| image.iter().sum::<f64>() / area as f64);
            Tensor { shape: vec![x.shape[0], x.shape[1], 1, 1], values: means.collect() }
        }
        "Flatten" => {
            assert_eq!(node.integers["axis"], [1]);
            let shape = vec![x.shape[0], x.values.len() / x.shape[0]];
            Tensor { shape, values: x.values.clone() }
        }
        "Gemm" => {
            assert_eq!(node.integers["transB"], [1]);
            let [rows, width] = x.shape[..] else { panic!("{:?}", x.shape) };
            let weight = inputs[1];
            assert_eq!(weight.shape[1], width);
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum();
            let values = x
                .values
                .chunks(width)
                .flat_map(|row| weight.values.chunks(width).map(move |column| dot(row, column)))
                .collect();
            Tensor { shape: vec![rows, weight.shape[0]], values }
        }
        other => panic!("operator {other}"),
    }
}

fn with_values(x: &Tensor, values: Vec<f64>) -> Tensor {
    Tensor { shape: x.shape.clone(), values }
}

fn zip(a: &Tensor, b: &Tensor, of: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    assert_eq!(a.shape, b.shape);
    a.values.iter().zip(&b.values).map(|(&a, &b)| of(a, b)).collect()
}

fn per_channel(x: &Tensor, of: impl Fn(usize, f64) -> f64) -> Tensor {
    let channels = x.shape[1];
    let area: usize = x.shape[2..].iter().product();
    let values = x.values.iter().enumerate();
    with_values(x, values.map(|(i, &value)| of(i / area % channels, value)).collect())
}

/// Kernel, padding before, and stride of a square window; the extent that it leaves of `from`.
fn window(node: &Node, from: usize) -> (usize, usize, usize, usize) {
    let all_of = |name: &str, count| {
        let values = &node.integers[name];
        assert!(values.len() == count && values.iter().all(|&value| value == values[0]), "{name}");
        values[0] as usize
    };
    let (kernel, pad, stride) =
        (all_of("kernel_shape", 2), all_of("pads", 4), all_of("strides", 2));
    (kernel, pad, stride, (from + 2 * pad - kernel) / stride + 1)
}

fn convolution(node: &Node, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
    let [images, channels, height, width] = x.shape[..] else { panic!("{:?}", x.shape) };
    let outputs = weight.shape[0];
    let (kernel, pad, stride, out_height) = window(node, height);
    let (.., out_width) = window(node, width);
    assert_eq!(weight.shape, [outputs, channels, kernel, kernel]);
    let mut values = Vec::with_capacity(images * outputs * out_height * out_width);
    for image in 0..images {
        for output in 0..outputs {
            let mut plane =
                vec![bias.map_or(0.0, |bias| bias.values[output]); out_height * out_width];
            for channel in 0..channels {
                let from = &x.values[(image * channels + channel) * height * width..];
                let weights = &weight.values[(output * channels + channel) * kernel * kernel..];
                for tap in 0..kernel * kernel {
                    let (ky, kx) = (tap / kernel, tap % kernel);
                    // Columns whose tap lies within the image.
                    let first = pad.saturating_sub(kx).div_ceil(stride);
                    let end = (width + pad).saturating_sub(kx).div_ceil(stride).min(out_width);
                    for (row, sums) in plane.chunks_mut(out_width).enumerate() {
                        let y = (row * stride + ky).wrapping_sub(pad);
                        if y < height && first < end {
                            let line = &from[y * width + first * stride + kx - pad..];
                            for (sum, value) in
                                sums[first..end].iter_mut().zip(line.iter().step_by(stride))
                            {
                                *sum += value * weights[tap];
                            }
                        }
                    }
                }
            }
            values.append(&mut plane);
        }
    }
    Tensor { shape: vec![images, outputs, out_height, out_width], values }
}

fn max_pool(node: &Node, x: &Tensor) -> Tensor {
    let [images, channels, height, width] = x.shape[..] else { panic!("{:?}", x.shape) };
    let (kernel, pad, stride, out_height) = window(node, height);
    let (.., out_width) = window(node, width);
    let mut values = Vec::new();
    for plane in x.values.chunks(height * width) {
        for (row, column) in (0..out_height).flat_map(|y| (0..out_width).map(move |x| (y, x))) {
            let inside = |at: usize, end: usize| {
                (at * stride).saturating_sub(pad)..(at * stride + kernel - pad).min(end)
            };
            let largest = inside(row, height)
                .flat_map(|y| inside(column, width).map(move |x| plane[y * width + x]))
                .fold(f64::NEG_INFINITY, f64::max);
            values.push(largest);
        }
    }
    Tensor { shape: vec![images, channels, out_height, out_width], values }
}
