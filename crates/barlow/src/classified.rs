//! What a linear classifier makes of labelled representations, in words, numbers and a file.

use std::collections::BTreeMap;
use std::io::Write;

use barlow_eval::{Confusion, EvalError, Features, LinearClassifier, predictions, top_k_accuracy};
use barlow_weights::FACTS_KEY;
use barlow_weights::tensor_file::{self, Array, TensorFileError, Tensors};
use serde_json::{Value, json};

/// Classes that are listed for people.
const LISTED: usize = 20;

/// Scores of a judged set.
#[derive(Debug)]
pub(crate) struct Classified {
    top_1: f64,
    top_5: f64,
    images: usize,
    confusion: Confusion,
    classes: Vec<String>,
}

impl Classified {
    /// Judges the labelled rows of `features`; a class that the classifier does not know is never
    /// right.
    pub(crate) fn new(
        classifier: &LinearClassifier,
        features: &Features,
        classes: &[String],
    ) -> Result<Self, EvalError> {
        let scores = classifier.scores(features)?;
        let labels = &features.labels;
        Ok(Self {
            top_1: top_k_accuracy(&scores, classifier.classes, labels, 1)?,
            top_5: top_k_accuracy(&scores, classifier.classes, labels, 5)?,
            images: labels.iter().flatten().count(),
            confusion: Confusion::of(
                &predictions(&scores, classifier.classes)?,
                labels,
                classes.len(),
            )?,
            classes: classes.to_vec(),
        })
    }

    /// `accuracy`, `top_5_accuracy`, and for each class its accuracy and what it was taken for.
    pub(crate) fn document(&self) -> Value {
        let accuracies = self.confusion.class_accuracies();
        let classes: Vec<Value> = self
            .classes
            .iter()
            .zip(accuracies)
            .zip(self.confusion.counts.chunks(self.classes.len().max(1)))
            .map(|((name, accuracy), counts)| {
                let taken_for = self.classes.iter().zip(counts).filter(|(_, count)| **count > 0);
                let taken_for: BTreeMap<&String, &u64> = taken_for.collect();
                json!({ "name": name, "accuracy": accuracy, "predicted": taken_for })
            })
            .collect();
        json!({
            "accuracy": self.top_1,
            "top_5_accuracy": self.top_5,
            "mean_class_accuracy": self.confusion.mean_class_accuracy(),
            "test_images": self.images,
            "classes": classes,
        })
    }

    /// `top-1 82.06 %, top-5 99.10 % of 10000 images`.
    pub(crate) fn in_words(&self) -> String {
        let top_5 = match self.classes.len() {
            0..=5 => String::new(),
            _ => format!(", top-5 {:.2} %", 100.0 * self.top_5),
        };
        format!("top-1 {:.2} %{top_5} of {} images", 100.0 * self.top_1, self.images)
    }

    /// The accuracy of each class, the worst first, a line each; of many classes the worst only.
    pub(crate) fn by_class(&self) -> Vec<String> {
        let accuracies = self.confusion.class_accuracies().into_iter();
        let known = self.classes.iter().zip(accuracies);
        let mut known: Vec<(&String, f64)> =
            known.filter_map(|(name, accuracy)| Some((name, accuracy?))).collect();
        known.sort_by(|a, b| a.1.total_cmp(&b.1));
        let line =
            |(name, accuracy): &(&String, f64)| format!("  {name}: {:.2} %", 100.0 * accuracy);
        known.iter().take(LISTED).map(line).collect()
    }
}

/// Writes a classifier: `fc.weight`, `[classes, dim]`, and `fc.bias`, with the classes' names and how
/// it came about.
pub(crate) fn write_classifier(
    classifier: &LinearClassifier,
    classes: &[String],
    protocol: &Value,
    out: impl Write,
) -> Result<(), TensorFileError> {
    let mut arrays = Tensors::new();
    for (name, shape, values) in classifier.arrays() {
        arrays.insert(name.to_owned(), Array::from_f32(&shape, values)?);
    }
    let metadata = json!({ "classes": classes, "protocol": protocol }).to_string();
    tensor_file::write(&arrays, Some((FACTS_KEY, &metadata)), out)
}

/// A trained last layer as a classifier of arrays.
pub(crate) fn of_layer(fc: &barlow_nn::LinearClassifier) -> LinearClassifier {
    let (weight, bias) = fc.values();
    let [classes, dim] = weight.dims();
    LinearClassifier {
        classes,
        dim,
        weights: weight.into_data().iter::<f32>().collect(),
        bias: bias.into_data().iter::<f32>().collect(),
    }
}
