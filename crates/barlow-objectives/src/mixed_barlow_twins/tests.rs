use barlow_testing::{Fixture, data_folder, fill};

use super::*;
use crate::registry::{ObjectiveConfig, Registry, Scope};

fn matrix(fixture: &Fixture, name: &str) -> Tensor<2> {
    let (shape, values) = fixture.array(name);
    let shape: [usize; 2] = shape.try_into().expect("a matrix");
    let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

fn context(step: u64) -> StepContext<'static> {
    StepContext { seed: 7, ..StepContext::on_one_rank(step, 10) }
}

/// What differs from PyTorch.
fn deviations(fixture: &Fixture) -> Vec<String> {
    let constant =
        |name: &str, default: f64| fixture.parameter("constants")[name].as_f64().unwrap_or(default);
    let lambda = constant("lambda", 0.0051);
    let objective = MixedBarlowTwins {
        plain: BarlowTwins::new(lambda),
        weight: constant("regularization", 4.0) * lambda,
    };
    let order = fixture.parameter("permutation").as_array().expect("an order");
    let order = order.iter().map(|image| image.as_u64().expect("an image") as usize).collect();
    let mixture = Mixture { a: fixture.number("a"), order };
    let views = [0, 1, 2].map(|view| ViewOutputs {
        online: Some(matrix(fixture, &format!("view_{view}.online"))),
        ..ViewOutputs::default()
    });
    let found = objective.evaluate_mixed(&views, &mixture, &context(0)).expect("one rank");
    let mut wrong = Vec::new();
    wrong.extend(fixture.deviation("loss", [found.loss]));
    assert_eq!(found.terms.len(), 3);
    for (name, term) in found.terms {
        wrong.extend(fixture.deviation(&format!("term.{name}"), [term]));
    }
    assert_eq!(found.gradients.len(), 3);
    for (view, gradients) in found.gradients.into_iter().enumerate() {
        let gradient = gradients.online.expect("a gradient").into_data();
        let name = format!("gradient.view_{view}.online");
        wrong.extend(fixture.deviation(&name, gradient.iter::<f64>()));
    }
    wrong
}

#[test]
fn loss_terms_and_gradients_are_pytorchs() {
    let files = std::fs::read_dir(data_folder().join("objectives")).expect("the fixtures");
    let names = files.map(|file| file.expect("a file").file_name().into_string().expect("a name"));
    let names = names.filter_map(|name| name.strip_suffix(".safetensors").map(str::to_owned));
    let own: Vec<String> = names.filter(|name| name.starts_with(ENTRY.name)).collect();
    assert!(own.len() >= 8, "{own:?}");
    let open = |name: &String| Fixture::open(&format!("objectives/{name}"));
    let wrong: Vec<String> = own.iter().flat_map(|name| deviations(&open(name))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_third_view_is_mixed_of_each_image_and_the_drawn_one() {
    let (device, shape) = (Device::flex(), [6, 2, 3, 3]);
    let [len, image] = [6 * 2 * 3 * 3, 2 * 3 * 3];
    let pixels = ["a", "b"].map(|name| fill(name, len, -2.0, 2.0));
    let views = pixels
        .clone()
        .map(|pixels| Tensor::<4>::from_data(TensorData::new(pixels, shape), &device).autodiff());
    let registry = Registry::default();
    let config = ObjectiveConfig { name: ENTRY.name.to_owned(), ..ObjectiveConfig::default() };
    let scope = Scope { dim: 4, batch_size: 6, images: 6, classes: 0, seed: 7, device: &device };
    let objective = registry.create(&config, &scope).expect("an objective");
    let found = objective.before_views(views.into(), &context(3)).expect("one rank");
    assert_eq!(found.len(), 3);
    let mixture = Mixture::draw(7, 3, 6);
    let mixed: Vec<f64> = found[2].clone().inner().into_data().iter::<f64>().collect();
    for (place, found) in mixed.iter().enumerate() {
        let other = mixture.order[place / image] * image + place % image;
        let [a, b] = [pixels[0][place], pixels[1][other]].map(f64::from);
        let expected = mixture.a * a + (1.0 - mixture.a) * b;
        assert!((found - expected).abs() < 1e-6, "{place}: {found}, expected {expected}");
    }
}

#[test]
fn mixtures_are_drawn_anew_each_step_and_the_same_each_time() {
    let draws: Vec<Mixture> = (0..200).map(|step| Mixture::draw(1, step, 5)).collect();
    assert_eq!(draws[17], Mixture::draw(1, 17, 5));
    assert_ne!(draws[17], Mixture::draw(2, 17, 5));
    assert_ne!(draws[17], draws[18]);
    for draw in &draws {
        let mut order = draw.order.clone();
        order.sort_unstable();
        assert_eq!(order, [0, 1, 2, 3, 4]);
    }
    // The mean of 200 uniform numbers has a deviation of 0.02.
    let mean = draws.iter().map(|draw| draw.a).sum::<f64>() / 200.0;
    assert!((mean - 0.5).abs() < 0.08, "{mean}");
    assert!(draws.iter().all(|draw| (0.0..1.0).contains(&draw.a)));
}
