//! Representations of a whole source on disk: gathered in pieces that a run cut off can go on from,
//! then written as one table.

mod format;
mod npy;
mod parquet;
mod pieces;
mod safetensors;
mod text;

pub(crate) use format::Format;
pub(crate) use pieces::Pieces;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use barlow_data::source::Source;
use barlow_eval::Features;

/// What is written: the pieces in order, and the source that knows names and labels.
pub(crate) struct Table<'a> {
    pub(crate) pieces: &'a Pieces,
    pub(crate) source: &'a dyn Source,
    /// Images in all pieces.
    pub(crate) rows: usize,
    /// Length of a representation.
    pub(crate) dim: usize,
    /// What the representations are, as JSON.
    pub(crate) facts: String,
}

impl Table<'_> {
    /// Writes the table to `path`, which is replaced when all is written; formats that hold numbers
    /// only get names and labels in a second file (see [`Format::has_names`]).
    pub(crate) fn write(&self, format: Format, path: &Path) -> anyhow::Result<()> {
        // First, so that whoever finds the table finds the names.
        if !format.has_names() {
            self.put(&Format::names_of(path), |out| text::write_names(self, out))?;
        }
        self.put(path, |out| match format {
            Format::Parquet => parquet::write(self, out),
            Format::Npy => npy::write(self, out),
            Format::Safetensors => safetensors::write(self, out),
            Format::Csv => text::write(self, out),
        })
    }

    /// Writes a file under another name first.
    fn put(
        &self,
        path: &Path,
        write: impl FnOnce(&mut BufWriter<File>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let unfinished = self.pieces.folder().join("unfinished");
        let mut out = BufWriter::with_capacity(1 << 20, File::create(&unfinished)?);
        write(&mut out)?;
        out.flush()?;
        out.get_ref().sync_all()?;
        Ok(std::fs::rename(&unfinished, path)?)
    }

    /// The features of each piece.
    fn features(&self) -> impl Iterator<Item = anyhow::Result<Features>> + '_ {
        self.pieces.read()
    }

    /// The name of an image's class.
    fn class(&self, id: u64) -> Option<&str> {
        let label = self.source.label(id as usize)?;
        self.source.classes().get(label).map(String::as_str)
    }
}
