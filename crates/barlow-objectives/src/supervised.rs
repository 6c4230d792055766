//! Supervised training in the same loop: cross-entropy of a linear classifier on the representation.
//!
//! With `r` the representation of a view, `[n, f]`, and `y` the labels:
//!
//! ```text
//! L = mean over views of mean over labelled images of CE(r Wᵀ + b, y)
//! ```
//!
//! It is the ceiling to hold a method without labels against: same encoder, views and schedule. An
//! image without a label has no part in the loss. The classifier is thrown away with the run. Source:
//! the ordinary classifier of torchvision's ResNet (`fc`, first weights of PyTorch's `nn.Linear`). Where it differs from ordinary supervised training: both views of an image are seen
//! in a step, and the views are those of the other objectives. Numbers in tests:
//! `reference/objectives_labels.py`.

use std::collections::BTreeMap;

use barlow_nn::Initializer;
use barlow_nn::collective::CollectiveError;
use burn::tensor::Tensor;

use crate::by_autodiff::by_autodiff;
use crate::classification::{LinearHead, accuracy, cross_entropy, scores, targets};
use crate::gathered::{Gathered, gather_numbers};
use crate::objective::{
    Evaluation, Finding, Layer, Objective, Reading, StepContext, Verdict, ViewGradients,
    ViewOutputs,
};
use crate::registry::{Entry, Scope, Unfit};
use crate::variation::variation;

/// The supervised objective.
pub(crate) static ENTRY: Entry = Entry {
    name: "supervised",
    summary: "cross-entropy with the labels of the images",
    layer: Layer::Representation,
    constants: &[],
    preset: include_str!("../../../presets/objectives/supervised.toml"),
    create: |_, scope| Ok(Box::new(Supervised::new(scope)?)),
};

/// An epoch that is better than a guess by less than this, or by less than a tenth of it, has learnt
/// nothing: over the views of an epoch a guess is not luckier.
const LUCK: f64 = 0.01;

/// A linear classifier on the representation.
#[derive(Debug)]
struct Supervised {
    classifier: LinearHead,
}

impl Supervised {
    fn new(scope: &Scope) -> Result<Self, Unfit> {
        if scope.classes < 2 {
            return Err(Unfit::Images(format!(
                "the objective `{}` learns labels of two classes or more, and these images have {}",
                ENTRY.name,
                if scope.classes == 0 { "no labels" } else { "one class" },
            )));
        }
        let shape = [scope.classes, scope.dim];
        let initializer = Initializer::new(scope.seed, scope.device).part(ENTRY.name);
        Ok(Self { classifier: LinearHead::new("classifier".to_owned(), shape, &initializer) })
    }
}

impl Objective for Supervised {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn evaluate(
        &self,
        views: &[ViewOutputs],
        context: &StepContext,
    ) -> Result<Evaluation, CollectiveError> {
        let gathered = Gathered::new(views.iter().map(ViewOutputs::online), context.collective)?;
        let count = views.len();
        let (classes, device) = (self.classifier.classes(), self.classifier.bias.device());
        // 0 stands for no label.
        let labels = context.labels.iter().map(|label| label.map_or(0, |label| label as u64 + 1));
        let labels = gather_numbers(labels, context.collective, &device)?;
        let labels: Vec<Option<usize>> = labels
            .into_iter()
            .map(|label| label.checked_sub(1).map(|label| label as usize))
            .collect();

        let targets = targets(&labels, classes, &device) / count as f64;
        let mut inputs = gathered.rows.clone();
        inputs.extend(self.classifier.parameters());
        // Of each view; none where the batch has no label.
        let mut right = Vec::new();
        let (loss, mut gradients) = by_autodiff(inputs, |inputs| {
            let [views @ .., weight, bias] = inputs else { unreachable!("both were put in") };
            let targets = targets.autodiff();
            let of_view = |view: &Tensor<2>| {
                let scores = scores(view, weight, bias);
                right.extend(accuracy(&scores.clone().inner(), &labels));
                cross_entropy(scores, targets.clone())
            };
            views.iter().map(of_view).reduce(|a, b| a + b).expect("a batch has views")
        });
        let bias = gradients.pop().expect("of the bias");
        let weight = gradients.pop().expect("of the weight");
        let of_view = |gradient| ViewGradients::of_online(gathered.own(gradient));
        let mut measures = vec![("variation", variation(&gathered.rows))];
        if !right.is_empty() {
            measures.push(("accuracy", right.iter().sum::<f64>() / right.len() as f64));
        }
        Ok(Evaluation {
            loss,
            terms: vec![("cross_entropy", loss)],
            measures,
            gradients: gradients.into_iter().map(of_view).collect(),
            parameter_gradients: self.classifier.named([weight, bias]).into(),
            ..Evaluation::default()
        })
    }

