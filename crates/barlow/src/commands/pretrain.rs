//! `barlow pretrain`: settings, images, run directory, then the loop.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail};
use barlow_data::source::{SourceKind, SourceSpec};
use barlow_nn::Precision;
use barlow_nn::collective::SingleRank;
use barlow_objectives::Registry;
use barlow_train::interrupt::Interrupt;
use barlow_train::probe::Probe;
use barlow_train::run::{End, Outcome, Run, loader, train};
use barlow_train::run_directory::{OpenMode, RunDirectory, RunState, first_free};
use barlow_train::settings::Settings;
use barlow_weights::tensor_file::Tensors;
use barlow_weights::{EncoderConfig, Stem};
use serde_json::json;

use super::output;
use super::progress::Progress;
use crate::arguments::PretrainArguments;
use crate::devices::DeviceChoice;
use crate::doctor::{self, Report};
use crate::exit::{Advised, Exit, Usage};
use crate::images;
use crate::settings::{
    Resolution, TypedSettings, changed_keys, from_config_toml, resolve, to_config_toml,
};
use crate::weights_file::{WeightsFile, in_words, projector_config};

/// The file that holds a run's settings.
const CONFIG: &str = "config.toml";

/// Trains an encoder.
///
/// # Errors
/// If settings are wrong, images or the run directory cannot be used, or training fails.
pub fn pretrain(arguments: &PretrainArguments, registry: &Registry) -> anyhow::Result<Exit> {
    let begin = Instant::now();
    let earlier = earlier_config(arguments)?;
    let typed = typed(arguments, earlier.as_ref().map(|(path, _)| path));
    let Resolution { mut settings, preset, notes } = resolve(&typed, registry)?;
    for note in &notes {
        output::message(note);
    }

    let source = images::open(&settings.data.source, &images::options(&settings))?;
    let source = images::cached(&settings, source)?;
    let remarks = source.remarks();
    for remark in &remarks {
        output::message(remark);
    }
    images::settle(&mut settings, &*source)?;
    let device: DeviceChoice = settings.train.device.parse()?;
    // What this machine chooses is what the run is, wherever it is resumed.
    let precision = Precision::of(&settings.train.precision, &device.open());
    precision.name().clone_into(&mut settings.train.precision);
    if let Some((path, text)) = &earlier {
        refuse_changes(text, path, &settings)?;
    }
    let pipeline = images::pipeline(&settings)?;
    let probe = probe(&settings, &source)?;
    // Before anything is written.
    let machine = doctor::examine();
    refuse_beyond_memory(&settings, &machine)?;
    loader(&settings, &source, &pipeline)?;

    let has_begun = earlier.is_some()
        && arguments.out.as_ref().is_some_and(|out| out.join("checkpoints/latest").exists());
    let initial = if has_begun { None } else { initial(&settings)? };

    let path = match &arguments.out {
        Some(path) => path.clone(),
        None => first_free(Path::new("runs"), &preset)?,
    };
    let mode = match (arguments.resume, arguments.overwrite) {
        (true, _) => OpenMode::Resume,
        (_, true) => OpenMode::Overwrite,
        _ => OpenMode::New,
    };
    let directory = RunDirectory::open(&path, mode)?;
    let environment = environment(&device, &machine);
    if directory.state() == RunState::Fresh {
        if arguments.resume {
            output::message("there is no run to resume here: starting at step 0");
        }
        let header = format!("{environment}\npreset: {preset}");
        directory.write_config(&to_config_toml(&settings, &header, registry))?;
    }

    let images = Arc::clone(&source);
    let interrupt = Interrupt::install().context("signals cannot be caught")?;
    let run = Run {
        settings: &settings,
        source,
        pipeline,
        probe,
        registry,
        collective: &SingleRank,
        initial: initial.as_ref(),
        device: device.open(),
        directory: &directory,
        version: env!("CARGO_PKG_VERSION"),
        environment,
    };
    let mut progress = Progress::new();
    let result = train(&run, &mut progress, &|| interrupt.requested());
    progress.clear();
    let outcome = result?;
    for remark in images.remarks().iter().filter(|remark| !remarks.contains(remark)) {
        output::message(remark);
    }
    report(arguments, &path, &settings, &outcome, begin.elapsed().as_secs_f64())?;
    Ok(match outcome.end {
        End::Finished | End::AlreadyFinished => Exit::Done,
        End::Interrupted(signal) => signal.into(),
    })
}

/// The weights that the run begins with, if a file of them is named.
fn initial(settings: &Settings) -> anyhow::Result<Option<Tensors>> {
    if settings.encoder.init.is_empty() {
        return Ok(None);
    }
    let path = Path::new(&settings.encoder.init);
    let file = WeightsFile::open(path, None)?;
    let wanted = settings.encoder.config(settings.data.channels);
    let zero_init_residual = wanted.zero_init_residual;
    let found = EncoderConfig { zero_init_residual, ..file.facts.encoder };
    if found != wanted {
        bail!(Advised::new(
            format!(
                "`{}` holds {}, the run has {}",
                path.display(),
                in_words(&found),
                in_words(&wanted)
            ),
            format!(
                "`--encoder {} --width {} --set encoder.stem={} --set data.channels={}` takes the encoder of \
                 the file",
                found.name.as_str(),
                found.width,
                if found.stem == Stem::Small { "small" } else { "standard" },
                found.channels
            )
        ));
    }
    let named = |part: &str, tensors: Tensors| {
        let part = part.to_owned();
        tensors.into_iter().map(move |(name, array)| (format!("{part}.{name}"), array))
    };
    let mut initial: Tensors = named("encoder", file.encoder).collect();
    if let Some(projector) = file.projector {
        if projector_config(&projector)? == settings.projector {
            initial.extend(named("projector", projector));
        } else {
            output::message("the projector of the weights has other widths and is left");
        }
    }
    Ok(Some(initial))
}

