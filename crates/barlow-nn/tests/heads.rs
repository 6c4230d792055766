//! Projectors against PyTorch in training mode: outputs, running statistics and gradients
//! (`reference/heads.py`), by the kernels and by the engine's operations.

use std::collections::BTreeMap;

use barlow_kernels::Isa;
use barlow_nn::collective::SingleRank;
use barlow_nn::{Initializer, Pass, Precision, Projector, ProjectorConfig, commit, named};
use barlow_testing::{Fixture, data_folder, fill, fill_parameter};
use burn::tensor::{Device, Tensor, TensorData};

fn size(fixture: &Fixture, name: &str) -> usize {
    fixture.parameter(name).as_u64().expect("a whole number") as usize
}

/// The projector of a case with the contents that the fixture was computed with; running statistics
/// stay as they are at first.
fn projector(fixture: &Fixture, device: &Device) -> Projector {
    let is = |name: &str| fixture.parameter(name).as_bool().expect("true or false");
    let widths = fixture.parameter("widths").as_str().expect("widths");
    let config = ProjectorConfig {
        widths: widths.parse().expect("widths"),
        batch_norm: is("batch_norm"),
        bias: is("bias"),
        final_norm: is("final_norm"),
    };
    let projector = config.init(size(fixture, "inputs"), &Initializer::new(0, device));
    named::replace(projector, |name, old| {
        let values = fill_parameter(name, &old.shape);
        let length = [values.len()];
        let values = TensorData::new(values, length);
        old.is_trained.then(|| Tensor::from_data(values, &old.values.device()))
    })
}

fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f64> {
    tensor.clone().into_data().iter::<f64>().collect()
}

/// Everything that the fixture has, by its names there.
fn results(fixture: &Fixture, pass: Pass) -> BTreeMap<String, Vec<f64>> {
    let device = Device::flex().autodiff();
    let case = fixture.parameter("case").as_str().expect("a name");
    let (n, inputs) = (size(fixture, "n"), size(fixture, "inputs"));
    let filled = |name: &str, width: usize, low: f64| {
        let values = fill(&format!("heads/{case}/{name}"), n * width, low, -low);
        Tensor::<2>::from_data(TensorData::new(values, [n, width]), &device)
    };
    let projector = projector(fixture, &device);
    let rows = filled("rows", inputs, -2.0).require_grad();
    let output = projector.forward(rows.clone(), &pass).expect("one rank");
    let weights = filled("gradient", output.dims()[1], -1.0);
    let gradients = (output.clone() * weights).sum().backward();
    let of_parameters = named::gradients(&projector, &gradients).into_iter();
    let mut found: BTreeMap<String, Vec<f64>> = of_parameters
        .map(|(name, gradient)| (format!("gradient.{name}"), values(&gradient)))
        .collect();
    found.insert("output".to_owned(), values(&output));
    found.insert("gradient.rows".to_owned(), values(&rows.grad(&gradients).expect("a gradient")));
    let moved = named::tensors(&commit(projector, &pass.into_statistics()));
    let running = moved.into_iter().filter(|(name, _)| name.contains("running_"));
    found.extend(running.map(|(name, tensor)| (name, values(&tensor.values))));
    found
}

#[test]
fn heads_match_pytorch_by_the_kernels_and_by_the_engine() {
    let files = std::fs::read_dir(data_folder().join("heads")).expect("the fixtures");
    let names = files.map(|file| file.expect("a file").file_name().into_string().expect("a name"));
    let mut wrong = Vec::new();
    let mut cases = 0;
    for name in names.filter_map(|name| name.strip_suffix(".safetensors").map(str::to_owned)) {
        let fixture = Fixture::open(&format!("heads/{name}"));
        let pass = || Pass::training(&SingleRank, Precision::F32);
        let by_kernels = |isa: Isa| (isa.to_string(), pass().with_kernels(isa));
        let mut passes: Vec<_> = Isa::available().map(by_kernels).collect();
        passes.push(("the engine".to_owned(), pass().without_kernels()));
        for (body, pass) in passes {
            let found = results(&fixture, pass);
            let expected = fixture.names();
            assert_eq!(found.keys().collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>());
            let deviations =
                found.into_iter().filter_map(|(array, values)| fixture.deviation(&array, values));
            wrong.extend(deviations.map(|deviation| format!("by {body}: {deviation}")));
        }
        cases += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(cases, 9);
}
