//! The objective seam and gradients by autodiff.

use barlow_objectives::{
    BarlowTwins, CrossCorrelationForm, Objective, StepContext, ViewOutputs, by_autodiff,
};
use burn::tensor::Tensor;

use crate::embeddings::{LAMBDA, error, evaluate, pair, tensor, values};
use crate::naive;

#[test]
fn autodiff_of_the_definition_gives_the_closed_form() {
    let shape @ [n, d] = [7, 5];
    let embeddings = pair("autodiff", shape);
    let inputs = embeddings.each_ref().map(|rows| tensor(rows, shape)).into();
    let (loss, gradients) = by_autodiff(inputs, |views| {
        let standardised = |z: &Tensor<2>| {
            let centred = z.clone() - z.clone().mean_dim(0);
            let variance = (centred.clone() * centred.clone()).mean_dim(0);
            centred / (variance + 1e-5).sqrt()
        };
        let c = standardised(&views[0]).transpose().matmul(standardised(&views[1])) / n as f64;
        let identity = Tensor::<2>::eye(d, &c.device());
        let off_diagonal = c.clone() * (identity.clone() * -1.0 + 1.0);
        (c * identity.clone() - identity).powf_scalar(2.0).sum()
            + off_diagonal.powf_scalar(2.0).sum() * LAMBDA
    });
    let (expected, expected_gradients) = evaluate(LAMBDA, &embeddings, shape);
    assert!((loss - expected).abs() <= 1e-5 * expected, "{loss}, expected {expected}");
    for (found, expected) in gradients.iter().zip(&expected_gradients) {
        let error = error(&values(found), expected);
        assert!(error <= 1e-5, "{error}");
    }
}

#[test]
fn autodiff_gives_zeros_for_an_input_that_is_not_used() {
    let inputs = vec![tensor(&[1.0, 2.0], [1, 2]), tensor(&[3.0, 4.0, 5.0], [3, 1])];
    let (loss, gradients) = by_autodiff(inputs, |views| (views[0].clone() * 3.0).sum());
    assert!((loss - 9.0).abs() < 1e-6);
    assert_eq!(values(&gradients[0]), [3.0, 3.0]);
    assert_eq!(values(&gradients[1]), [0.0, 0.0, 0.0]);
    assert_eq!(gradients[1].dims(), [3, 1]);
}

#[test]
#[expect(clippy::float_cmp, reason = "the seam hands on what the loss computed")]
fn the_seam_gives_what_the_loss_gives() {
    for shape @ [n, d] in [[12, 40], [40, 12]] {
        let embeddings = pair("seam", shape);
        let objective = BarlowTwins::new(LAMBDA);
        let [a, b] = embeddings.each_ref().map(|rows| tensor(rows, shape));
        let expected = objective.loss([a.clone(), b.clone()], CrossCorrelationForm::cheaper(n, d));
        let view = |online| ViewOutputs { online: Some(online), ..ViewOutputs::default() };
        let ids: Vec<u64> = (0..n as u64).collect();
        let context = StepContext { ids: &ids, ..StepContext::on_one_rank(3, 10) };
        let found = objective.evaluate(&[view(a), view(b)], &context).unwrap();

        assert_eq!(found.loss, expected.loss);
        assert_eq!(
            found.terms,
            [
                ("invariance", expected.invariance_term),
                ("redundancy_reduction", expected.redundancy_reduction_term),
            ]
        );
        assert_eq!(found.floor, Some(LAMBDA * (d * (d - 1)) as f64 / n as f64));
        for (found, expected) in found.gradients.iter().zip(&expected.gradients) {
            assert_eq!(values(found.online.as_ref().unwrap()), values(expected));
            assert!(found.prediction.is_none());
        }
        assert_eq!(found.gradients.len(), 2);
        assert!(found.parameter_gradients.is_empty());

        let c = naive::cross_correlation_of(&embeddings, shape);
        let diagonal: f64 = (0..d).map(|i| c[i * d + i]).sum::<f64>() / d as f64;
        let off_diagonal: f64 =
            (0..d * d).filter(|at| at / d != at % d).map(|at| c[at] * c[at]).sum();
        for (name, expected) in [
            ("mean_diagonal", diagonal),
            ("rms_off_diagonal", (off_diagonal / (d * (d - 1)) as f64).sqrt()),
        ] {
            let (_, value) = found.measures.iter().find(|(found, _)| *found == name).unwrap();
            assert!((value - expected).abs() <= 1e-5, "{name}: {value}, expected {expected}");
        }
    }
}
