//! The projector: the perceptron between representation and embedding, thrown away after training.

use std::fmt;
use std::str::FromStr;

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::collective::CollectiveError;
use crate::init::Initializer;
use crate::layers::{Activation, BatchNorm, Finish, Linear, global_average_pool, relu};
use crate::pass::Pass;

/// What a projector is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectorConfig {
    /// Width of each layer; the last is the embedding's.
    pub widths: Widths,
    /// Whether a batch norm stands before each ReLU.
    pub batch_norm: bool,
    /// Whether layers that no batch norm follows have a bias.
    pub bias: bool,
    /// Whether a batch norm without scale and shift comes last (SimSiam).
    pub final_norm: bool,
}

impl Default for ProjectorConfig {
    /// The official projector (main.py): `8192-8192-8192` with batch norm.
    fn default() -> Self {
        Self::new(Widths(vec![8192; 3]))
    }
}

/// Widths of a projector's layers, written `8192-8192-8192`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Widths(Vec<usize>);

/// Why a text does not name a projector's widths.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` names no projector: `{part}` is not a width from 1 to {MAX_WIDTH}")]
pub struct ProjectorWidthsError {
    text: String,
    part: String,
}

/// Twice the widest projector of the paper (figure 4), to tell a width from a slip of the finger.
const MAX_WIDTH: usize = 65_536;

impl Widths {
    /// Length of the embedding.
    pub fn embedding_dim(&self) -> usize {
        // Widths come from text, which gives at least one.
        self.0.last().copied().unwrap_or_default()
    }

    /// Width of each layer, at least one.
    pub fn as_slice(&self) -> &[usize] {
        &self.0
    }
}

impl FromStr for Widths {
    type Err = ProjectorWidthsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = |part: &str| match part.parse() {
            Ok(width @ 1..=MAX_WIDTH) => Ok(width),
            _ => Err(ProjectorWidthsError { text: text.to_owned(), part: part.to_owned() }),
        };
        text.split('-').map(parse).collect::<Result<_, _>>().map(Self)
    }
}

impl TryFrom<String> for Widths {
    type Error = ProjectorWidthsError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Widths> for String {
    fn from(widths: Widths) -> Self {
        widths.to_string()
    }
}

impl fmt::Display for Widths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(usize::to_string).collect();
        f.write_str(&parts.join("-"))
    }
}

impl ProjectorConfig {
    /// Linear layers of these widths, without bias, with batch norm and ReLU between them.
    pub fn new(widths: Widths) -> Self {
        Self { widths, batch_norm: true, bias: false, final_norm: false }
    }

    /// A projector with PyTorch's first weights, for representations of length `input`.
    pub fn init(&self, input: usize, initializer: &Initializer) -> Projector {
        let mut layers: Vec<Layer> = Vec::new();
        let mut input = input;
        let last = self.widths.as_slice().len() - 1;
        for (index, &width) in self.widths.as_slice().iter().enumerate() {
            if index > 0 {
                if self.batch_norm {
                    let part = initializer.part(layers.len());
                    layers.push(Layer::Norm(BatchNorm::new(input, 1.0, &part)));
                }
                layers.push(Layer::Relu(Relu {}));
            }
            let part = initializer.part(layers.len());
            let has_norm = if index == last { self.final_norm } else { self.batch_norm };
            let has_bias = self.bias && !has_norm;
            layers.push(Layer::Linear(Linear::new(input, width, has_bias, &part)));
            input = width;
        }
        if self.final_norm {
            let part = initializer.part(layers.len());
            layers.push(Layer::Norm(BatchNorm::without_affine(input, &part)));
        }
        Projector { layers }
    }
}

/// Linear layers, batch norm and ReLU between them; numbered as PyTorch's
/// `nn.Sequential` numbers them (official main.py): `0.weight`, `1.weight`, `3.weight`, ...
#[derive(Module, Debug)]
pub struct Projector {
    layers: Vec<Layer>,
}

#[derive(Module, Debug)]
enum Layer {
    Linear(Linear),
    Norm(BatchNorm),
    Relu(Relu),
}

/// Holds a place in the numbering.
#[derive(Module, Debug)]
struct Relu {}

impl Projector {
    /// The embedding of each representation.
    ///
    /// # Shapes
    /// - `representation`: `[batch, representation_dim]`
    /// - output: `[batch, embedding_dim]`
    ///
    /// # Errors
    /// If a rank is gone or late.
    pub fn forward(
        &self,
        representation: Tensor<2>,
        pass: &Pass,
    ) -> Result<Tensor<2>, CollectiveError> {
        let mut x = Activation::from_rows(representation, pass);
        let mut sums = None;
        let mut layers = self.layers.iter().peekable();
        while let Some(layer) = layers.next() {
            match layer {
                Layer::Linear(linear) => (x, sums) = linear.forward(&x, pass),
                Layer::Norm(norm) => {
                    let is_relu = |layer: &&Layer| matches!(layer, Layer::Relu(_));
                    let relu = layers.next_if(is_relu).is_some();
                    x = norm.forward(&x, sums.take(), pass, Finish { residual: None, relu })?;
                }
                Layer::Relu(Relu {}) => x = relu(&x),
            }
        }
        Ok(global_average_pool(&x))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_read_as_they_are_written() {
        for text in ["8192-8192-8192", "128", "512-64"] {
            assert_eq!(text.parse::<Widths>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_not_a_width_is_named() {
        for (text, part) in [
            ("", ""),
            ("512-", ""),
            ("512-x-64", "x"),
            ("0", "0"),
            ("-5", ""),
            ("99999999", "99999999"),
        ] {
            let error = text.parse::<Widths>().unwrap_err();
            assert_eq!(error.part, part, "{error}");
        }
    }
}
