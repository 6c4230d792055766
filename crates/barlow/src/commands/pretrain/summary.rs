//! What `barlow pretrain` says at the end.

use std::path::Path;

use barlow_data::source::SourceSpec;
use barlow_train::run::{End, Outcome};
use barlow_train::settings::Settings;
use serde_json::json;

use crate::arguments::PretrainArguments;
use crate::commands::output;

/// Prints how the run ended and what it left.
pub(super) fn print(
    arguments: &PretrainArguments,
    path: &Path,
    settings: &Settings,
    outcome: &Outcome,
    seconds: f64,
) -> anyhow::Result<()> {
    let encoder = outcome.encoder.display();
    if arguments.json {
        let end = match outcome.end {
            End::Finished => "finished",
            End::AlreadyFinished => "already finished",
            End::Interrupted(_) => "interrupted",
        };
        return output::json(&json!({
            "run": path,
            "end": end,
            "encoder": outcome.encoder,
            "steps": outcome.step,
            "knn": { "before": outcome.first_knn, "after": outcome.last_knn },
            "skipped_steps": outcome.skipped_steps,
            "bad_images": outcome.bad_images,
            "seconds": seconds,
        }));
    }
    if let End::Interrupted(_) = outcome.end {
        return Ok(());
    }
    let mut lines = Vec::new();
    if outcome.end == End::AlreadyFinished {
        lines.push(format!("the run is finished: {} steps are done", outcome.step));
    }
    if let (Some(before), Some(after)) = (outcome.first_knn, outcome.last_knn) {
        lines.push(format!(
            "k-NN accuracy: {:.1} % before training, {:.1} % after",
            100.0 * before,
            100.0 * after
        ));
    }
    if outcome.bad_images > 0 {
        let list = path.join("bad_images.jsonl");
        lines.push(format!("{} images were skipped: {}", outcome.bad_images, list.display()));
    }
    if outcome.skipped_steps > 0 {
        lines.push(format!(
            "{} steps were skipped because a number was not finite: {}",
            outcome.skipped_steps,
            path.join("train.log").display()
        ));
    }
    lines.push(format!("encoder: {encoder}"));
    let (train, test) = knn_sources(settings, outcome.first_knn.is_some());
    lines
        .push(format!("evaluate it: barlow knn --weights {encoder} --train {train} --test {test}"));
    output::text(&lines.join("\n"))
}

/// Sources for a k-NN of the encoder, as far as they are known.
fn knn_sources(settings: &Settings, has_labels: bool) -> (&str, &str) {
    const UNKNOWN: &str = "LABELLED_IMAGES";
    let source = settings.data.source.as_str();
    let drawn = match SourceSpec::parse(source) {
        Ok(SourceSpec::Synthetic { .. }) => "synthetic:1000:1",
        Ok(SourceSpec::Tinted { .. }) => "tinted:1000:1",
        _ => UNKNOWN,
    };
    let train = match settings.probe.train.as_str() {
        "" if has_labels => source,
        "" => UNKNOWN,
        spec => spec,
    };
    let test = match settings.probe.test.as_str() {
        "" => drawn,
        spec => spec,
    };
    (train, test)
}
