//! `barlow import`: weights of other programs as ours.

use std::collections::BTreeMap;

use anyhow::bail;
use barlow_weights::{FACTS_KEY, tensor_file};
use serde_json::json;

use super::export::{refuse_existing, write_whole};
use super::output;
use crate::arguments::ImportArguments;
use crate::exit::{Advised, Exit, Usage};
use crate::weights_file::{WeightsFile, in_words, projector_beside};

/// Writes the encoder of a file as `encoder.safetensors`, and its projector beside it.
///
/// # Errors
/// If an option is wrong, the file holds no encoder of ours, or the result cannot be written.
pub fn import(arguments: &ImportArguments) -> anyhow::Result<Exit> {
    let choice = arguments.check()?;
    for (option, typed, numbers) in
        [("--mean", &arguments.mean, &choice.mean), ("--std", &arguments.std, &choice.std)]
    {
        if typed.is_some() && numbers.is_none() {
            bail!(
                Usage::new(format!("`{option}` is not a number for each channel"))
                    .hint("an import sees no images that could be measured: give numbers")
            );
        }
    }
    let out = &arguments.out;
    let projector_path = projector_beside(out);
    refuse_existing([out, &projector_path], arguments.overwrite)?;
    let mut file = WeightsFile::open(&arguments.file, arguments.prefix.as_deref())?;
    let facts = &mut file.facts;
    if let Some(size) = choice.image_size {
        (facts.image_size, facts.resize) = (size, size);
    }
    facts.resize = choice.resize.unwrap_or(facts.resize).max(facts.image_size);
    facts.mean = choice.mean.unwrap_or_else(|| facts.mean.clone());
    facts.std = choice.std.unwrap_or_else(|| facts.std.clone());
    let channels = facts.encoder.channels;
    for (option, values) in [("--mean", &facts.mean), ("--std", &facts.std)] {
        if values.len() != channels {
            bail!(Advised::new(
                format!("`{option}` has {} numbers, the encoder {channels} channels", values.len()),
                "give one number for each channel"
            ));
        }
    }
    let text = json!(facts).to_string();
    write_whole(out, |writer| {
        Ok(tensor_file::write(&file.encoder, Some((FACTS_KEY, &text)), writer)?)
    })?;
    if let Some(projector) = &file.projector {
        write_whole(&projector_path, |writer| Ok(tensor_file::write(projector, None, writer)?))?;
    }
    let mut left: BTreeMap<String, Vec<&String>> = BTreeMap::new();
    for (name, reason) in &file.plan.left {
        left.entry(reason.to_string()).or_default().push(name);
    }
    if arguments.json {
        output::json(&json!({
            "recognised": file.plan.form.to_string(),
            "prefix": file.plan.prefix,
            "encoder": file.facts.encoder,
            "tensors": file.encoder.len(),
            "projector": file.projector.as_ref().map(|_| &projector_path),
            "left": left,
            "out": out,
        }))?;
        return Ok(Exit::Done);
    }
    let mut lines = vec![format!("recognised: {}", file.plan.form)];
    lines.push(format!("encoder: {}: {}", in_words(&file.facts.encoder), out.display()));
    if file.projector.is_some() {
        lines.push(format!("projector: {}", projector_path.display()));
    }
    for (reason, names) in left {
        lines.push(match &names[..] {
            [one] => format!("left: `{one}` ({reason})"),
            names => format!(
                "left: {} tensors, `{}` to `{}` ({reason})",
                names.len(),
                names[0],
                names[names.len() - 1]
            ),
        });
    }
    lines.push(format!(
        "images: {} px out of {} px, mean {:?}, std {:?}",
        file.facts.image_size, file.facts.resize, file.facts.mean, file.facts.std
    ));
    output::text(&lines.join("\n"))?;
    Ok(Exit::Done)
}
