//! The projector behind an encoder, recognised by the names and shapes of its tensors.

use std::collections::BTreeMap;

use super::graph::{Attribute, Graph};
use super::{EMBEDDING, OnnxError, REPRESENTATION, check_tensors};
use crate::architecture::NORM_LEAVES;
use crate::facts::EncoderFacts;
use crate::tensor_file::Tensors;

/// Before the names of the projector's nodes and constants.
const PREFIX: &str = "projector.";

#[derive(Debug)]
enum Layer {
    Linear,
    Norm,
    Relu,
}

/// Appends the projector, from [`REPRESENTATION`] to [`EMBEDDING`]; the embedding's length.
///
/// # Errors
/// If the tensors are not those of linear layers that fit each other, with ReLU
/// between them and a batch norm before each ReLU or none.
pub(super) fn append<'a>(
    graph: &mut Graph<'a>,
    facts: &EncoderFacts,
    tensors: &'a Tensors,
) -> Result<usize, OnnxError> {
    let (layers, wanted, embedding_dim) = layers(facts.encoder.representation_dim(), tensors);
    check_tensors("projector", tensors, &wanted)?;
    if wanted.values().flatten().any(|&extent| extent == 0) {
        return Err(OnnxError::Extent { what: "a width of the projector", found: 0 });
    }
    let mut x = REPRESENTATION.to_owned();
    for (index, layer) in layers.iter().enumerate() {
        x = match layer {
            Layer::Linear => {
                let weight = graph.constant(PREFIX, &format!("{index}.weight"), tensors);
                let bias = format!("{index}.bias");
                let bias =
                    tensors.contains_key(&bias).then(|| graph.constant(PREFIX, &bias, tensors));
                // The weight stays `[output, input]`.
                let attributes = vec![("transB", Attribute::Integer(1))];
                let inputs = [Some(x), Some(weight), bias].into_iter().flatten();
                graph.node(format!("{PREFIX}{index}"), "Gemm", inputs, attributes)
            }
            Layer::Norm => graph.batch_norm(PREFIX, &index.to_string(), tensors, x),
            Layer::Relu => graph.node(format!("{PREFIX}{index}"), "Relu", [x], vec![]),
        };
    }
    graph.end(EMBEDDING);
    Ok(embedding_dim)
}

/// The layers that the names stand for, the tensors that these need, and the last width.
fn layers(input: usize, tensors: &Tensors) -> (Vec<Layer>, BTreeMap<String, Vec<usize>>, usize) {
    let mut layers = Vec::new();
    let mut wanted = BTreeMap::new();
    let mut width = input;
    loop {
        let name = format!("{}.weight", layers.len());
        let output = tensors.get(&name).and_then(|weight| weight.shape.first()).copied();
        let output = output.unwrap_or_default();
        wanted.insert(name, vec![output, width]);
        let bias = format!("{}.bias", layers.len());
        if tensors.contains_key(&bias) {
            wanted.insert(bias, vec![output]);
        }
        layers.push(Layer::Linear);
        width = output;

        let next = layers.len();
        let has_norm = tensors.contains_key(&format!("{next}.running_mean"));
        let following = next + usize::from(has_norm) + 1;
        if has_norm {
            let leaves = NORM_LEAVES.map(|leaf| (format!("{next}.{leaf}"), vec![width]));
            wanted.extend(leaves);
            layers.push(Layer::Norm);
        }
        if !tensors.contains_key(&format!("{following}.weight")) {
            return (layers, wanted, width);
        }
        layers.push(Layer::Relu);
    }
}
