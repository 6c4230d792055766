//! Weights out of the program and back into it: `export`, `import`, `--init`.

#![allow(clippy::unwrap_used, reason = "helpers of tests end a test as the tests do")]

mod support;

use std::fs;

use safetensors::SafeTensors;
use support::{Playground, metrics, tiny, trained};

const WEIGHTS: &str = "run/encoder.safetensors";

fn export<'a>(format: &'a str, out: &'a str) -> Vec<&'a str> {
    vec!["export", "--weights", WEIGHTS, "--format", format, "--out", out]
}

/// Names and bytes of the tensors of a file.
fn tensors(name: &str) -> Vec<(String, Vec<usize>, Vec<u8>)> {
    let bytes = fs::read(trained().path(name)).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut all: Vec<_> = file
        .tensors()
        .into_iter()
        .map(|(name, view)| (name, view.shape().to_vec(), view.data().to_vec()))
        .collect();
    all.sort();
    all
}

#[test]
fn weights_come_back_bit_by_bit_from_every_format() {
    let playground = trained();
    let expected = tensors(WEIGHTS);
    assert_eq!(expected.len(), 100, "resnet18 has 100 tensors");
    for (format, out) in [("torch", "one.pth"), ("safetensors", "two.safetensors")] {
        playground.run(&export(format, out)).assert(0, &[]);
        let back = format!("{format}-back.safetensors");
        let ended = playground.run(&["import", out, "--out", &back, "--json"]);
        let found = ended.json();
        assert_eq!(found["encoder"]["name"], "resnet18");
        assert_eq!([&found["encoder"]["width"], &found["encoder"]["channels"]], [4, 3]);
        assert_eq!(found["encoder"]["stem"], "small");
        assert_eq!(tensors(&back), expected, "{format}");
    }
    // Our own file keeps what it says of itself; a .pth says nothing, so ImageNet is assumed.
    assert_eq!(
        fs::read(playground.path("safetensors-back.safetensors")).unwrap(),
        playground.encoder()
    );
}

#[test]
fn a_foreign_file_is_used_as_it_is() {
    let playground = trained();
    playground.run(&export("torch", "used.pth")).assert(0, &[]);
    playground
        .run(&["import", "used.pth", "--out", "told.safetensors", "--image-size=16", "--resize=16"])
        .assert(0, &[]);
    let knn = |weights: &str| {
        let train = "synthetic:200";
        let line = ["knn", "--weights", weights, "--train", train, "--image-size=16", "--json"];
        playground.run(&line).json()["accuracy"].clone()
    };
    assert_eq!(knn("used.pth"), knn("told.safetensors"));
}

#[test]
fn the_projector_is_that_of_the_run() {
    let playground = trained();
    let line = [&export("safetensors", "both.safetensors")[..], &["--projector"]].concat();
    playground.run(&line).assert(0, &[]);
    let projector: Vec<(String, Vec<usize>)> = tensors("both.safetensors")
        .into_iter()
        .filter_map(|(name, shape, _)| Some((name.strip_prefix("projector.")?.to_owned(), shape)))
        .collect();
    let expected = [
        ("0.weight", vec![32, 32]),
        ("1.bias", vec![32]),
        ("1.running_mean", vec![32]),
        ("1.running_var", vec![32]),
        ("1.weight", vec![32]),
        ("3.weight", vec![32, 32]),
    ];
    assert_eq!(projector, expected.map(|(name, shape)| (name.to_owned(), shape)));
    // It comes back out of each format, and is kept beside an imported encoder.
    let line = [&export("torch", "both.pth")[..], &["--projector"]].concat();
    playground.run(&line).assert(0, &[]);
    for from in ["both.safetensors", "both.pth"] {
        let again = format!("{from}.again.safetensors");
        let found = playground.run(&["import", from, "--out", &again, "--json"]).json();
        assert_eq!(found["left"].as_object().unwrap().len(), 0, "{found}");
        assert_eq!(tensors(&again), tensors(WEIGHTS));
        let weights = ["export", "--weights", &again, "--format=safetensors", "--projector"];
        let out = format!("{from}.out.safetensors");
        playground.run(&[&weights[..], &["--out", &out]].concat()).assert(0, &[]);
        assert_eq!(tensors(&out), tensors("both.safetensors"));
    }
    // Away from its run nobody knows it.
    fs::create_dir_all(playground.path("away")).unwrap();
    fs::copy(playground.path(WEIGHTS), playground.path("away/encoder.safetensors")).unwrap();
    let line = [
        "export",
        "--weights=away/encoder.safetensors",
        "--format=onnx",
        "--out=away/e.onnx",
        "--projector",
    ];
    playground.run(&line).assert(1, &["no projector is known", "run's folder"]);
    assert!(!playground.path("away/e.onnx").exists());
}

