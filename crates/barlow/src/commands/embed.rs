//! `barlow embed`: the representation of every image of a source, in a file.

use std::sync::Arc;

use anyhow::{Context, bail};
use barlow_data::source::{Source, Subset};
use barlow_eval::Features;
use barlow_train::interrupt::Signal;
use barlow_train::represent::Representations;
use serde_json::{Value, json};

use super::export::refuse_existing;
use super::output;
use super::progress::Progress;
use crate::arguments::EmbedArguments;
use crate::embeddings::{Format, Pieces, Table};
use crate::exit::{Advised, Exit};
use crate::frozen::{Frozen, interrupt};

/// Images of a piece, about: what a run that is cut off may lose.
const PIECE_IMAGES: usize = 2048;

/// Writes the representation of every image that can be decoded.
///
/// # Errors
/// If an option is wrong, weights or images cannot be used, or the file cannot be written.
pub fn embed(arguments: &EmbedArguments) -> anyhow::Result<Exit> {
    let choice = arguments.check()?;
    let out = &arguments.out;
    let format = Format::of(out)?;
    // Of a run that was cut off at the very end the names may be there already.
    let has_names = format.has_names() || Pieces::are_there(out);
    let names = (!has_names).then(|| Format::names_of(out));
    refuse_existing(std::iter::once(out).chain(&names), arguments.overwrite)?;
    let frozen = Frozen::open(&choice)?;
    let source = frozen.source(&arguments.data)?;
    let mut facts = frozen.protocol();
    facts["images"] = json!(source.fingerprint());
    facts["version"] = json!(env!("CARGO_PKG_VERSION"));
    let mut pieces = Pieces::open(out, &facts, arguments.overwrite)?;
    if pieces.done() > 0 {
        let (done, images) = (pieces.done(), source.len());
        output::message(&format!("going on behind {done} of {images} images"));
    }
    if let Some(signal) = gather(&frozen, &source, &mut pieces)? {
        let (done, images) = (pieces.done(), source.len());
        output::message(&format!(
            "interrupted: {done} of {images} images are done; the same command goes on from there"
        ));
        return Ok(signal.into());
    }
    let [rows, dim] = pieces.extent()?;
    if rows == 0 {
        pieces.remove()?;
        bail!(Advised::new(
            format!("none of {} images can be decoded", source.len()),
            "see what the source holds with `barlow data`"
        ));
    }
    let table = Table { pieces: &pieces, source: &*source, rows, dim, facts: facts.to_string() };
    let unwritable = || format!("`{}` cannot be written", out.display());
    table.write(format, out).with_context(unwritable)?;
    pieces.remove()?;
    report(arguments, source.len(), rows, dim, &facts)
}

/// Fills what is missing of the pieces, until a signal comes.
fn gather(
    frozen: &Frozen,
    source: &Arc<dyn Source>,
    pieces: &mut Pieces,
) -> anyhow::Result<Option<Signal>> {
    let interrupt = interrupt()?;
    let progress = Progress::new();
    let (begin, len) = (pieces.done(), source.len());
    let rest = Subset::of(Arc::clone(source), (begin..len).collect(), "the rest");
    let pipeline = frozen.pipeline(&[])?;
    let (encoder, device) = (&frozen.encoder, &frozen.device);
    let mut batches =
        Representations::new(encoder, Arc::new(rest), pipeline, device, frozen.config());
    let mut piece = Features::default();
    while let Some(batch) = batches.next().transpose()? {
        piece.dim = batch.dim;
        piece.values.extend(batch.values);
        piece.ids.extend(batch.ids.iter().map(|id| id + begin as u64));
        piece.labels.extend(batch.labels);
        let end = piece.ids.last().map_or(begin, |&id| id as usize + 1);
        progress.evaluating(end, len);
        output::skipped(&batches.drain_bad_images());
        let signal = interrupt.requested();
        if piece.len() >= PIECE_IMAGES || signal.is_some() {
            pieces.add(&std::mem::take(&mut piece), end)?;
        }
        if signal.is_some() {
            progress.clear();
            return Ok(signal);
        }
    }
    output::skipped(&batches.drain_bad_images());
    progress.clear();
    if !piece.is_empty() {
        pieces.add(&piece, len)?;
    }
    Ok(None)
}

fn report(
    arguments: &EmbedArguments,
    images: usize,
    rows: usize,
    dim: usize,
    facts: &Value,
) -> anyhow::Result<Exit> {
    let out = arguments.out.display();
    if arguments.json {
        let mut document = facts.clone();
        document["images"] = json!(images);
        document["rows"] = json!(rows);
        document["dim"] = json!(dim);
        document["out"] = json!(arguments.out);
        output::json(&document)?;
    } else {
        let skipped = match images - rows {
            0 => String::new(),
            skipped => format!(", {skipped} of {images} images skipped"),
        };
        output::text(&format!("{rows} representations of length {dim}: {out}{skipped}"))?;
    }
    Ok(Exit::Done)
}
