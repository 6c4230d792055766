//! `barlow pretrain`: settings, images, run directory, then the loop.

mod checked;
mod summary;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, bail};
use barlow_objectives::Registry;
use barlow_train::interrupt::Interrupt;
use barlow_train::run::End;
use barlow_train::run_directory::{OpenMode, RunState, first_free};

use super::output;
use crate::arguments::PretrainArguments;
use crate::exit::{Exit, Usage};
use crate::settings::{TypedSettings, resolve};
pub(crate) use checked::{CheckedRun, Earlier, refuse_changes};

/// Trains an encoder.
///
/// # Errors
/// If settings are wrong, images or the run directory cannot be used, or training fails.
pub fn pretrain(arguments: &PretrainArguments, registry: &Registry) -> anyhow::Result<Exit> {
    let begin = Instant::now();
    let earlier = earlier(arguments)?;
    let typed = typed(arguments, earlier.as_ref());
    let resolution = resolve(&typed, registry)?;
    for note in &resolution.notes {
        output::message(note);
    }
    let run = CheckedRun::new(resolution, earlier.as_ref(), registry)?;
    let path = match &arguments.out {
        Some(path) => path.clone(),
        None => first_free(Path::new("runs"), run.preset())?,
    };
    let mode = match (arguments.resume, arguments.overwrite) {
        (true, _) => OpenMode::Resume,
        (_, true) => OpenMode::Overwrite,
        _ => OpenMode::New,
    };
    let directory = run.open(&path, mode, registry)?;
    if arguments.resume && directory.state() == RunState::Fresh {
        output::message("there is no run to resume here: starting at step 0");
    }
    let interrupt = Interrupt::install().context("signals cannot be caught")?;
    let settings = run.settings().clone();
    let outcome = run.train(&directory, registry, &interrupt)?;
    let seconds = begin.elapsed().as_secs_f64();
    summary::print(arguments, &path, &settings, &outcome, seconds)?;
    Ok(match outcome.end {
        End::Finished | End::AlreadyFinished => Exit::Done,
        End::Interrupted(signal) => signal.into(),
    })
}

/// The settings of the run that is to be resumed, if there is one.
fn earlier(arguments: &PretrainArguments) -> anyhow::Result<Option<Earlier>> {
    let Some(out) = &arguments.out else {
        let option = match (arguments.resume, arguments.overwrite) {
            (true, _) => "--resume",
            (_, true) => "--overwrite",
            _ => return Ok(None),
        };
        bail!(Usage::new(format!("`{option}` needs `--out`, the run's directory")));
    };
    if arguments.resume { Earlier::read(out) } else { Ok(None) }
}

/// What was typed; a run that is resumed keeps its own settings where neither a file nor a preset
/// was named.
fn typed(arguments: &PretrainArguments, earlier: Option<&Earlier>) -> TypedSettings {
    let mut typed = arguments.typed();
    if typed.config.is_none() && typed.preset.is_none() {
        typed.config = earlier.map(Earlier::config);
    }
    typed
}
