//! `barlow export`: an encoder for other programs, with a model card beside it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use barlow_train::storage::{Disk, write_atomically};
use barlow_weights::onnx::{self, ExportOptions};
use barlow_weights::tensor_file::{self, Tensors};
use barlow_weights::{FACTS_KEY, torch};
use serde_json::{Value, json};

use super::output;
use crate::arguments::{ExportArguments, ExportFormat};
use crate::exit::{Advised, Exit, Usage};
use crate::model_card::{ModelCard, RunFacts};
use crate::weights_file::{WeightsFile, in_words, projector_of};

/// Writes the encoder and its model card.
///
/// # Errors
/// If an option is wrong, the weights cannot be used, or a file cannot be written.
pub fn export(arguments: &ExportArguments) -> anyhow::Result<Exit> {
    let batch = arguments.check()?;
    refuse_useless(arguments, batch)?;
    let out = &arguments.out;
    let mut card_path = out.as_os_str().to_owned();
    card_path.push(".md");
    let card_path = PathBuf::from(card_path);
    refuse_existing([out, &card_path], arguments.overwrite)?;
    let file = WeightsFile::open(&arguments.weights, None)?;
    let projector =
        if arguments.projector { Some(projector_of(&arguments.weights, &file)?) } else { None };
    let scores = arguments.scores.iter().map(|path| score(path)).collect::<Result<_, _>>()?;
    let options = ExportOptions {
        batch,
        has_dynamic_size: arguments.dynamic_size,
        folds_batch_norm: arguments.fold_batch_norm,
        normalises: arguments.normalise,
    };
    write_whole(out, |writer| match arguments.format {
        ExportFormat::Onnx => {
            let WeightsFile { facts, encoder, .. } = &file;
            Ok(onnx::write(facts, encoder, projector.as_ref(), &options, writer)?)
        }
        ExportFormat::Safetensors => {
            let facts = json!(file.facts).to_string();
            let all = with_projector(&file.encoder, projector.as_ref());
            Ok(tensor_file::write(&all, Some((FACTS_KEY, &facts)), writer)?)
        }
        ExportFormat::Torch => {
            Ok(torch::write(&with_projector(&file.encoder, projector.as_ref()), writer)?)
        }
    })?;
    let card = ModelCard {
        facts: &file.facts,
        run: RunFacts::beside(&arguments.weights),
        scores,
        format: arguments.format,
        options,
        file: out.file_name().map_or_else(String::new, |name| name.to_string_lossy().into()),
        projector: projector.as_ref(),
    };
    write_whole(&card_path, |writer| Ok(write!(writer, "{card}")?))?;
    if arguments.json {
        output::json(&json!({
            "out": out,
            "model_card": card_path,
            "encoder": file.facts.encoder,
            "projector": projector.is_some(),
        }))?;
    } else {
        output::text(&format!(
            "{}: {}\nmodel card: {}",
            in_words(&file.facts.encoder),
            out.display(),
            card_path.display()
        ))?;
    }
    Ok(Exit::Done)
}

/// Options of ONNX beside another format would be ignored.
fn refuse_useless(arguments: &ExportArguments, batch: Option<usize>) -> Result<(), Usage> {
    let given = [
        ("--batch", batch.is_some()),
        ("--dynamic-size", arguments.dynamic_size),
        ("--fold-batch-norm", arguments.fold_batch_norm),
        ("--normalise", arguments.normalise),
    ];
    match given.into_iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) if arguments.format != ExportFormat::Onnx => {
            Err(Usage::new(format!("`{option}` is for `--format onnx`")))
        }
        _ => Ok(()),
    }
}

/// Refuses to replace what is there unasked.
pub(super) fn refuse_existing<'a>(
    paths: impl IntoIterator<Item = &'a PathBuf>,
    overwrite: bool,
) -> anyhow::Result<()> {
    match paths.into_iter().find(|path| path.exists() && !overwrite) {
        Some(path) => bail!(Advised::new(
            format!("`{}` is there already", path.display()),
            "choose another name, or replace it with `--overwrite`"
        )),
        None => Ok(()),
    }
}

/// Writes a file that appears under its name when it is whole.
pub(super) fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    write_atomically(&Disk, path, write)
        .with_context(|| format!("`{}` cannot be written", path.display()))
}

/// A result that an evaluation printed.
fn score(path: &Path) -> anyhow::Result<Value> {
    let unusable = || format!("`{}` is no result of `--json`", path.display());
    let text = fs::read_to_string(path).with_context(unusable)?;
    let value: Value = serde_json::from_str(&text).with_context(unusable)?;
    if !value.is_object() {
        bail!(unusable());
    }
    Ok(value)
}

/// Encoder and projector under one roof, the projector's names behind `projector.`.
fn with_projector(encoder: &Tensors, projector: Option<&Tensors>) -> Tensors {
    let mut all = encoder.clone();
    for (name, array) in projector.into_iter().flatten() {
        all.insert(format!("projector.{name}"), array.clone());
    }
    all
}
