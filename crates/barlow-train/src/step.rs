//! One training step: views to gradients, and gradients to an update, or to nothing.

use std::collections::BTreeMap;

use barlow_nn::collective::CollectiveError;
use barlow_objectives::{Evaluation, Objective, StepContext};
use burn::tensor::Tensor;

use crate::networks::{Forward, Networks};
use crate::optimizer::{Optimizer, ParameterClass, SquareSum};
use crate::schedule::StepRates;

/// Loss and gradients of one batch, not yet applied.
#[derive(Debug)]
pub struct Step {
    /// What the objective said.
    pub evaluation: Evaluation,
    /// Why the step must not be applied: a number that is not finite, the first by name, or what the
    /// objective says.
    pub fault: Option<String>,
    forward: Forward,
    gradients: BTreeMap<String, Tensor<1>>,
}

/// Prefix of an objective's own parameters among the names of gradients.
const OBJECTIVE: &str = "objective.";

/// Prefix of the predictor's.
const PREDICTOR: &str = "predictor.";

impl Step {
    /// Runs the views through the networks, asks the objective, and sends its gradients back.
    ///
    /// The objective's gradients enter as those of the surrogate `Σ ⟨output, gradient⟩`, so no
    /// objective has to be part of a graph.
    ///
    /// # Shapes
    /// - `views`: each `[n, c, h, w]`, on the autodiff device
    ///
    /// # Errors
    /// If a rank is gone or late.
    pub fn compute(
        networks: &Networks,
        objective: &dyn Objective,
        views: Vec<Tensor<4>>,
        context: &StepContext,
    ) -> Result<Self, CollectiveError> {
        let views = objective.before_views(views, context)?;
        let mut forward = networks.forward(views, context)?;
        let evaluation = objective.evaluate(&forward.outputs, context)?;
        let mut gradients = backward(networks, std::mem::take(&mut forward.attached), &evaluation);
        for gradient in gradients.values_mut() {
            *gradient = context.collective.sum(gradient.clone())?;
        }
        for (name, gradient) in &evaluation.parameter_gradients {
            gradients.insert(format!("{OBJECTIVE}{name}"), gradient.clone().flatten(0, 1));
        }
        let fault = match &evaluation.fault {
            Some(fault) => Some(fault.clone()),
            None if !evaluation.loss.is_finite() => Some("the loss is not finite".to_owned()),
            None => first_not_finite(&mut gradients)
                .map(|name| format!("the gradient of `{name}` is not finite")),
        };
        Ok(Self { evaluation, fault, forward, gradients })
    }

    /// The gradient of each trained tensor, by name, flattened, summed over ranks.
    pub fn gradients(&self) -> &BTreeMap<String, Tensor<1>> {
        &self.gradients
    }

    /// Updates weights, running statistics, target and objective, all together; returns the relative
    /// update `‖Δw‖ / ‖w‖` over all weights with two dimensions or more.
    ///
    /// # Errors
    /// If a rank is gone or late; the step is then half applied and the run must end.
    pub fn apply(
        mut self,
        networks: &mut Networks,
        objective: &mut dyn Objective,
        optimizer: &mut Optimizer,
        StepRates { now: rates, peak }: StepRates,
        context: &StepContext,
    ) -> Result<f64, CollectiveError> {
        let mut squares = Vec::new();
        let gradients = &mut self.gradients;
        let predictor = objective.needs().predictor;
        let is_at_peak = predictor.is_some_and(|predictor| predictor.has_constant_rate);
        let mut update = |name: &str, shape: &[usize], value: Tensor<1>| {
            let gradient = gradients.remove(name)?;
            let class = ParameterClass::of(shape);
            let rates = if is_at_peak && name.starts_with(PREDICTOR) { peak } else { rates };
            let updated = optimizer.step(name, class, rates, value, gradient);
            squares.extend(updated.squares.into_iter().flatten());
            Some(updated.value)
        };
        networks.update(&mut update);
        let mut parameters = objective.parameters();
        for (name, value) in &mut parameters {
            let dims = value.dims();
            // A matrix of one row is a bias.
            let shape = if dims[0] == 1 { &dims[1..] } else { &dims[..] };
            let name = format!("{OBJECTIVE}{name}");
            if let Some(updated) = update(&name, shape, value.clone().flatten(0, 1)) {
                *value = updated.reshape(dims);
            }
        }
        objective.set_parameters(parameters);
        objective.after_step(&self.forward.outputs, context)?;
        let momentum = objective.target_momentum(context);
        networks.commit(&self.forward);
        networks.average(momentum);
        Ok(relative_update(squares))
    }
}

fn backward(
    networks: &Networks,
    attached: Vec<[Option<Tensor<2>>; 2]>,
    evaluation: &Evaluation,
) -> BTreeMap<String, Tensor<1>> {
    // Outputs that get no gradient are dropped here, before the way back, which frees what only
    // they hold.
    let attached = attached.into_iter().zip(&evaluation.gradients);
    let products = attached.flat_map(|(outputs, gradients)| {
        let gradients = [gradients.online.clone(), gradients.prediction.clone()];
        let pairs = outputs.into_iter().zip(gradients).filter_map(|(a, b)| a.zip(b));
        pairs.map(|(output, gradient)| output * gradient.autodiff()).collect::<Vec<_>>()
    });
    let surrogate = products.map(Tensor::sum).reduce(|a, b| a + b);
    surrogate.map_or_else(BTreeMap::new, |sum| networks.gradients(&sum.backward()))
}

/// The first tensor, by name, with a value that is not finite: its sum of squares is not either
/// (nor is it where squares overflow f32, which no update survives).
fn first_not_finite(gradients: &mut BTreeMap<String, Tensor<1>>) -> Option<&str> {
    let squares = SquareSum::read(gradients.values_mut().map(SquareSum::of).collect());
    let is_finite = |square: f64| (square as f32).is_finite();
    gradients.keys().zip(squares).find(|(_, s)| !is_finite(*s)).map(|(name, _)| name.as_str())
}

/// `sqrt(Σ changes / Σ values)` of alternating sums of squares.
fn relative_update(squares: Vec<SquareSum>) -> f64 {
    let squares = SquareSum::read(squares);
    let change: f64 = squares.iter().step_by(2).sum();
    let value: f64 = squares.iter().skip(1).step_by(2).sum();
    if value > 0.0 { (change / value).sqrt() } else { 0.0 }
}
