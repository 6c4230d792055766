//! A graph as the messages of `onnx.proto`.
//!
//! The numbers of fields and kinds are those of <https://github.com/onnx/onnx/blob/v1.12.0/onnx/onnx.proto>.

use serde_json::json;

use super::graph::{Attribute, Constant, Graph, Node};
use super::protobuf::Message;
use super::{EMBEDDING, ExportOptions, INPUT, REPRESENTATION};
use crate::facts::{EncoderFacts, FACTS_KEY};

/// Version of the operators: what ONNX Runtime has read since 1.12 (2022). None of ours changed
/// its meaning since opset 15.
const OPSET: i64 = 17;
/// Version of the format that goes with [`OPSET`].
const IR_VERSION: i64 = 8;

/// `TensorProto.DataType.FLOAT`
const FLOAT: i64 = 1;

/// One extent of an input or output.
enum Extent {
    Fixed(usize),
    /// Any, by the name that errors of runtimes give it.
    Any(&'static str),
}

/// The whole file (`ModelProto`).
pub(super) fn model<'a>(
    graph: &'a Graph,
    facts: &EncoderFacts,
    options: &ExportOptions,
    embedding_dim: Option<usize>,
) -> Message<'a> {
    let mut message = Message::default();
    message.integer(1, IR_VERSION);
    message.text(2, "barlow");
    message.text(3, &facts.version);
    message.message(7, graph_message(graph, facts, options, embedding_dim));
    let mut operators = Message::default(); // OperatorSetIdProto of the default domain
    operators.integer(2, OPSET);
    message.message(8, operators);
    for (key, value) in metadata(facts, options) {
        let mut entry = Message::default(); // StringStringEntryProto
        entry.text(1, key);
        entry.text(2, &value);
        message.message(14, entry);
    }
    message
}

/// What a user must know, by key.
fn metadata(facts: &EncoderFacts, options: &ExportOptions) -> [(&'static str, String); 7] {
    let input = if options.normalises { "values 0..1" } else { "(values 0..1 - mean) / std" };
    [
        // Through a value, whose keys are sorted, as in `encoder.safetensors`.
        (FACTS_KEY, json!(facts).to_string()),
        ("encoder", facts.encoder.name.as_str().to_owned()),
        ("image_size", facts.image_size.to_string()),
        ("input", input.to_owned()),
        ("mean", numbers(&facts.mean)),
        ("resize", facts.resize.to_string()),
        ("std", numbers(&facts.std)),
    ]
}

/// The shortest decimals that read back as the same f32, `[0.485,0.456]`.
fn numbers(values: &[f32]) -> String {
    let values: Vec<String> = values.iter().map(f32::to_string).collect();
    format!("[{}]", values.join(","))
}

/// `GraphProto`
fn graph_message<'a>(
    graph: &'a Graph,
    facts: &EncoderFacts,
    options: &ExportOptions,
    embedding_dim: Option<usize>,
) -> Message<'a> {
    let mut message = Message::default();
    for node in &graph.nodes {
        message.message(1, node_message(node));
    }
    message.text(2, facts.encoder.name.as_str());
    for constant in &graph.constants {
        message.message(5, constant_message(constant));
    }
    let batch = || options.batch.map_or(Extent::Any("batch"), Extent::Fixed);
    let side = |name| {
        if options.has_dynamic_size { Extent::Any(name) } else { Extent::Fixed(facts.image_size) }
    };
    let channels = Extent::Fixed(facts.encoder.channels);
    let image = [batch(), channels, side("height"), side("width")];
    message.message(11, value_message(INPUT, &image));
    let representation = [batch(), Extent::Fixed(facts.encoder.representation_dim())];
    message.message(12, value_message(REPRESENTATION, &representation));
    if let Some(dim) = embedding_dim {
        message.message(12, value_message(EMBEDDING, &[batch(), Extent::Fixed(dim)]));
    }
    message
}

/// `NodeProto`
fn node_message<'a>(node: &Node) -> Message<'a> {
    let mut message = Message::default();
    for input in &node.inputs {
        message.text(1, input);
    }
    message.text(2, &node.output);
    message.text(3, &node.name);
    message.text(4, node.operator);
    for (name, attribute) in &node.attributes {
        message.message(5, attribute_message(name, attribute));
    }
    message
}

/// `AttributeProto`
fn attribute_message<'a>(name: &str, attribute: &Attribute) -> Message<'a> {
    let mut message = Message::default();
    message.text(1, name);
    let kind = match attribute {
        Attribute::Float(value) => {
            message.float(2, *value);
            1
        }
        Attribute::Integer(value) => {
            message.integer(3, *value);
            2
        }
        Attribute::Integers(values) => {
            for &value in values {
                message.integer(8, value);
            }
            7
        }
    };
    message.integer(20, kind);
    message
}

/// `TensorProto`
fn constant_message<'a>(constant: &'a Constant) -> Message<'a> {
    let mut message = Message::default();
    for &extent in &constant.shape {
        message.integer(1, extent as i64);
    }
    message.integer(2, FLOAT);
    message.text(8, &constant.name);
    message.bytes(9, &constant.bytes);
    message
}

/// `ValueInfoProto` of an f32 tensor.
fn value_message<'a>(name: &str, extents: &[Extent]) -> Message<'a> {
    let mut shape = Message::default(); // TensorShapeProto
    for extent in extents {
        let mut dimension = Message::default();
        match extent {
            Extent::Fixed(value) => dimension.integer(1, *value as i64),
            Extent::Any(name) => dimension.text(2, name),
        }
        shape.message(1, dimension);
    }
    let mut tensor = Message::default(); // TypeProto.Tensor
    tensor.integer(1, FLOAT);
    tensor.message(2, shape);
    let mut kind = Message::default(); // TypeProto
    kind.message(1, tensor);
    let mut message = Message::default();
    message.text(1, name);
    message.message(2, kind);
    message
}
