//! Gradients through predictor, projector and encoder, against finite differences of the loss.

use barlow_objectives::{ConstantValue, Layer, Objective, ViewOutputs};
use barlow_testing::fill;
use barlow_train::networks::Networks;
use barlow_train::step::Step;
use burn::tensor::{Tensor, TensorData};

use crate::tiny::{context, networks, objective, values, view};

/// A direction in which a tensor is moved, of elements up to 1.
fn direction(name: &str, length: usize) -> Vec<f32> {
    fill(&format!("direction/{name}"), length, -1.0, 1.0)
}

/// Moves the tensors of one part.
fn shift(networks: &mut Networks, part: &str, step: f32) {
    networks.update(|name, _, value| {
        name.starts_with(part).then(|| {
            let [length] = value.dims();
            let along = TensorData::new(direction(name, length), [length]);
            let along: Tensor<1> = Tensor::from_data(along, &value.device());
            value + along * step
        })
    });
}

/// The loss with the embeddings held where they are given: what no gradient is to reach.
fn loss(networks: &Networks, objective: &dyn Objective, given: Option<&[ViewOutputs]>) -> f64 {
    let context = context(0);
    let views = vec![view("a", 8), view("b", 8)];
    let mut outputs = networks.forward(views, &context).expect("one rank").outputs;
    for (output, given) in outputs.iter_mut().zip(given.unwrap_or_default()) {
        output.online.clone_from(&given.online);
    }
    objective.evaluate(&outputs, &context).expect("one rank").loss
}

/// Each part's slope of the loss is what its gradients say.
fn assert_slopes(name: &str, constants: &[(&str, ConstantValue)], holds_embeddings: bool) {
    let objective = objective(name, constants);
    let mut networks = networks(Layer::Embedding, &objective.needs());
    let views = vec![view("a", 8), view("b", 8)];
    let step = Step::compute(&networks, &*objective, views.clone(), &context(0)).expect("one rank");
    assert_eq!(step.fault, None);
    let given = networks.forward(views, &context(0)).expect("one rank").outputs;
    let given = holds_embeddings.then_some(&given[..]);
    for (part, width) in [("predictor.", 1e-3), ("projector.", 1e-3), ("encoder.", 3e-5)] {
        let of_part = step.gradients().iter().filter(|(name, _)| name.starts_with(part));
        let products = of_part.map(|(name, gradient)| {
            let gradient = values(gradient);
            let along = direction(name, gradient.len());
            gradient.iter().zip(along).map(|(g, a)| g * f64::from(a)).sum::<f64>()
        });
        let expected: f64 = products.sum();
        shift(&mut networks, part, width);
        let above = loss(&networks, &*objective, given);
        shift(&mut networks, part, -2.0 * width);
        let below = loss(&networks, &*objective, given);
        shift(&mut networks, part, width);
        let slope = (above - below) / (2.0 * f64::from(width));
        // Kinks of the ReLUs, of which the encoder's many weights move many: its step is smaller, and
        // f32 rounding of the loss shows more.
        let allowed = 0.05 * expected.abs() + 1e-3;
        assert!((slope - expected).abs() < allowed, "{name} {part}: {slope}, gradient {expected}");
    }
}

fn predictor() -> (&'static str, ConstantValue) {
    ("predictor", ConstantValue::Text("8-16".into()))
}

#[test]
fn byols_gradients_are_the_slopes_of_its_loss() {
    assert_slopes("byol", &[predictor()], false);
}

#[test]
fn simsiams_gradients_are_the_slopes_of_its_loss_with_the_embeddings_held() {
    assert_slopes("simsiam", &[predictor()], true);
}

#[test]
fn without_stop_gradient_simsiams_are_the_slopes_of_the_whole_loss() {
    let constants = [predictor(), ("stop_gradient", ConstantValue::Boolean(false))];
    assert_slopes("simsiam", &constants, false);
}
