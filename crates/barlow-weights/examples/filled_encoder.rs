//! Writes an encoder with contents that follow from its tensors' names, as `.safetensors` and as ONNX
//! models, for checks against other programs (`docs/interoperability`).
//!
//! ```text
//! cargo run --release -p barlow-weights --example filled_encoder -- FOLDER resnet50 64 standard 3 224
//! ```
//!
//! Arguments: an existing folder, name, width, stem, channels and image size. Files, in the folder:
//!
//! - `NAME.safetensors`, the encoder; `NAME.projector.safetensors`, a projector 48-48-24
//! - `NAME.onnx`: any batch; `NAME.batch2.onnx`: batches of 2; `NAME.folded.onnx`: batch norms folded,
//!   any height and width; `NAME.raw.onnx`: takes values 0..1; `NAME.projector.onnx`: with the projector

use std::error::Error;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use barlow_testing::fill_parameter;
use barlow_weights::onnx::{self, ExportOptions};
use barlow_weights::tensor_file::{self, Array, Tensors};
use barlow_weights::{EncoderConfig, EncoderFacts, FACTS_KEY, expected};
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, name, width, stem, channels, image_size] = arguments.as_slice() else {
        return Err("arguments: FOLDER NAME WIDTH STEM CHANNELS IMAGE_SIZE".into());
    };
    let encoder = EncoderConfig {
        name: serde_json::from_value(json!(name))?,
        width: width.parse()?,
        stem: serde_json::from_value(json!(stem))?,
        channels: channels.parse()?,
        zero_init_residual: true,
    };
    let facts = EncoderFacts {
        image_size: image_size.parse()?,
        resize: image_size.parse()?,
        mean: vec![0.45; encoder.channels],
        std: vec![0.225; encoder.channels],
        files: json!(null),
        objective: "barlow-twins".to_owned(),
        epoch: 0,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        encoder,
    };
    let tensors = filled(expected(&facts.encoder))?;
    let projector = filled(projector_shapes(facts.encoder.representation_dim()))?;

    let path = |suffix: &str| Path::new(folder).join(format!("{name}{suffix}"));
    let create = |suffix: &str| File::create(path(suffix)).map(BufWriter::new);
    let text = json!(facts).to_string();
    tensor_file::write(&tensors, Some((FACTS_KEY, &text)), create(".safetensors")?)?;
    tensor_file::write(&projector, None, create(".projector.safetensors")?)?;
    let any = ExportOptions::default();
    for (suffix, projector, options) in [
        (".onnx", None, any),
        (".batch2.onnx", None, ExportOptions { batch: Some(2), ..any }),
        (
            ".folded.onnx",
            None,
            ExportOptions { folds_batch_norm: true, has_dynamic_size: true, ..any },
        ),
        (".raw.onnx", None, ExportOptions { normalises: true, ..any }),
        (".projector.onnx", Some(&projector), any),
    ] {
        onnx::write(&facts, &tensors, projector, &options, create(suffix)?)?;
    }
    Ok(())
}

/// Contents by name; the last norm of each bottleneck is a fifth of it, so that values do not grow
/// without end in the deepest encoders.
fn filled(
    shapes: impl IntoIterator<Item = (String, Vec<usize>)>,
) -> Result<Tensors, Box<dyn Error>> {
    let mut tensors = Tensors::new();
    for (name, shape) in shapes {
        let mut values = fill_parameter(&name, &shape);
        if name.starts_with("layer") && name.ends_with("bn3.weight") {
            for value in &mut values {
                *value *= 0.2;
            }
        }
        tensors.insert(name, Array::from_f32(&shape, &values)?);
    }
    Ok(tensors)
}

fn projector_shapes(input: usize) -> Vec<(String, Vec<usize>)> {
    let mut shapes: Vec<(String, Vec<usize>)> = [(0, [48, input]), (3, [48, 48]), (6, [24, 48])]
        .map(|(index, shape)| (format!("{index}.weight"), shape.to_vec()))
        .into();
    for index in [1, 4] {
        for leaf in ["weight", "bias", "running_mean", "running_var"] {
            shapes.push((format!("{index}.{leaf}"), vec![48]));
        }
    }
    shapes
}
