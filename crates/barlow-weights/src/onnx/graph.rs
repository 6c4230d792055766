//! The operators of an encoder, as nodes and named constants.
//!
//! Each node bears the name of the module that it stands for, and its result the same name.

use std::borrow::Cow;

use super::{OnnxError, REPRESENTATION};
use crate::architecture::{Architecture, BATCH_NORM_EPSILON, Block, Convolution, NORM_LEAVES};
use crate::encoder::EncoderConfig;
use crate::tensor_file::Tensors;

/// Nodes in the order of computation, and the constants that they use.
#[derive(Debug, Default)]
pub(super) struct Graph<'a> {
    pub(super) nodes: Vec<Node>,
    pub(super) constants: Vec<Constant<'a>>,
}

/// An operator with one result.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: String,
    /// Name in ONNX.
    pub(super) operator: &'static str,
    pub(super) inputs: Vec<String>,
    pub(super) output: String,
    pub(super) attributes: Vec<(&'static str, Attribute)>,
}

/// A setting of an operator.
#[derive(Debug)]
pub(super) enum Attribute {
    Integer(i64),
    Integers(Vec<i64>),
    Float(f32),
}

/// A constant f32 tensor (an initialiser).
#[derive(Debug)]
pub(super) struct Constant<'a> {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    /// Little-endian, row-major.
    pub(super) bytes: Cow<'a, [u8]>,
}

impl<'a> Graph<'a> {
    /// Subtracts a mean from each channel and divides by a deviation; the name of the result.
    pub(super) fn normalise(&mut self, image: String, mean: &[f32], std: &[f32]) -> String {
        let mut x = image;
        for (name, operator, values) in [("mean", "Sub", mean), ("std", "Div", std)] {
            let constant = format!("normalise.{name}");
            self.computed(constant.clone(), &[1, values.len(), 1, 1], values);
            x = self.node(format!("normalise.{operator}"), operator, [x, constant], vec![]);
        }
        x
    }

    /// Appends the encoder, from the value called `image` to [`REPRESENTATION`].
    ///
    /// The tensors must have been checked: a missing one is a panic.
    ///
    /// # Errors
    /// If a tensor that is to be folded cannot be read.
    pub(super) fn encoder(
        &mut self,
        config: &EncoderConfig,
        tensors: &'a Tensors,
        image: String,
        folds_batch_norm: bool,
    ) -> Result<(), OnnxError> {
        let architecture = Architecture::new(config);
        let mut append = |graph: &mut Self, convolution: &Convolution, x: String| {
            if folds_batch_norm {
                graph.folded_convolution(convolution, tensors, x)
            } else {
                let x = graph.convolution(convolution, tensors, x);
                Ok(graph.batch_norm("", &convolution.norm, tensors, x))
            }
        };
        let x = append(self, &architecture.stem, image)?;
        let mut x = self.node("relu".to_owned(), "Relu", [x], vec![]);
        if architecture.has_max_pool {
            let attributes = window(3, 2);
            x = self.node("maxpool".to_owned(), "MaxPool", [x], attributes);
        }
        for block in &architecture.blocks {
            x = self.block(block, x, &mut append)?;
        }
        let x = self.node("avgpool".to_owned(), "GlobalAveragePool", [x], vec![]);
        let attributes = vec![("axis", Attribute::Integer(1))];
        self.node("flatten".to_owned(), "Flatten", [x], attributes);
        self.end(REPRESENTATION);
        Ok(())
    }

    fn block(
        &mut self,
        Block { name, branch, downsample }: &Block,
        input: String,
        append: &mut impl FnMut(&mut Self, &Convolution, String) -> Result<String, OnnxError>,
    ) -> Result<String, OnnxError> {
        let mut x = input.clone();
        for (number, convolution) in (1..).zip(branch) {
            x = append(self, convolution, x)?;
            if number < branch.len() {
                x = self.node(format!("{name}.relu{number}"), "Relu", [x], vec![]);
            }
        }
        let shortcut = match downsample {
            Some(convolution) => append(self, convolution, input)?,
            None => input,
        };
        let x = self.node(format!("{name}.add"), "Add", [x, shortcut], vec![]);
        Ok(self.node(format!("{name}.relu"), "Relu", [x], vec![]))
    }

