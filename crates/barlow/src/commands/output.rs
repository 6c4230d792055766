//! stdout is for results, stderr for everything else.

use std::io::{self, Write};

use barlow_data::loader::BadImage;
use serde::Serialize;

/// Prints one JSON document on stdout.
///
/// # Errors
/// If stdout cannot be written.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    serde_json::to_writer_pretty(&mut stdout, value)?;
    Ok(writeln!(stdout)?)
}

/// Prints lines on stdout.
///
/// # Errors
/// If stdout cannot be written.
pub(crate) fn text(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(io::stdout().lock(), "{}", text.trim_end())?)
}

/// Prints a line on stderr; where that cannot be written there is nothing left to do.
pub(crate) fn message(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Warns of each image that was left out.
pub(crate) fn skipped(images: &[BadImage]) {
    for BadImage { name, reason, .. } in images {
        message(&format!("warning: `{name}` is skipped: {reason}"));
    }
}
