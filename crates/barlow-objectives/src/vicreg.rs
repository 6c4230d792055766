//! `VICReg` (Bardes et al., 2022): views agree, every dimension varies, and dimensions do not covary.
//!
//! With `z₀`, `z₁` the embeddings of two views (`n` rows, `d` columns) and unbiased variances and
//! covariances over the batch:
//!
//! ```text
//! L = w mean((z₀ - z₁)²)  +  v ½ Σᵥ mean_d max(0, 1 - sqrt(var_d + 1e-4))  +  c Σᵥ Σᵢ Σ_{j≠i} Covᵢⱼ² / d
//! ```
//!
//! Source: facebookresearch/vicreg, `main_vicreg.py`. Where we differ: its first term is the mean over
//! a rank's own images and its gradient of the others is that of all ranks, ours is one loss of the
//! global batch. The paper's formula has no ½ on the variance; the official program, and ours, has.
//! Numbers in tests: `reference/objectives_information.py`.

use barlow_nn::collective::CollectiveError;
use burn::tensor::Tensor;

use crate::constants::{Bounds, Constant};
use crate::cross_correlation::{Health, off_diagonal};
use crate::gathered::Gathered;
use crate::objective::{
    Evaluation, Finding, Layer, Needs, Objective, Reading, StepContext, Verdict, ViewGradients,
    ViewOutputs,
};
use crate::registry::Entry;
use crate::standardise::{Standardised, host_sum};
use crate::variation::variation;

/// `VICReg`.
pub(crate) static ENTRY: Entry = Entry {
    name: "vicreg",
    summary: "views agree, every dimension varies, and none covaries with another",
    layer: Layer::Embedding,
    constants: &[
        Constant::number(
            "invariance_weight",
            25.0,
            Bounds::from_to(0.0, 1e6),
            "weight of the invariance term",
        ),
        Constant::number(
            "variance_weight",
            25.0,
            Bounds::from_to(0.0, 1e6),
            "weight of what dimensions lack to a deviation of 1",
        ),
        Constant::number(
            "covariance_weight",
            1.0,
            Bounds::from_to(0.0, 1e6),
            "weight of the squared covariances between dimensions",
        ),
    ],
    preset: include_str!("../../../presets/objectives/vicreg.toml"),
    create: |constants, _| {
        Ok(Box::new(VicReg {
            invariance: constants.number("invariance_weight"),
            variance: constants.number("variance_weight"),
            covariance: constants.number("covariance_weight"),
        }))
    },
};

/// Added to the variance (official `main_vicreg.py`).
const EPSILON: f64 = 1e-4;

/// Mean deviation of a dimension below which embeddings have shrunk to a point: what [`EPSILON`] alone
/// amounts to. The variance term asks for 1.
const POINT: f64 = 0.01;

/// `VICReg` with its three weights.
#[derive(Debug)]
struct VicReg {
    invariance: f64,
    variance: f64,
    covariance: f64,
}

/// What one view is worth by itself.
struct Spread {
    /// `mean_d max(0, 1 - sqrt(var_d + 1e-4))`.
    hinge: f64,
    /// `Σᵢ Σ_{j≠i} Covᵢⱼ² / d`.
    covariance: f64,
    /// Mean of the dimensions' deviations.
    deviation: f64,
    /// Root mean square of the correlations between different dimensions.
    correlation: f64,
    /// Of the two terms with their weights for the embeddings, `[n, d]`.
    gradient: Tensor<2>,
}

impl VicReg {
    fn health(&self) -> Health {
        let lambda = ("objective.covariance_weight", self.covariance);
        Health { invariance_weight: self.invariance, lambda, has_floor: false }
    }

    fn spread(&self, embeddings: &Tensor<2>) -> Spread {
        let [n, d] = embeddings.dims();
        let (others, dims) = ((n - 1) as f64, d as f64);
        let centred = embeddings.clone() - embeddings.clone().mean_dim(0);
        let covariance = centred.clone().transpose().matmul(centred.clone()) / others; // [d, d]
        let off = covariance * off_diagonal(d, &embeddings.device());
        let variance = (centred.clone() * centred.clone()).mean_dim(0) * (n as f64 / others);
        let deviation = (variance.clone() + EPSILON).sqrt(); // [1, d]
        let correlations = off.clone() / deviation.clone() / deviation.clone().transpose();
        let squares = host_sum(&(correlations.clone() * correlations).sum_dim(1));
        let missing = deviation.clone() * -1.0 + 1.0;
        let is_missing = missing.clone().greater_elem(0.0).float();
        // ∂ hinge / ∂z = -z / ((n-1) d deviation), both means over columns being 0; ∂ Covᵢⱼ² is twice
        // each, and each covariance stands there twice.
        let of_hinge = centred.clone() * (is_missing / deviation) / (-others * dims);
        let of_covariance = centred.matmul(off.clone()) * (4.0 / (others * dims));
        Spread {
            hinge: host_sum(&missing.clamp_min(0.0)) / dims,
            covariance: host_sum(&(off.clone() * off).sum_dim(1)) / dims,
            deviation: host_sum(&variance.sqrt()) / dims,
            correlation: (squares / (dims * (dims - 1.0)).max(1.0)).sqrt(),
            gradient: of_hinge * (self.variance / 2.0) + of_covariance * self.covariance,
        }
    }
}

