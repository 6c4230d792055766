//! Rows sorted into classes: cross-entropy with labels or shares, the best class, what was right.

use std::collections::BTreeMap;

use barlow_nn::Initializer;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor, TensorData};

/// A linear classifier; its first weights are those of PyTorch's `nn.Linear`.
#[derive(Debug)]
pub(crate) struct LinearHead {
    /// What its parameters' names begin with.
    prefix: String,
    /// `[classes, f]`.
    pub(crate) weight: Tensor<2>,
    /// `[1, classes]`.
    pub(crate) bias: Tensor<2>,
}

impl LinearHead {
    /// For representations of length `f`.
    pub(crate) fn new(prefix: String, [classes, f]: [usize; 2], initializer: &Initializer) -> Self {
        let [weight, bias] = names(&prefix);
        Self {
            weight: initializer.kaiming_uniform(&weight, [classes, f]).val(),
            bias: initializer.uniform_bias(&bias, [classes, f]).val().reshape([1, classes]),
            prefix,
        }
    }

    pub(crate) fn classes(&self) -> usize {
        self.bias.dims()[1]
    }

    /// Its parameters, or what belongs to them, by name.
    pub(crate) fn named(&self, [weight, bias]: [Tensor<2>; 2]) -> [(String, Tensor<2>); 2] {
        let [weight_name, bias_name] = names(&self.prefix);
        [(weight_name, weight), (bias_name, bias)]
    }

    pub(crate) fn parameters(&self) -> [Tensor<2>; 2] {
        [self.weight.clone(), self.bias.clone()]
    }

    /// Takes its parameters out of others.
    pub(crate) fn take(&mut self, parameters: &mut BTreeMap<String, Tensor<2>>) {
        for (name, own) in names(&self.prefix).iter().zip([&mut self.weight, &mut self.bias]) {
            if let Some(new) = parameters.remove(name) {
                *own = new;
            }
        }
    }
}

fn names(prefix: &str) -> [String; 2] {
    ["weight", "bias"].map(|leaf| format!("{prefix}.{leaf}"))
}

/// The scores of rows, `[n, f]`, by a head's parameters, `[n, classes]`.
pub(crate) fn scores(rows: &Tensor<2>, weight: &Tensor<2>, bias: &Tensor<2>) -> Tensor<2> {
    rows.clone().matmul(weight.clone().transpose()) + bias.clone()
}

/// `-Σᵢ Σₖ targetsᵢₖ log softmax(scoresᵢ)ₖ`, `[1]`; differentiable for the scores.
///
/// # Shapes
/// - `scores`, `targets`: `[n, classes]`; weights of rows, such as `1/n`, are in the targets
pub(crate) fn cross_entropy(scores: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    (log_softmax(scores, 1) * targets).sum_dim(1).sum_dim(0).neg().reshape([1])
}

/// Targets of the mean cross-entropy over the rows with a label, `[n, classes]`: `1 / rows with a
/// label` at the label, 0 elsewhere. A label that is no class is none.
pub(crate) fn targets(labels: &[Option<usize>], classes: usize, device: &Device) -> Tensor<2> {
    let known = |label: &Option<usize>| label.filter(|&label| label < classes);
    let count = labels.iter().filter_map(known).count().max(1);
    let mut values = vec![0.0; labels.len() * classes];
    for (row, label) in labels.iter().enumerate() {
        if let Some(label) = known(label) {
            values[row * classes + label] = 1.0 / count as f32;
        }
    }
    Tensor::from_data(TensorData::new(values, [labels.len(), classes]), device)
}

/// The class with the largest score of each row, the first of equals.
pub(crate) fn best(scores: &Tensor<2>) -> Vec<usize> {
    let classes = scores.dims()[1];
    let values: Vec<f32> = scores.clone().into_data().iter::<f32>().collect();
    values.chunks_exact(classes).map(largest).collect()
}

/// Where the largest value is, the first of equals; 0 where nothing can be compared.
pub(crate) fn largest<T: PartialOrd>(values: &[T]) -> usize {
    (1..values.len()).fold(0, |best, k| if values[k] > values[best] { k } else { best })
}

/// Share of the labelled rows whose best class is their label, where any has one.
pub(crate) fn accuracy(scores: &Tensor<2>, labels: &[Option<usize>]) -> Option<f64> {
    let classes = scores.dims()[1];
    let is_class = |label: &usize| *label < classes;
    let known = labels.iter().flatten().filter(|label| is_class(label)).count();
    let right = best(scores).into_iter().zip(labels).filter(|(best, label)| Some(*best) == **label);
    (known > 0).then(|| right.count() as f64 / known as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(values: &[f32], classes: usize) -> Tensor<2> {
        let shape = [values.len() / classes, classes];
        Tensor::from_data(TensorData::new(values.to_vec(), shape), &Device::flex())
    }

    #[test]
    fn equal_scores_cost_the_logarithm_of_the_classes() {
        let targets = targets(&[Some(2), None, Some(0), Some(9)], 5, &Device::flex());
        let loss = cross_entropy(scores(&[0.3; 20], 5), targets).into_scalar::<f32>();
        assert!((f64::from(loss) - 5.0_f64.ln()).abs() < 1e-6, "{loss}");
    }

    #[test]
    fn rows_without_a_label_cost_nothing() {
        let scores = scores(&[5.0, 1.0, -3.0, 2.0], 2);
        let targets = targets(&[None, None], 2, &Device::flex());
        assert!(cross_entropy(scores, targets).into_scalar::<f32>().abs() < f32::MIN_POSITIVE);
    }

    #[test]
    fn the_first_of_equals_is_best() {
        assert_eq!(best(&scores(&[1.0, 1.0, 0.0, 2.0, 7.0, 7.0], 3)), [0, 1]);
    }

    #[test]
    fn accuracy_is_over_rows_with_a_label() {
        let scores = scores(&[1.0, 0.0, 1.0, 0.0, 0.0, 1.0], 2);
        assert_eq!(accuracy(&scores, &[Some(0), Some(1), None]), Some(0.5));
        assert_eq!(accuracy(&scores, &[None; 3]), None);
    }
}
