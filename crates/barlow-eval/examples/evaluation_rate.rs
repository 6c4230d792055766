//! How long judging representations takes: a benchmark.
//!
//! ```text
//! cargo run --release -p barlow-eval --example evaluation_rate -- [TRAIN] [TEST] [DIM] [CLASSES]
//! ```
//!
//! Classes are Gaussian clouds that overlap. Prints seconds of k-NN (k 20; then 1, 5, 20 and 200 at
//! once) and of the linear probe in its default and in its SGD protocol, each with its accuracy.

#![expect(clippy::print_stdout, reason = "that is what it is for")]

use std::time::Instant;

use barlow_eval::{Features, LinearConfig, knn_sweep, top_k_accuracy, train_linear};
use barlow_random::Key;

fn features(seed: u64, n: usize, dim: usize, classes: usize) -> Features {
    let mut centres = Key { seed: 0, purpose: 1, ..Key::default() }.stream();
    let centres: Vec<f64> = (0..classes * dim).map(|_| 0.15 * centres.normal()).collect();
    let mut stream = Key { seed, ..Key::default() }.stream();
    let labels: Vec<usize> = (0..n).map(|_| stream.below(classes as u64) as usize).collect();
    let mut values = Vec::with_capacity(n * dim);
    for label in &labels {
        let centre = &centres[label * dim..(label + 1) * dim];
        values.extend(centre.iter().map(|centre| (centre + stream.normal()) as f32));
    }
    let labels = labels.into_iter().map(Some).collect();
    Features { values, dim, ids: (0..n as u64).collect(), labels }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sizes: Result<Vec<usize>, _> = std::env::args().skip(1).map(|size| size.parse()).collect();
    let sizes = sizes?;
    let size = |index: usize, default| sizes.get(index).copied().unwrap_or(default);
    let (n, m, dim, classes) = (size(0, 60_000), size(1, 10_000), size(2, 512), size(3, 10));
    let (train, test) = (features(1, n, dim, classes), features(2, m, dim, classes));
    println!("{n} training images, {m} test images, {dim} dimensions, {classes} classes");
    for ks in [&[20][..], &[1, 5, 20, 200]] {
        let begin = Instant::now();
        let outcomes = knn_sweep(&train, Some(&test), ks, 0.07)?;
        let seconds = begin.elapsed().as_secs_f64();
        let accuracy = outcomes.last().map_or(0.0, |outcome| outcome.accuracy);
        println!("k-NN, k {ks:?}: {seconds:.2} s, accuracy {accuracy:.4} with the last");
    }
    for (name, config) in
        [("L-BFGS, six decays", LinearConfig::default()), ("SGD", LinearConfig::sgd(0))]
    {
        let begin = Instant::now();
        let outcome = train_linear(&train, &config)?;
        let seconds = begin.elapsed().as_secs_f64();
        let scores = outcome.classifier.scores(&test)?;
        let accuracy = top_k_accuracy(&scores, outcome.classifier.classes, &test.labels, 1)?;
        println!("linear probe, {name}: {seconds:.2} s, accuracy {accuracy:.4}");
    }
    Ok(())
}
