//! `barlow inspect`: measures of a representation, the same each time, and its pictures.

#![allow(clippy::unwrap_used, reason = "helpers of tests end a test as the tests do")]

mod support;

use serde_json::Value;
use support::trained;

const WEIGHTS: &str = "run/encoder.safetensors";

fn inspect(more: &[&str]) -> Value {
    let line = ["inspect", "--weights", WEIGHTS, "--data=synthetic:96", "--json"];
    trained().run(&[&line[..], more].concat()).json()
}

/// A measure of a layer.
fn measure(document: &Value, layer: &str, name: &str) -> f64 {
    let measures = document[layer]["measures"].as_array().unwrap();
    measures.iter().find(|measure| measure["name"] == name).unwrap()["value"].as_f64().unwrap()
}

#[test]
fn ranks_are_those_that_the_run_measured() {
    let found = inspect(&["--projector"]);
    let records = support::metrics(&trained().path("run"));
    let last = records.iter().rev().find(|record| record["kind"] == "epoch").unwrap();
    for layer in ["representation", "embedding"] {
        let expected = last["effective_rank"][layer].as_f64().unwrap();
        let found = measure(&found, layer, "effective_rank");
        assert!((found - expected).abs() < 1e-3 * expected, "{layer}: {found}, {expected}");
    }
}

#[test]
fn every_number_has_its_formula_and_its_meaning() {
    let found = inspect(&["--beta=3", "--views=3"]);
    assert_eq!([&found["protocol"]["beta"], &found["protocol"]["views"]], [3.0, 3.0]);
    assert_eq!(found["protocol"]["view_distributions"], "those of the run");
    let measures = found["representation"]["measures"].as_array().unwrap();
    assert!(measures.iter().all(|m| {
        let has = |key: &str| m[key].as_str().is_some_and(|text| !text.is_empty());
        m["value"].is_number() && has("formula") && has("meaning")
    }));
    let value = |name| measure(&found, "representation", name);
    let trade_off = value("conditional_entropy") + (1.0 - 3.0) / 3.0 * value("entropy");
    assert!((value("trade_off") - trade_off).abs() < 1e-9 * trade_off.abs());
    assert!((value("information") - value("entropy") + value("conditional_entropy")).abs() < 1e-9);
    let eigenvalues = found["representation"]["eigenvalues"].as_array().unwrap();
    assert_eq!(eigenvalues.len(), 32);
}

#[test]
fn the_same_seed_sees_the_same_views() {
    assert_eq!(inspect(&[]), inspect(&["--workers=7"]));
    assert_ne!(inspect(&[])["representation"], inspect(&["--seed=5"])["representation"]);
}

#[test]
fn pictures_are_drawn_and_kept() {
    let found = inspect(&["--projector", "--out=pictures"]);
    assert_eq!(found["pictures"].as_array().unwrap().len(), 3);
    for (name, side) in
        [("cross-correlation-representation.png", None), ("neighbours.png", Some(64 * 6))]
    {
        let picture = image::open(trained().path("pictures").join(name)).unwrap();
        assert!(picture.width() > side.unwrap_or(31), "{name}");
    }
    let line = ["inspect", "--weights", WEIGHTS, "--data=synthetic:96", "--out=pictures"];
    trained().run(&line).assert(1, &["is there already", "--overwrite"]);
}
