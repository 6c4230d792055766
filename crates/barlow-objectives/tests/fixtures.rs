//! Every objective's loss, terms, gradients and state against PyTorch in f64
//! (`reference/objectives.py`): one test for all, as a fixture says itself what it is of.

use std::collections::BTreeMap;

use barlow_objectives::{
    Allowed, ConstantValue, Objective, ObjectiveConfig, Registry, Scope, StepContext, ViewOutputs,
};
use barlow_testing::{Fixture, data_folder};
use burn::tensor::{Device, Tensor, TensorData};
use serde_json::Value;

/// Every fixture; this test runs those not marked `by_hand`, which have tests of their own.
fn fixtures() -> Vec<(String, Fixture)> {
    let files = std::fs::read_dir(data_folder().join("objectives")).expect("the fixtures");
    let mut names: Vec<String> = files
        .map(|file| file.expect("a file").file_name().into_string().expect("a name"))
        .filter_map(|name| name.strip_suffix(".safetensors").map(str::to_owned))
        .collect();
    names.sort();
    let open = |name: String| (name.clone(), Fixture::open(&format!("objectives/{name}")));
    names.into_iter().map(open).collect()
}

fn matrix(fixture: &Fixture, name: &str) -> Tensor<2> {
    let (shape, values) = fixture.array(name);
    let shape: [usize; 2] = shape.try_into().expect("a matrix");
    let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

fn values(tensor: &Tensor<2>) -> Vec<f64> {
    tensor.clone().into_data().iter::<f64>().collect()
}

/// The matrices behind a prefix.
fn matrices(fixture: &Fixture, prefix: &str) -> BTreeMap<String, Tensor<2>> {
    let names = fixture.names();
    let names = names.iter().filter_map(|name| Some((name.strip_prefix(prefix)?, name)));
    names.map(|(short, name)| (short.to_owned(), matrix(fixture, name))).collect()
}

fn config(fixture: &Fixture, registry: &Registry) -> ObjectiveConfig {
    let name = fixture.parameter("objective").as_str().expect("a name").to_owned();
    let entry = registry.find(&name).unwrap_or_else(|| panic!("no objective `{name}`"));
    let mut config = ObjectiveConfig { name, ..ObjectiveConfig::default() };
    for (name, value) in fixture.parameter("constants").as_object().expect("constants") {
        let constant = entry.constant(name).unwrap_or_else(|| panic!("no constant `{name}`"));
        let value = match (constant.allowed, value) {
            (Allowed::Number(_), value) => ConstantValue::Number(value.as_f64().expect("a number")),
            (_, Value::Bool(value)) => ConstantValue::Boolean(*value),
            (_, Value::String(value)) => ConstantValue::Text(value.clone().into()),
            (_, value) => ConstantValue::Integer(value.as_i64().expect("a whole number")),
        };
        config.constants.set(name, value);
    }
    config
}

fn size(fixture: &Fixture, name: &str) -> Option<usize> {
    fixture.parameter(name).as_u64().map(|size| size as usize)
}

/// What differs from PyTorch.
fn deviations(fixture: &Fixture, registry: &Registry) -> Vec<String> {
    let names = fixture.names();
    let outputs = |view: usize| {
        let of = |kind: &str| {
            let name = format!("view_{view}.{kind}");
            names.contains(&name).then(|| matrix(fixture, &name))
        };
        ViewOutputs { online: of("online"), prediction: of("prediction"), target: of("target") }
    };
    let is_given = |view: &usize| {
        let prefix = format!("view_{view}.");
        names.iter().any(|name| name.starts_with(&prefix))
    };
    let views: Vec<ViewOutputs> = (0..16).take_while(is_given).map(outputs).collect();
    let first = [&views[0].online, &views[0].prediction, &views[0].target];
    let first = first.into_iter().flatten().next().expect("an output");
    let [n, dim] = first.dims();
    let device = Device::flex();
    let scope = Scope {
        dim,
        batch_size: n,
        images: size(fixture, "images").unwrap_or(n),
        classes: size(fixture, "classes").unwrap_or(0),
        seed: 0,
        device: &device,
    };
    let mut objective =
        registry.create(&config(fixture, registry), &scope).expect("an objective that fits");
    let parameters = matrices(fixture, "parameter.");
    if !parameters.is_empty() {
        objective.set_parameters(parameters);
    }
    let state = matrices(fixture, "state.");
    if !state.is_empty() {
        objective.restore(state);
    }
    let ids = fixture.parameter("ids").as_array().cloned().unwrap_or_default();
    let ids: Vec<u64> = ids.iter().filter_map(Value::as_u64).collect();
    let ids = if ids.is_empty() { (0..n as u64).collect() } else { ids };
    let labels = fixture.parameter("labels").as_array().cloned().unwrap_or_default();
    let labels: Vec<Option<usize>> =
        labels.iter().map(|label| label.as_u64().map(|label| label as usize)).collect();
    let step = |name: &str, default| size(fixture, name).unwrap_or(default) as u64;
    let (step, total_steps) = (step("step", 0), step("total_steps", 1));
    let context =
        StepContext { ids: &ids, labels: &labels, ..StepContext::on_one_rank(step, total_steps) };
    let mut found = computed(&*objective, &views, &context);
    objective.after_step(&views, &context).expect("one rank");
    for (name, value) in objective.state() {
        found.insert(format!("state_after.{name}"), values(&value));
    }

    let is_result = |name: &&String| {
        let starts = ["loss", "term.", "gradient.", "state_after."];
        starts.iter().any(|start| name.starts_with(start))
    };
    let mut wrong = Vec::new();
    for name in names.iter().filter(is_result) {
        match found.remove(name) {
            Some(values) => wrong.extend(fixture.deviation(name, values)),
            None => wrong.push(format!("{name} is missing")),
        }
    }
    let is_gradient = |name: &&String| name.starts_with("gradient.");
    let rest =
        found.iter().filter(|(name, values)| is_gradient(name) && values.iter().any(|v| *v != 0.0));
    wrong.extend(rest.map(|(name, _)| format!("{name} should be zero")));
    wrong
}

/// Loss, terms and gradients under the names of the fixtures.
fn computed(
    objective: &dyn Objective,
    views: &[ViewOutputs],
    context: &StepContext,
) -> BTreeMap<String, Vec<f64>> {
    let evaluation = objective.evaluate(views, context).expect("one rank");
    assert_eq!(evaluation.fault, None);
    assert_eq!(evaluation.gradients.len(), views.len(), "a gradient for each view");
    let mut found = BTreeMap::from([("loss".to_owned(), vec![evaluation.loss])]);
    found.extend(
        evaluation.terms.iter().map(|(name, value)| (format!("term.{name}"), vec![*value])),
    );
    for (view, gradients) in evaluation.gradients.iter().enumerate() {
        for (kind, gradient) in
            [("online", &gradients.online), ("prediction", &gradients.prediction)]
        {
            if let Some(gradient) = gradient {
                found.insert(format!("gradient.view_{view}.{kind}"), values(gradient));
            }
        }
    }
    for (name, gradient) in &evaluation.parameter_gradients {
        found.insert(format!("gradient.parameter.{name}"), values(gradient));
    }
    found
}

#[test]
fn every_objective_is_pytorchs() {
    let registry = Registry::default();
    let fixtures = fixtures();
    let mut failures = Vec::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (name, fixture) in &fixtures {
        let objective = fixture.parameter("objective").as_str().expect("a name");
        if registry.find(objective).is_none() {
            continue;
        }
        *counts.entry(objective.to_owned()).or_insert(0) += 1;
        if fixture.parameter("by_hand").as_bool() == Some(true) {
            continue;
        }
        let wrong = deviations(fixture, &registry);
        failures.extend(wrong.into_iter().map(|wrong| format!("{name}: {wrong}")));
    }
    assert!(
        failures.is_empty(),
        "{} of {}:\n{}",
        failures.len(),
        fixtures.len(),
        failures.join("\n")
    );
    for entry in registry.entries() {
        let count = counts.get(entry.name).copied().unwrap_or(0);
        assert!(count >= 3, "{} fixtures of `{}`", count, entry.name);
    }
}