    fn parameters(&self) -> BTreeMap<String, Tensor<2>> {
        self.classifier.named(self.classifier.parameters()).into()
    }

    fn set_parameters(&mut self, mut parameters: BTreeMap<String, Tensor<2>>) {
        self.classifier.take(&mut parameters);
    }

    fn diagnose(&self, reading: &Reading) -> Option<Finding> {
        let chance = 1.0 / self.classifier.classes() as f64;
        let least = chance + LUCK.min(chance / 10.0);
        let accuracy = reading.measure("accuracy").filter(|&found| found < least)?;
        Some(Finding::new(
            Verdict::Collapsed,
            format!(
                "labels are found in {:.1} % of cases, which a guess does in {:.1} %: nothing is \
                 learnt of them yet; if it stays so, lower `optimizer.base_learning_rate`, or check \
                 that labels belong to their images",
                100.0 * accuracy,
                100.0 * chance
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use barlow_testing::Fixture;
    use burn::tensor::{Device, TensorData};

    use super::*;

    fn scope(classes: usize, device: &Device) -> Scope<'_> {
        Scope { dim: 5, batch_size: 4, images: 40, classes, seed: 3, device }
    }

    #[test]
    fn labels_that_are_found_no_more_often_than_by_a_guess_are_told() {
        let objective = Supervised::new(&scope(10, &Device::flex())).expect("ten classes");
        let reading = |accuracy| Reading {
            batch_size: 4,
            dim: 5,
            measures: [("accuracy".to_owned(), accuracy)].into(),
        };
        let finding = objective.diagnose(&reading(0.104)).expect("a finding");
        assert_eq!(finding.verdict, Verdict::Collapsed);
        assert!(finding.reason.contains("10.4 % of cases, which a guess does in 10.0 %"));
        assert_eq!(objective.diagnose(&reading(0.2)), None);
    }

    #[test]
    fn images_without_labels_are_refused() {
        for classes in [0, 1] {
            let Err(Unfit::Images(reason)) = Supervised::new(&scope(classes, &Device::flex()))
            else {
                panic!("{classes} classes");
            };
            assert!(reason.contains("two classes or more"), "{reason}");
        }
    }

    #[test]
    fn accuracy_is_pytorchs() {
        for case in ["small", "odd", "two_classes", "three_views", "unlabelled"] {
            let fixture = Fixture::open(&format!("objectives/supervised-{case}"));
            let matrix = |name: &str| {
                let (shape, values) = fixture.array(name);
                let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
                let data = TensorData::new(values, [shape[0], shape[1]]);
                Tensor::<2>::from_data(data, &Device::flex())
            };
            let parameters = ["classifier.weight", "classifier.bias"]
                .map(|name| (name.to_owned(), matrix(&format!("parameter.{name}"))));
            let weight = &parameters[0].1;
            let [classes, dim] = weight.dims();
            let device = Device::flex();
            let scope = Scope { dim, ..scope(classes, &device) };
            let mut objective = Supervised::new(&scope).expect("classes");
            objective.set_parameters(parameters.clone().into());
            let names = (0..).map(|view| format!("view_{view}.online"));
            let given = fixture.names();
            let views = names
                .take_while(|name| given.contains(name))
                .map(|name| ViewOutputs { online: Some(matrix(&name)), ..ViewOutputs::default() });
            let labels = fixture.parameter("labels").as_array().expect("labels");
            let labels: Vec<Option<usize>> =
                labels.iter().map(|label| label.as_u64().map(|label| label as usize)).collect();
            let ids: Vec<u64> = (0..labels.len() as u64).collect();
            let context =
                StepContext { ids: &ids, labels: &labels, ..StepContext::on_one_rank(0, 1) };
            let evaluation =
                objective.evaluate(&views.collect::<Vec<_>>(), &context).expect("one rank");
            fixture.assert_close("measure.accuracy", evaluation.measure("accuracy"));
        }
    }
}