impl Objective for VicReg {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn needs(&self) -> Needs {
        Needs { most_views: Some(2), ..Needs::default() }
    }

    fn evaluate(
        &self,
        views: &[ViewOutputs],
        context: &StepContext,
    ) -> Result<Evaluation, CollectiveError> {
        let online = views.iter().map(ViewOutputs::online);
        let gathered = Gathered::new(online, context.collective)?;
        let [n, d] = gathered.rows[0].dims();
        let values = (n * d) as f64;
        let [a, b] = [0, 1].map(|view| self.spread(&gathered.rows[view]));
        let [left, right] =
            [0, 1].map(|view| Standardised::new(gathered.rows[view].clone()).values);
        let mean_diagonal = host_sum(&(left * right).mean_dim(0)) / d as f64;
        let difference = gathered.rows[0].clone() - gathered.rows[1].clone();
        let squares = (difference.clone() * difference.clone()).sum_dim(1);
        let invariance = host_sum(&squares) / values;
        let variance = f64::midpoint(a.hinge, b.hinge);
        let covariance = a.covariance + b.covariance;
        let apart = difference * (2.0 * self.invariance / values);
        let gradients = [a.gradient + apart.clone(), b.gradient - apart];
        Ok(Evaluation {
            loss: self.invariance * invariance
                + self.variance * variance
                + self.covariance * covariance,
            terms: vec![
                ("invariance", invariance),
                ("variance", variance),
                ("covariance", covariance),
            ],
            measures: vec![
                ("mean_deviation", f64::midpoint(a.deviation, b.deviation)),
                ("mean_diagonal", mean_diagonal),
                ("rms_off_diagonal", f64::midpoint(a.correlation, b.correlation)),
                ("variation", variation(&gathered.rows)),
            ],
            gradients: gradients.map(|all| ViewGradients::of_online(gathered.own(all))).into(),
            ..Evaluation::default()
        })
    }

    fn has_collapsed(&self, evaluation: &Evaluation) -> bool {
        let is_point = evaluation.measure("mean_deviation").is_some_and(|mean| mean < POINT);
        is_point || self.health().has_collapsed(evaluation)
    }

    fn diagnose(&self, reading: &Reading) -> Option<Finding> {
        let deviation = reading.measure("mean_deviation")?;
        if deviation < POINT {
            return Some(Finding::new(
                Verdict::Collapsed,
                format!(
                    "embeddings have shrunk to a point: their dimensions deviate by {deviation:.4} \
                     on average (1 is asked for); raise `objective.variance_weight` (now {}) or \
                     `optimizer.base_learning_rate_biases`",
                    self.variance
                ),
            ));
        }
        self.health().diagnose(reading)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    const OFFICIAL: VicReg = VicReg { invariance: 25.0, variance: 25.0, covariance: 1.0 };

    fn evaluate(embedding: &Tensor<2>) -> Evaluation {
        let view = ViewOutputs { online: Some(embedding.clone()), ..ViewOutputs::default() };
        let context = StepContext::on_one_rank(0, 1);
        OFFICIAL.evaluate(&[view.clone(), view], &context).expect("one rank")
    }

    #[test]
    fn a_collapsed_network_costs_what_it_costs_the_official_program() {
        let found = evaluate(&Tensor::full([8, 5], 3.0, &Device::flex()));
        // 25 (1 - sqrt(1e-4)).
        assert!((found.loss - 24.75).abs() < 1e-5, "{}", found.loss);
        assert!(OFFICIAL.has_collapsed(&found));
    }

    #[test]
    fn embeddings_that_shrink_to_a_point_at_the_origin_are_collapsed_though_they_differ() {
        let rows = Tensor::<2>::eye(8, &Device::flex());
        assert!(!OFFICIAL.has_collapsed(&evaluate(&rows)));
        let found = evaluate(&(rows * 1e-3));
        assert!(OFFICIAL.has_collapsed(&found));
        let measures = found.measures.iter().map(|&(name, value)| (name.to_owned(), value));
        let reading = Reading { batch_size: 8, dim: 8, measures: measures.collect() };
        let finding = OFFICIAL.diagnose(&reading).expect("a finding");
        assert_eq!(finding.verdict, Verdict::Collapsed);
        // The deviation of one 1e-3 among seven zeros is 1e-3 / sqrt(8).
        assert!(finding.reason.contains("deviate by 0.0004"), "{}", finding.reason);
    }
}
