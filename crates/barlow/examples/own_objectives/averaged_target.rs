//! An averaged target and a predictor, as BYOL has them: from one view the network predicts what its
//! own moving average makes of the other. The loss is the squared distance of the two directions.

use std::collections::BTreeMap;
use std::f64::consts::PI;

use barlow::nn::ProjectorConfig;
use barlow::nn::collective::CollectiveError;
use barlow::objectives::{
    Evaluation, Needs, Objective, StepContext, ViewGradients, ViewOutputs, by_autodiff,
};
use burn::tensor::Tensor;

use crate::directions::directions;

/// The share of the target that the first step keeps; the last keeps all of it (BYOL's schedule).
const FIRST_MOMENTUM: f64 = 0.99;

#[derive(Debug)]
pub(crate) struct AveragedTarget {
    predictor: ProjectorConfig,
}

impl AveragedTarget {
    pub(crate) const NAME: &str = "averaged-target";

    pub(crate) fn new(dim: usize) -> Self {
        let widths = format!("{}-{dim}", 2 * dim).parse().expect("both are widths");
        Self { predictor: ProjectorConfig { widths, batch_norm: true } }
    }
}

impl Objective for AveragedTarget {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn needs(&self) -> Needs {
        Needs { target: true, predictor: Some(self.predictor.clone()), ..Needs::default() }
    }

    fn evaluate(
        &self,
        views: &[ViewOutputs],
        context: &StepContext,
    ) -> Result<Evaluation, CollectiveError> {
        let prediction = |view: &ViewOutputs| view.prediction.clone().expect("it is asked for");
        let target = |view: &ViewOutputs| directions(view.target.clone().expect("as is this"));
        let targets = [target(&views[1]), target(&views[0])];
        let images = (views[0].online.dims()[0] * context.collective.world()) as f64;
        let (loss, gradients) = by_autodiff(views.iter().map(prediction).collect(), |views| {
            let distance = |(prediction, target): (&Tensor<2>, &Tensor<2>)| {
                let error = directions(prediction.clone()) - target.clone().autodiff();
                (error.clone() * error).sum_dim(1).sum_dim(0) / images
            };
            let distances = views.iter().zip(&targets).map(distance);
            distances.reduce(|a, b| a + b).expect("there are two views").reshape([1])
        });
        let own_share = Tensor::from_floats([loss as f32], &views[0].online.device());
        let loss = f64::from(context.collective.sum(own_share)?.into_scalar::<f32>());
        let gradient = |prediction| ViewGradients { prediction: Some(prediction), online: None };
        Ok(Evaluation {
            loss,
            terms: vec![("distance", loss)],
            measures: vec![],
            floor: None,
            gradients: gradients.into_iter().map(gradient).collect(),
            parameter_gradients: BTreeMap::new(),
        })
    }

    fn target_momentum(&self, context: &StepContext) -> f64 {
        let progress = context.step as f64 / context.total_steps as f64;
        1.0 - (1.0 - FIRST_MOMENTUM) * ((PI * progress).cos() + 1.0) / 2.0
    }
}
