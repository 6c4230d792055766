//! The loss by the engine's operations, for every device.

use burn::tensor::Tensor;

use super::{BarlowTwinsLoss, CrossCorrelationForm};
use crate::standardise::{Standardised, host_sum};

/// As [`super::BarlowTwins::loss`].
pub(super) fn loss(
    lambda: f64,
    embeddings: [Tensor<2>; 2],
    form: CrossCorrelationForm,
) -> BarlowTwinsLoss {
    let [n, _] = embeddings[0].dims();
    let count = n as f64;
    let [a, b] = embeddings.map(Standardised::new);
    let diagonal = (a.values.clone() * b.values.clone()).mean_dim(0);

    // Σᵢⱼ Cᵢⱼ², B Cᵀ and A C.
    let (squares, b_ct, a_c) = match form {
        CrossCorrelationForm::Gram => {
            let gram = |x: &Standardised| x.values.clone().matmul(x.values.clone().transpose());
            let (gram_a, gram_b) = (gram(&a), gram(&b)); // [n, n]
            let product = (gram_a.clone() * gram_b.clone()).sum_dim(1);
            (
                host_sum(&product) / (count * count),
                gram_b.matmul(a.values.clone()) / count,
                gram_a.matmul(b.values.clone()) / count,
            )
        }
        CrossCorrelationForm::Matrix => {
            let c = a.values.clone().transpose().matmul(b.values.clone()) / count; // [d, d]
            (
                host_sum(&(c.clone() * c.clone()).sum_dim(1)),
                b.values.clone().matmul(c.clone().transpose()),
                a.values.clone().matmul(c),
            )
        }
    };

    let diagonal_squares = host_sum(&(diagonal.clone() * diagonal.clone()));
    let invariance_term = host_sum(&(diagonal.clone() - 1.0).powf_scalar(2.0));
    let redundancy_reduction_term = squares - diagonal_squares;
    let weight = (diagonal.clone() - 1.0) - diagonal.clone() * lambda; // [1, d]
    let gradient = |own: &Standardised, other: &Standardised, product: Tensor<2>| {
        let gradient = other.values.clone() * weight.clone() + product * lambda;
        own.backward(gradient * (2.0 / count))
    };
    BarlowTwinsLoss {
        loss: invariance_term + lambda * redundancy_reduction_term,
        invariance_term,
        redundancy_reduction_term,
        gradients: [gradient(&a, &b, b_ct), gradient(&b, &a, a_c)],
        diagonal,
        variation: a.variation.min(b.variation),
    }
}
