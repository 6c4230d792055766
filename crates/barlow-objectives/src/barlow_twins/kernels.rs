//! The loss by kernels of our own, for the CPU.

use barlow_kernels::{BarlowTwins, Isa, ProductForm};
use burn::tensor::{Tensor, TensorData};

use super::{BarlowTwinsLoss, CrossCorrelationForm};
use crate::standardise::EPSILON;

/// Whether the kernels can take these embeddings, which must not be empty.
pub(super) fn serve(embeddings: &[Tensor<2>; 2]) -> bool {
    let is_empty = |embedding: &Tensor<2>| embedding.dims().contains(&0);
    embeddings.iter().all(|embedding| barlow_nn::serves(embedding) && !is_empty(embedding))
}

/// As [`super::BarlowTwins::loss`], for embeddings that [`serve`] accepts.
pub(super) fn loss(
    lambda: f64,
    embeddings: [Tensor<2>; 2],
    form: CrossCorrelationForm,
) -> BarlowTwinsLoss {
    let (device, [n, d]) = (embeddings[0].device(), embeddings[0].dims());
    let mut data = embeddings.map(Tensor::into_data);
    let values = data.each_mut().map(|data| data.as_mut_slice::<f32>().expect("it holds f32"));
    let form = match form {
        CrossCorrelationForm::Gram => ProductForm::Gram,
        CrossCorrelationForm::Matrix => ProductForm::Matrix,
    };
    let isa = Isa::best();
    let found = BarlowTwins::compute(isa, values, n, d, lambda, EPSILON, form);
    let [variation_a, variation_b] = found.variation;
    BarlowTwinsLoss {
        loss: found.invariance_term + lambda * found.redundancy_reduction_term,
        invariance_term: found.invariance_term,
        redundancy_reduction_term: found.redundancy_reduction_term,
        diagonal: Tensor::from_data(TensorData::new(found.diagonal, [1, d]), &device),
        gradients: data.map(|gradient| Tensor::from_data(gradient, &device)),
        variation: variation_a.min(variation_b),
    }
}
