//! `barlow knn`: a frozen encoder judged by nearest neighbours.

use std::sync::Arc;

use anyhow::Context;
use barlow_data::source::Source;
use barlow_data::views::{ViewPipeline, ViewPipelineConfig};
use barlow_eval::{Features, KnnConfig, align_labels, knn as classify};
use barlow_nn::{Precision, encoder_file};
use barlow_train::represent::{RepresentConfig, represent};
use serde_json::json;

use super::output;
use super::progress::Progress;
use crate::arguments::KnnArguments;
use crate::devices::DeviceChoice;
use crate::exit::Exit;
use crate::images;

/// Prints the share of test images whose neighbours among the training images have their class.
///
/// # Errors
/// If an option is wrong, or weights or images cannot be used.
pub fn knn(arguments: &KnnArguments) -> anyhow::Result<Exit> {
    let settings = arguments.check()?;
    for spec in [&settings.train, &settings.test] {
        barlow_data::source::SourceSpec::parse(spec)?;
    }
    let device = settings.device.parse::<DeviceChoice>()?.open();
    let (encoder, facts) = encoder_file::read(&settings.weights, &device)
        .with_context(|| format!("`{}` cannot be used", settings.weights.display()))?;
    let files = images::files_of(&facts)
        .with_context(|| format!("`{}` cannot be used", settings.weights.display()))?;
    let image_size = settings.image_size.unwrap_or(facts.image_size);
    let resize = match (settings.resize, settings.image_size) {
        (Some(resize), _) => resize.max(image_size),
        (None, Some(size)) => size,
        (None, None) => facts.resize,
    };
    let pipeline = Arc::new(ViewPipeline::new(ViewPipelineConfig {
        image_size,
        channels: facts.encoder.channels,
        mean: facts.mean.clone(),
        std: facts.std.clone(),
        resize: Some(resize),
        range: files.range,
        evaluation_shuffle: None,
        views: vec![],
    })?);
    let workers = images::workers(settings.workers);
    let precision = Precision::of(&settings.precision, &device);
    let config = RepresentConfig { batch_size: settings.batch_size, workers, precision };
    let options = images::whole(files.decode, settings.max_images, 0);
    let train = images::open_labelled(&settings.train, &options)?;
    let test = images::open_labelled(&settings.test, &options)?;

    let progress = Progress::new();
    let features = |source: &Arc<dyn Source>| -> anyhow::Result<Features> {
        let total = source.len();
        let mut show = |done| progress.evaluating(done, total);
        let (source, pipeline) = (Arc::clone(source), Arc::clone(&pipeline));
        let (features, bad) = represent(&encoder, source, pipeline, &device, config, &mut show)?;
        for image in bad {
            output::message(&format!("warning: `{}` is skipped: {}", image.name, image.reason));
        }
        Ok(features)
    };
    let bank = features(&train)?;
    let mut queries = features(&test)?;
    progress.clear();
    align_labels(&mut queries, test.classes(), train.classes());
    let classes = train.classes().len();
    anyhow::ensure!(
        queries.labels.iter().flatten().any(|&label| label < classes),
        "no class of `{}` is a class of `{}`",
        settings.test,
        settings.train
    );
    let knn_config = KnnConfig { k: settings.k, temperature: settings.temperature };
    let accuracy = classify(&bank, &queries, knn_config)?.accuracy;

    // Images without a label neither vote nor count.
    let labelled = |features: &Features| features.labels.iter().flatten().count();
    let (train_images, test_images) = (labelled(&bank), labelled(&queries));
    let KnnConfig { k, temperature } = knn_config;
    if arguments.json {
        output::json(&json!({
            "accuracy": accuracy,
            "k": k,
            "temperature": temperature,
            "train_images": train_images,
            "test_images": test_images,
            "image_size": image_size,
            "resize": resize,
        }))?;
    } else {
        output::text(&format!(
            "k-NN accuracy: {:.2} % of {test_images} images (k {k}, temperature {temperature}, \
             cosine; bank of {train_images} images; shorter side to {resize} px, centre crop of \
             {image_size} px)",
            100.0 * accuracy
        ))?;
    }
    Ok(Exit::Done)
}