    fn convolution(
        &mut self,
        convolution: &Convolution,
        tensors: &'a Tensors,
        x: String,
    ) -> String {
        let Convolution { name, kernel, stride, .. } = convolution;
        let weight = self.constant("", &format!("{name}.weight"), tensors);
        self.node(name.clone(), "Conv", [x, weight], window(*kernel, *stride))
    }

    /// A convolution and its batch norm as one: the weight of each output channel times
    /// s = weight / sqrt(variance + epsilon), and a bias, the norm's less mean times s.
    fn folded_convolution(
        &mut self,
        convolution: &Convolution,
        tensors: &'a Tensors,
        x: String,
    ) -> Result<String, OnnxError> {
        let values = |name: String| {
            tensors[&name].to_f32().map_err(|source| OnnxError::Array { name, source })
        };
        let Convolution { name, norm, kernel, stride, output, .. } = convolution;
        let mut weight = values(format!("{name}.weight"))?;
        let [scale, bias, mean, variance] =
            NORM_LEAVES.map(|leaf| values(format!("{norm}.{leaf}")));
        let (scale, bias, mean, variance) = (scale?, bias?, mean?, variance?);
        let per_channel = weight.len() / output;
        let mut folded_bias = Vec::with_capacity(*output);
        for (channel, weights) in weight.chunks_exact_mut(per_channel).enumerate() {
            let deviation = (f64::from(variance[channel]) + BATCH_NORM_EPSILON).sqrt();
            let factor = f64::from(scale[channel]) / deviation;
            for value in weights {
                *value = (f64::from(*value) * factor) as f32;
            }
            let shift = f64::from(mean[channel]) * factor;
            folded_bias.push((f64::from(bias[channel]) - shift) as f32);
        }
        let constants = [format!("{name}.weight"), format!("{name}.bias")];
        self.computed(constants[0].clone(), &convolution.shape(), &weight);
        self.computed(constants[1].clone(), &[*output], &folded_bias);
        let [weight, bias] = constants;
        Ok(self.node(name.clone(), "Conv", [x, weight, bias], window(*kernel, *stride)))
    }

    /// Appends a batch norm in evaluation; names in the graph begin with `prefix`.
    pub(super) fn batch_norm(
        &mut self,
        prefix: &str,
        norm: &str,
        tensors: &'a Tensors,
        x: String,
    ) -> String {
        let constants =
            NORM_LEAVES.map(|leaf| self.constant(prefix, &format!("{norm}.{leaf}"), tensors));
        let inputs = std::iter::once(x).chain(constants);
        let attributes = vec![("epsilon", Attribute::Float(BATCH_NORM_EPSILON as f32))];
        self.node(format!("{prefix}{norm}"), "BatchNormalization", inputs, attributes)
    }

    /// Adds a constant that is one of the tensors, by reference; its name, `prefix` before it.
    pub(super) fn constant(&mut self, prefix: &str, name: &str, tensors: &'a Tensors) -> String {
        let array = &tensors[name];
        let name = format!("{prefix}{name}");
        let bytes = Cow::Borrowed(array.bytes.as_slice());
        self.constants.push(Constant { name: name.clone(), shape: array.shape.clone(), bytes });
        name
    }

    fn computed(&mut self, name: String, shape: &[usize], values: &[f32]) {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constants.push(Constant { name, shape: shape.to_vec(), bytes: Cow::Owned(bytes) });
    }

    /// Adds a node; its result is called as it is.
    pub(super) fn node(
        &mut self,
        name: String,
        operator: &'static str,
        inputs: impl IntoIterator<Item = String>,
        attributes: Vec<(&'static str, Attribute)>,
    ) -> String {
        let inputs = inputs.into_iter().collect();
        let output = name.clone();
        self.nodes.push(Node { name, operator, inputs, output: output.clone(), attributes });
        output
    }

    /// Calls the result of the last node `output`.
    pub(super) fn end(&mut self, output: &str) {
        if let Some(node) = self.nodes.last_mut() {
            output.clone_into(&mut node.output);
        }
    }
}

/// Attributes of a square window that keeps the size at stride 1.
fn window(kernel: usize, stride: usize) -> Vec<(&'static str, Attribute)> {
    let ints = |value: usize, count| Attribute::Integers(vec![value as i64; count]);
    vec![
        ("kernel_shape", ints(kernel, 2)),
        ("pads", ints(kernel / 2, 4)),
        ("strides", ints(stride, 2)),
    ]
}
