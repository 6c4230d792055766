//! A file of JSON objects, one a line, that a killed process may have left torn.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use super::{RunDirectoryError, at};
use crate::storage::{Disk, write_atomically};

/// A `.jsonl` file that grows by whole lines.
#[derive(Debug)]
pub(super) struct JsonLines {
    path: PathBuf,
    file: File,
}

impl JsonLines {
    /// Opens or creates the file, cuts off a torn last line, and gives the records in it.
    pub(super) fn open(path: &Path) -> Result<(Self, Vec<Value>), RunDirectoryError> {
        let text = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            text => text.map_err(at(path))?,
        };
        let (records, whole) = parse(path, &text)?;
        let file = File::options().append(true).create(true).open(path).map_err(at(path))?;
        if whole < text.len() {
            file.set_len(whole as u64).map_err(at(path))?;
        }
        Ok((Self { path: path.to_owned(), file }, records))
    }

    /// Appends one line, in one write, so that a reader or a kill sees it whole or torn at the end.
    pub(super) fn append(&mut self, record: &impl Serialize) -> Result<(), RunDirectoryError> {
        let line = line_of(record).map_err(at(&self.path))?;
        self.file.write_all(&line).map_err(at(&self.path))
    }

    /// Replaces all lines in one step.
    pub(super) fn replace(&mut self, records: &[Value]) -> Result<(), RunDirectoryError> {
        write_atomically(&Disk, &self.path, |writer| {
            let mut writer = io::BufWriter::new(writer);
            for record in records {
                writer.write_all(&line_of(record)?)?;
            }
            writer.flush()
        })
        .map_err(at(&self.path))?;
        self.file = File::options().append(true).open(&self.path).map_err(at(&self.path))?;
        Ok(())
    }

    /// Returns when all lines would survive a power failure.
    pub(super) fn sync(&self) -> Result<(), RunDirectoryError> {
        self.file.sync_data().map_err(at(&self.path))
    }
}

fn line_of(record: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    Ok(line)
}

/// The records, and how many bytes the whole lines take. A last line that is torn (no line end, or
/// no JSON) does not count; any other line that is no JSON is an error.
fn parse(path: &Path, text: &[u8]) -> Result<(Vec<Value>, usize), RunDirectoryError> {
    let mut records = Vec::new();
    let mut whole = 0;
    for (index, line) in text.split_inclusive(|&byte| byte == b'\n').enumerate() {
        let is_last = whole + line.len() == text.len();
        match serde_json::from_slice(line) {
            Ok(record) if line.ends_with(b"\n") => records.push(record),
            Err(source) if !is_last => {
                let (path, line) = (path.to_owned(), index + 1);
                return Err(RunDirectoryError::Line { path, line, source });
            }
            _ => break,
        }
        whole += line.len();
    }
    Ok((records, whole))
}
