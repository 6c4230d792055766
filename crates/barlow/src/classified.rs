//! What a linear classifier makes of labelled representations, in words, numbers and a file.

use std::io::Write;

use barlow_eval::Features;
use barlow_nn::LinearClassifier;
use barlow_weights::tensor_file::{self, Array, TensorFileError, Tensors};
use serde_json::{Value, json};

/// Scores of a judged set.
#[derive(Debug)]
pub(crate) struct Classified {
    top_1: f64,
    top_5: f64,
    images: usize,
}

impl Classified {
    /// Judges the labelled rows of `features`.
    pub(crate) fn new(
        fc: &LinearClassifier,
        features: &Features,
        classes: &[String],
    ) -> anyhow::Result<Self> {
        let (weight, bias) = fc.values();
        let weight: Vec<f32> = weight.into_data().iter::<f32>().collect();
        let bias: Vec<f32> = bias.into_data().iter::<f32>().collect();
        let (mut images, mut first, mut five) = (0, 0, 0);
        for index in 0..features.len() {
            let Some(label) = features.labels[index] else { continue };
            images += 1;
            if label >= classes.len() {
                continue;
            }
            let row = features.row(index);
            let scores: Vec<f32> = weight
                .chunks_exact(features.dim)
                .zip(&bias)
                .map(|(weight, bias)| {
                    weight.iter().zip(row).map(|(w, x)| w * x).sum::<f32>() + bias
                })
                .collect();
            let better = scores.iter().filter(|&&score| score > scores[label]).count();
            first += usize::from(better == 0);
            five += usize::from(better < 5);
        }
        Ok(Self { top_1: first as f64 / images as f64, top_5: five as f64 / images as f64, images })
    }

    pub(crate) fn images(&self) -> usize {
        self.images
    }

    pub(crate) fn document(&self) -> Value {
        json!({ "accuracy": self.top_1, "top_5_accuracy": self.top_5 })
    }

    pub(crate) fn in_words(&self, classes: usize) -> String {
        let top_5 = if classes > 5 {
            format!(", top-5 {:.2} %", 100.0 * self.top_5)
        } else {
            String::new()
        };
        format!("top-1 {:.2} %{top_5} of {} images", 100.0 * self.top_1, self.images)
    }
}

/// Writes a classifier: `fc.weight`, `[classes, dim]`, and `fc.bias`, with the classes' names.
pub(crate) fn save_classifier(
    fc: &LinearClassifier,
    classes: &[String],
    protocol: &Value,
    out: impl Write,
) -> Result<(), TensorFileError> {
    let (weight, bias) = fc.values();
    let [rows, dim] = weight.dims();
    let values = |values: burn::tensor::TensorData| values.iter::<f32>().collect::<Vec<_>>();
    let arrays = Tensors::from([
        ("fc.weight".to_owned(), Array::from_f32(&[rows, dim], &values(weight.into_data()))?),
        ("fc.bias".to_owned(), Array::from_f32(&[rows], &values(bias.into_data()))?),
    ]);
    let metadata = json!({ "classes": classes, "protocol": protocol }).to_string();
    tensor_file::write(&arrays, Some(("barlow", &metadata)), out)
}