#[test]
fn a_model_card_stands_beside_every_export() {
    let playground = trained();
    let knn = ["knn", "--weights", WEIGHTS, "--train=synthetic:100", "--json"];
    fs::write(playground.path("knn.json"), playground.run(&knn).stdout).unwrap();
    let line = [&export("onnx", "card.onnx")[..], &["--score=knn.json"]].concat();
    playground.run(&line).assert(0, &[]);
    let card = fs::read_to_string(playground.path("card.onnx.md")).unwrap();
    for part in [
        "resnet18, width 4, small stem, 3 channel(s)",
        "| input | `[n, 3, 16, 16]`, f32 |",
        "onnxruntime.InferenceSession(\"card.onnx\")",
        "| images | `synthetic:96` |",
        "| objective | barlow-twins, ",
        "lambda 0.0051",
        "leave_one_out true",
        "temperature 0.07",
        concat!("barlow ", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(card.contains(part), "{part:?} in\n{card}");
    }
    playground.run(&line).assert(1, &["`card.onnx` is there already"]);
    fs::remove_file(playground.path("card.onnx")).unwrap();
    playground.run(&line).assert(1, &["`card.onnx.md` is there already"]);
    fs::write(playground.path("no.json"), "[1]").unwrap();
    let line = [&export("onnx", "other.onnx")[..], &["--score=no.json"]].concat();
    playground.run(&line).assert(1, &["`no.json` is no result of `--json`"]);
}

#[test]
fn options_of_onnx_are_refused_beside_other_formats() {
    for option in ["--batch=4", "--dynamic-size", "--fold-batch-norm", "--normalise"] {
        let line = [&export("torch", "x.pth")[..], &[option]].concat();
        trained().run(&line).assert(2, &["is for `--format onnx`"]);
    }
}

#[test]
fn a_run_begins_with_the_weights_it_is_given() {
    let playground = Playground::barlow();
    let probes = ["--probe-train=synthetic:300", "--probe-test=synthetic:200:1"];
    playground.run(&tiny(&probes)).assert(0, &[]);
    let after = metrics(&playground.path("run")).pop().unwrap()["knn"].clone();
    fs::rename(playground.path("run"), playground.path("first")).unwrap();
    let init = "--init=first/encoder.safetensors";
    playground.run(&tiny(&[&probes[..], &["--seed=9", init]].concat())).assert(0, &[]);
    let before = metrics(&playground.path("run")).remove(0);
    assert_eq!((&before["epoch"], &before["knn"]), (&0.into(), &after));

    fs::remove_dir_all(playground.path("run")).unwrap();
    playground
        .run(&tiny(&[init, "--set=data.channels=1"]))
        .assert(1, &["holds resnet18, width 4", "small stem, 1 channel(s)", "data.channels=3"]);
    assert!(!playground.path("run").exists(), "nothing is written");
    playground.run(&tiny(&["--init=nowhere.pth"])).assert(1, &["`nowhere.pth` cannot be used"]);
}

#[test]
fn a_file_that_says_more_than_it_holds_is_refused_before_memory_is_taken() {
    let playground = trained();
    let mut bytes = playground.encoder();
    let text = br#"\"width\":4"#;
    let at = bytes.windows(text.len()).position(|window| window == text).unwrap();
    bytes[at + text.len() - 1] = b'9';
    fs::write(playground.path("boast.safetensors"), bytes).unwrap();
    playground.run(&["knn", "--weights=boast.safetensors", "--train=synthetic:20"]).assert(
        1,
        &["it says that it holds resnet18, width 9", "its tensors are resnet18, width 4"],
    );
}

#[test]
fn numbers_that_an_import_cannot_know_are_refused() {
    let playground = trained();
    let import =
        |more: &str| playground.run(&["import", WEIGHTS, "--out=imported.safetensors", more]);
    import("--mean=auto").assert(2, &["`--mean` is not a number for each channel"]);
    import("--std=0.5").assert(1, &["`--std` has 1 numbers, the encoder 3 channels"]);
    assert!(!playground.path("imported.safetensors").exists());
}

#[test]
fn what_is_no_encoder_is_refused_and_says_why() {
    let playground = trained();
    fs::write(playground.path("text.pth"), "not weights").unwrap();
    let import = |file: &str| playground.run(&["import", file, "--out", "x.safetensors"]);
    import("text.pth").assert(1, &["`text.pth` cannot be used", "caused by"]);
    import("missing.pth").assert(1, &["`missing.pth` cannot be used"]);
    assert!(!playground.path("x.safetensors").exists());
}
