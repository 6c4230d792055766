//! Loss, terms and gradients of Barlow Twins against `reference/objective.py`.

use barlow_objectives::{BarlowTwins, CrossCorrelationForm};
use barlow_testing::{Fixture, data_folder};
use burn::tensor::{Device, Tensor, TensorData};

/// Every case under `reference/data/objective`, sorted.
fn cases() -> Vec<String> {
    let files =
        std::fs::read_dir(data_folder().join("objective")).expect("the folder is committed");
    let name = |path: std::path::PathBuf| {
        path.file_stem().expect("a file has a name").to_string_lossy().into_owned()
    };
    let mut cases: Vec<String> =
        files.map(|file| name(file.expect("a readable folder").path())).collect();
    cases.sort();
    cases
}

fn embedding(fixture: &Fixture, name: &str) -> Tensor<2> {
    let (shape, values) = fixture.array(name);
    let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

#[test]
fn loss_terms_and_gradients_match_pytorch_in_both_forms() {
    let cases = cases();
    assert_eq!(cases.len(), 14, "{cases:?}");
    let mut deviations = Vec::new();
    for case in &cases {
        let fixture = Fixture::open(&format!("objective/{case}"));
        let objective = BarlowTwins::new(fixture.number("lambda"));
        for form in [CrossCorrelationForm::Gram, CrossCorrelationForm::Matrix] {
            let embeddings = ["embedding_a", "embedding_b"].map(|name| embedding(&fixture, name));
            let found = objective.loss(embeddings, form);
            let [gradient_a, gradient_b] =
                found.gradients.map(|g| g.into_data().iter::<f64>().collect::<Vec<_>>());
            for (name, values) in [
                ("loss", vec![found.loss]),
                ("invariance_term", vec![found.invariance_term]),
                ("redundancy_reduction_term", vec![found.redundancy_reduction_term]),
                ("gradient_a", gradient_a),
                ("gradient_b", gradient_b),
            ] {
                let deviation = fixture.deviation(name, values);
                deviations.extend(deviation.map(|text| format!("{form:?}: {text}")));
            }
        }
    }
    assert!(deviations.is_empty(), "{}", deviations.join("\n"));
}
