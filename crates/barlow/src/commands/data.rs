//! `barlow data`: what is in a source, what is broken, what `pretrain` would choose.

use anyhow::bail;
use barlow_data::source::Source;
use barlow_data::summary::Summary;
use barlow_objectives::Registry;
use barlow_train::settings::Settings;
use serde::Serialize;
use serde_json::{Value, json};

use super::output;
use super::progress::Progress;
use crate::arguments::DataArguments;
use crate::exit::{Advised, Exit};
use crate::images;
use crate::settings::resolve;

/// Looks at the images of a source and prints what was found.
///
/// # Errors
/// If settings are wrong, the images cannot be opened, or none can be decoded.
pub fn data(arguments: &DataArguments, registry: &Registry) -> anyhow::Result<Exit> {
    let resolution = resolve(&arguments.typed(), registry)?;
    let mut settings = resolution.settings;
    let progress = Progress::new();
    let source = images::open(&settings.data.source, &images::options(&settings))?;
    let workers = images::workers(settings.data.workers);
    let report = |done, total| progress.looking(done, total);
    let summary = Summary::of(&*source, arguments.look_at, workers, &report);
    progress.clear();
    let chosen = if summary.decodable > 0 {
        choose(&mut settings, &*source, &resolution.preset)
    } else {
        Err(anyhow::anyhow!("no image can be decoded"))
    };
    if arguments.json {
        let choice = chosen
            .as_ref()
            .map_or_else(|error| json!({ "error": error.to_string() }), |chosen| json!(chosen));
        output::json(&document(&settings.data.source, &summary, &choice))?;
    } else {
        output::text(&text(&summary, chosen.as_ref()))?;
    }
    if summary.decodable == 0 {
        bail!(Advised::new(
            format!("none of the {} images looked at can be decoded", summary.looked_at),
            "the kinds of trouble are listed above"
        ));
    }
    Ok(Exit::Done)
}

/// What `pretrain` would choose for these images.
#[derive(Debug, Serialize)]
struct Choice {
    preset: String,
    channels: usize,
    image_size: usize,
    batch_size: usize,
    steps_per_epoch: usize,
    /// As training would subtract and divide.
    mean: Vec<f32>,
    std: Vec<f32>,
    /// As measured on a sample, for `views.mean` and `views.std`.
    measured_mean: Vec<f32>,
    measured_std: Vec<f32>,
}

fn choose(settings: &mut Settings, source: &dyn Source, preset: &str) -> anyhow::Result<Choice> {
    images::settle(settings, source)?;
    let (measured_mean, measured_std) = images::measure(settings, source)?;
    let batch_size = settings.train.batch_size;
    Ok(Choice {
        preset: preset.to_owned(),
        channels: settings.data.channels,
        image_size: settings.views.image_size,
        batch_size,
        steps_per_epoch: source.len() / batch_size,
        mean: settings.views.mean.values().to_vec(),
        std: settings.views.std.values().to_vec(),
        measured_mean,
        measured_std,
    })
}

fn document(source: &str, summary: &Summary, choice: &Value) -> Value {
    let mut document = json!(summary);
    document["source"] = json!(source);
    document["pretrain"] = choice.clone();
    document
}

fn text(summary: &Summary, chosen: Result<&Choice, &anyhow::Error>) -> String {
    let mut lines = vec![format!("images: {}", summary.images)];
    let mut line = |name: &str, value: String| lines.push(format!("{name}: {value}"));
    line("looked at", looked_at(summary));
    line("classes", classes(summary));
    let [low, median, high] = summary.width;
    line("width", format!("{low} to {high} px, median {median}"));
    let [low, median, high] = summary.height;
    line("height", format!("{low} to {high} px, median {median}"));
    line("channels", counts(summary.channels.iter()));
    line("depth", counts(summary.depths.iter()));
    if !summary.formats.is_empty() {
        line("formats", counts(summary.formats.iter()));
    }
    if !summary.bad.is_empty() {
        line("broken", counts(summary.bad.iter()));
    }
    let rate = summary.decoded_per_second;
    line("decoding", format!("about {rate:.0} images a second on one thread"));
    for remark in &summary.remarks {
        lines.push(format!("note: {remark}"));
    }
    for bad in &summary.bad_images {
        lines.push(format!("broken: `{}`: {}", bad.name, bad.reason));
    }
    lines.push(match chosen {
        Ok(choice) if choice.steps_per_epoch == 0 => format!(
            "pretrain: preset {} would stop: {} images are fewer than a batch of {} (`--batch-size`)",
            choice.preset, summary.images, choice.batch_size
        ),
        Ok(choice) => pretrain(choice),
        Err(error) => format!("pretrain: it would stop: {error:#}"),
    });
    lines.join("\n")
}

fn looked_at(summary: &Summary) -> String {
    let Summary { images, looked_at, decodable, .. } = summary;
    let all = if looked_at == images { "all" } else { "a part spread over all" };
    format!("{looked_at} ({all}), {decodable} can be decoded")
}

fn classes(summary: &Summary) -> String {
    /// Classes that are listed.
    const LISTED: usize = 20;
    let (classes, unlabelled) = (&summary.classes, summary.unlabelled);
    if classes.is_empty() {
        return "none (the images have no labels)".to_owned();
    }
    let listed = classes.iter().take(LISTED).map(|c| format!("{} {}", c.name, c.images));
    let listed = listed.collect::<Vec<_>>().join(", ");
    let more = if classes.len() > LISTED { ", ..." } else { "" };
    let others = match unlabelled {
        0 => String::new(),
        images => format!("; {images} images without a label"),
    };
    format!("{}: {listed}{more}{others}", classes.len())
}

/// `3 (900 images), 1 (100 images)`, the most frequent first.
fn counts<'a, K: std::fmt::Display + 'a>(
    counts: impl Iterator<Item = (&'a K, &'a usize)>,
) -> String {
    let mut counts: Vec<(&K, &usize)> = counts.collect();
    counts.sort_by(|a, b| b.1.cmp(a.1));
    let parts = counts.iter().map(|(what, images)| match images {
        1 => format!("{what} (1 image)"),
        _ => format!("{what} ({images} images)"),
    });
    parts.collect::<Vec<_>>().join(", ")
}

fn pretrain(choice: &Choice) -> String {
    let numbers = |values: &[f32]| {
        let values: Vec<String> = values.iter().map(|value| format!("{value:.3}")).collect();
        values.join(", ")
    };
    format!(
        "pretrain: preset {}, {} channels, {} px, batches of {} ({} an epoch), mean [{}], std [{}]\n\
         measured: mean [{}], std [{}] (`--set views.mean=auto --set views.std=auto` takes these)",
        choice.preset,
        choice.channels,
        choice.image_size,
        choice.batch_size,
        choice.steps_per_epoch,
        numbers(&choice.mean),
        numbers(&choice.std),
        numbers(&choice.measured_mean),
        numbers(&choice.measured_std),
    )
}
