//! One whole step of a tiny model, from views to parameter gradients, against `reference/model.py`.

use std::collections::BTreeMap;

use barlow_nn::collective::SingleRank;
use barlow_nn::named;
use barlow_nn::{
    EncoderConfig, EncoderName, Initializer, Network, Outputs, Pass, Precision, ProjectorConfig,
    Stem,
};
use barlow_objectives::{BarlowTwins, CrossCorrelationForm};
use barlow_testing::{Fixture, fill, fill_parameter};
use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::{Device, Gradients, Tensor, TensorData};

const VIEW: [usize; 4] = [8, 3, 16, 16];

fn network(device: &Device) -> Network {
    let encoder = EncoderConfig {
        name: EncoderName::ResNet18,
        width: 2,
        stem: Stem::Small,
        channels: 3,
        zero_init_residual: true,
    };
    let projector = ProjectorConfig::new("24-24-16".parse().expect("three widths"));
    let network = Network::new(&encoder, &projector, &Initializer::new(0, device));
    named::replace(network, |name, old| {
        let values = fill_parameter(name, &old.shape);
        let length = [values.len()];
        Some(Tensor::from_data(TensorData::new(values, length), &old.values.device()))
    })
}

/// The two views of a step: B is a noisy copy of A.
fn views(step: usize) -> [Vec<f32>; 2] {
    let len = VIEW.iter().product();
    let a = fill(&format!("view_a/step{step}"), len, -2.0, 2.0);
    let noise = fill(&format!("noise/step{step}"), len, -2.0, 2.0);
    let b = a.iter().zip(noise).map(|(a, noise)| 0.8 * a + 0.3 * noise).collect();
    [a, b]
}

/// Collects the gradients of a module's parameters.
struct Collector<'a> {
    gradients: &'a Gradients,
    found: BTreeMap<ParamId, Vec<f64>>,
}

impl ModuleVisitor for Collector<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = param.val().grad(self.gradients) {
            self.found.insert(param.id, gradient.into_data().iter::<f64>().collect());
        }
    }
}

/// Gradients of the trained parameters by name; one without a gradient is missing.
fn parameter_gradients(network: &Network, gradients: &Gradients) -> BTreeMap<String, Vec<f64>> {
    let mut collector = Collector { gradients, found: BTreeMap::new() };
    network.visit(&mut collector);
    let mut found = collector.found;
    named::tensors(network)
        .into_iter()
        .filter_map(|(name, tensor)| Some((name, found.remove(&tensor.id)?)))
        .collect()
}

#[test]
fn one_step_of_a_whole_model_has_the_outputs_terms_and_gradients_of_pytorch() {
    let device = Device::flex().autodiff();
    let network = network(&device);
    let steps = Fixture::open("model/steps");
    let gradients = Fixture::open("model/gradients_step0");

    let [a, b] = views(0).map(|view| {
        let view = Tensor::from_data(TensorData::new(view, VIEW), &device);
        network
            .forward(view, &Pass::training(&SingleRank, Precision::F32))
            .expect("a single rank cannot fail")
    });
    let objective = BarlowTwins::new(gradients.number("lambda"));
    let embeddings = [&a, &b].map(|outputs| outputs.embedding.clone().inner());
    let loss = objective.loss(embeddings, CrossCorrelationForm::Gram);

    let values = |tensor: &Tensor<2>| tensor.clone().inner().into_data().iter::<f64>().collect();
    let mut found: Vec<(&str, Vec<f64>)> = vec![
        ("step0/loss", vec![loss.loss]),
        ("step0/invariance_term", vec![loss.invariance_term]),
        ("step0/redundancy_reduction_term", vec![loss.redundancy_reduction_term]),
    ];
    for (name, tensor) in [
        ("step0/representation_a", &a.representation),
        ("step0/representation_b", &b.representation),
        ("step0/embedding_a", &a.embedding),
        ("step0/embedding_b", &b.embedding),
    ] {
        found.push((name, values(tensor)));
    }
    let mut deviations: Vec<String> =
        found.into_iter().filter_map(|(name, found)| steps.deviation(name, found)).collect();

    // The gradient of ⟨z, g⟩ for the parameters is that of the loss, with g = ∂loss/∂z held fixed.
    let [gradient_a, gradient_b] = loss.gradients;
    let part = |outputs: &Outputs, gradient: Tensor<2>| {
        (outputs.embedding.clone() * gradient.autodiff()).sum()
    };
    let surrogate = part(&a, gradient_a) + part(&b, gradient_b);
    let found = parameter_gradients(&network, &surrogate.backward());
    let names: Vec<String> = found.keys().cloned().collect();
    assert_eq!(names, gradients.names(), "every parameter has a gradient, running statistics none");
    deviations
        .extend(found.into_iter().filter_map(|(name, found)| gradients.deviation(&name, found)));
    assert!(deviations.is_empty(), "{}", deviations.join("\n"));
}