/// The settings of the run that is to be resumed, if there is one.
fn earlier_config(arguments: &PretrainArguments) -> anyhow::Result<Option<(PathBuf, String)>> {
    let Some(out) = &arguments.out else {
        let option = match (arguments.resume, arguments.overwrite) {
            (true, _) => "--resume",
            (_, true) => "--overwrite",
            _ => return Ok(None),
        };
        bail!(Usage::new(format!("`{option}` needs `--out`, the run's directory")));
    };
    let path = out.join(CONFIG);
    if !arguments.resume || !path.exists() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("`{}` cannot be read", path.display()))?;
    Ok(Some((path, text)))
}

/// What was typed; a run that is resumed keeps its own settings where neither a file nor a preset
/// was named.
fn typed(arguments: &PretrainArguments, earlier: Option<&PathBuf>) -> TypedSettings {
    let mut typed = arguments.typed();
    if typed.config.is_none() && typed.preset.is_none() {
        typed.config = earlier.cloned();
    }
    typed
}

/// A resumed run has the settings it began with.
fn refuse_changes(text: &str, path: &Path, settings: &Settings) -> anyhow::Result<()> {
    let earlier = from_config_toml(text, path)?;
    let changes = changed_keys(&earlier, settings);
    if changes.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = changes
        .iter()
        .map(|(key, then, now)| format!("\n  `{key}`: {then} then, {now} now"))
        .collect();
    bail!(
        Usage::new(format!("the run was begun with other settings:{}", list.concat()))
            .hint("leave these out to resume it, or start a new run with `--out`")
    )
}

/// The images that the encoder is measured by.
fn probe(
    settings: &Settings,
    source: &Arc<dyn barlow_data::source::Source>,
) -> anyhow::Result<Probe> {
    let probe = &settings.probe;
    let whole = images::whole(settings.data.decode.clone(), 0, settings.train.seed);
    let bank = match probe.train.as_str() {
        "" => Arc::clone(source),
        spec => images::open_labelled(spec, &whole)?,
    };
    let queries = match probe.test.as_str() {
        "" => None,
        spec => Some(images::open_labelled(spec, &whole)?),
    };
    if queries.is_some() && bank.classes().is_empty() {
        bail!(Advised::new(
            "`probe.test` needs labelled images to compare with, and the training images have none",
            "name labelled images with `--probe-train`"
        ));
    }
    Ok(Probe::new(bank, queries, probe, settings.train.seed))
}

/// Program, device and machine in a line.
fn environment(device: &DeviceChoice, report: &Report) -> String {
    format!(
        "barlow {} ({}) on {device}, {}, {} threads",
        report.version, report.engine, report.processor.model, report.processor.threads
    )
}

fn report(
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

/// Refuses what cannot fit: weights of the projector with gradient and momentum, and the views of a
/// batch with one buffered; networks need more than this, so nothing that fits is refused.
fn refuse_beyond_memory(settings: &Settings, machine: &Report) -> anyhow::Result<()> {
    let Some(memory) = &machine.memory else { return Ok(()) };
    let widths = settings.projector.widths.as_slice();
    let input = settings.encoder.config(settings.data.channels).representation_dim();
    let inputs = std::iter::once(&input).chain(widths);
    let weights: u128 = inputs.zip(widths).map(|(&i, &o)| i as u128 * o as u128).sum();
    let side = settings.views.image_size as u128;
    let view = settings.train.batch_size as u128 * settings.data.channels as u128 * side * side;
    let needed = 4 * (3 * weights + 4 * view);
    let gib = |bytes: u128| bytes as f64 / f64::from(1 << 30);
    if needed > u128::from(memory.total_bytes) {
        bail!(
            Usage::new(format!(
                "these settings need at least {:.1} GiB of memory, and the machine has {:.1}",
                gib(needed),
                gib(u128::from(memory.total_bytes))
            ))
            .hint("lower `train.batch_size`, `views.image_size` or `projector.widths`")
        );
    }
    Ok(())
}

/// Sources for a k-NN of the encoder, as far as they are known.
fn knn_sources(settings: &Settings, has_labels: bool) -> (&str, &str) {
    const UNKNOWN: &str = "LABELLED_IMAGES";
    let source = settings.data.source.as_str();
    let is_synthetic = SourceSpec::parse(source).is_ok_and(|s| s.kind() == SourceKind::Synthetic);
    let train = match settings.probe.train.as_str() {
        "" if has_labels => source,
        "" => UNKNOWN,
        spec => spec,
    };
    let test = match settings.probe.test.as_str() {
        "" if is_synthetic => "synthetic:1000:1",
        "" => UNKNOWN,
        spec => spec,
    };
    (train, test)
}
