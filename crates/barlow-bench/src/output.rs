//! stdout is for results, as a table or one JSON document, stderr for everything else.

use std::fmt::Display;
use std::io::{self, Write};

use serde::Serialize;

use crate::machine::Machine;

/// A JSON document: where it was measured, and what.
#[derive(Serialize)]
struct Document<'a, T> {
    machine: Machine,
    command: Vec<String>,
    results: &'a [T],
}

/// Prints the results as a document, or the machine and the table.
///
/// # Errors
/// If stdout cannot be written.
pub(crate) fn results<T: Serialize>(
    is_json: bool,
    threads: usize,
    results: &[T],
    table: &impl Display,
) -> anyhow::Result<()> {
    let machine = Machine::here(threads);
    let mut stdout = io::stdout().lock();
    if is_json {
        let document = Document { machine, command: std::env::args().collect(), results };
        serde_json::to_writer_pretty(&mut stdout, &document)?;
        writeln!(stdout)?;
    } else {
        write!(stdout, "{machine}\n\n{table}")?;
    }
    Ok(())
}

/// Prints one line of JSON on stdout, for a parent process.
///
/// # Errors
/// If stdout cannot be written.
pub(crate) fn line(value: &impl Serialize) -> anyhow::Result<()> {
    Ok(writeln!(io::stdout().lock(), "{}", serde_json::to_string(value)?)?)
}

/// Prints a line on stderr; where that cannot be written there is nothing left to do.
pub(crate) fn message(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
