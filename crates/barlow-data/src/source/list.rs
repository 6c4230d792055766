//! A text file that lists image files, one a line, with an optional label each.

pub(super) mod lines;

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use super::files::Files;
use super::fingerprint::Fingerprint;
use super::natural::compare;
use super::paths::{FolderNumbers, PathTable};
use super::patterns::Patterns;
use super::{OpenOptions, Source, SourceError};
use crate::DecodedImage;
use crate::decode::{ChooseReduction, ImageError, ReducedImage};
use lines::{Entry, Form};

/// The image files that a text file lists, in its order.
///
/// `.txt`: a path a line. `.csv`: `path` or `path,label`, quoted where a comma is meant, with or
/// without a header that names these columns (others are passed over). `.jsonl`: an object with
/// the keys `path` and `label`. Labels are any text, the classes are their distinct values in
/// natural order. Relative paths start at the list's folder; patterns are of paths as listed. A
/// listed file that is missing is a bad image, found when it is loaded.
#[derive(Debug)]
pub struct List {
    files: Files,
    labels: Vec<Option<u32>>,
    classes: Vec<String>,
    /// Entries that the patterns leave out.
    excluded: usize,
    fingerprint: OnceLock<String>,
}

impl List {
    /// Reads the list; no image is opened, but TIFFs whose pages are to be samples.
    ///
    /// # Errors
    /// If the list cannot be read, has a malformed line (by its number) or no entry, a pattern is
    /// malformed, or the patterns leave nothing.
    pub fn open(path: &Path, options: &OpenOptions) -> Result<Self, SourceError> {
        let read = |source| SourceError::Read { path: path.to_owned(), source };
        if fs::metadata(path).map_err(read)?.is_dir() {
            return Err(SourceError::WrongFileType {
                path: path.to_owned(),
                found: "directory",
                expected: "list file (a final slash makes it a directory of images)",
            });
        }
        let form = Form::of(path);
        let patterns = Patterns::new(&options.include, &options.exclude)?;
        let mut entries = form.entries(&fs::read(path).map_err(read)?).map_err(|malformed| {
            SourceError::MalformedLine {
                path: path.to_owned(),
                line: malformed.line,
                reason: malformed.reason,
                expected: form.expected(),
            }
        })?;
        if entries.is_empty() {
            return Err(SourceError::EmptyList { path: path.to_owned() });
        }
        let listed = entries.len();
        entries.retain(|entry| patterns.take(entry.path.as_bytes()));
        let excluded = listed - entries.len();
        if entries.is_empty() {
            return Err(SourceError::NothingLeft { path: path.to_owned(), excluded });
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        Ok(Self::of_entries(folder, &entries, excluded, options))
    }

    /// These entries, with paths that start at `folder`; `excluded` others were left out before.
    pub(super) fn of_entries(
        folder: &Path,
        entries: &[Entry],
        excluded: usize,
        options: &OpenOptions,
    ) -> Self {
        let (classes, labels) = classes_of(entries);
        let (mut paths, mut numbers) = (PathTable::default(), FolderNumbers::default());
        for entry in entries {
            paths.add_path(entry.path.as_bytes(), &mut numbers);
        }
        options.progress.report(paths.len());
        let files = Files::new(folder.to_owned(), paths, &options.decode);
        Self { files, labels, classes, excluded, fingerprint: OnceLock::new() }
    }

    /// Which entry an image is of: several are of one where the pages of a TIFF are samples.
    pub(super) fn entry(&self, id: usize) -> usize {
        self.files.file(id)
    }

    fn compute_fingerprint(&self) -> String {
        let mut fingerprint = Fingerprint::default();
        for class in &self.classes {
            fingerprint.add(class.as_bytes());
        }
        for (file, size) in self.files.sizes().into_iter().enumerate() {
            fingerprint.add(&self.files.paths.path(file));
            fingerprint.add_number(size);
            fingerprint.add_label(self.labels[file].map(|label| label as usize));
        }
        fingerprint.finish("list", self.len())
    }
}

impl Source for List {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn load(&self, id: usize) -> Result<DecodedImage, ImageError> {
        self.files.load(id)
    }

    fn load_reduced(
        &self,
        id: usize,
        choose: &ChooseReduction<'_>,
    ) -> Result<ReducedImage, ImageError> {
        self.files.load_reduced(id, choose)
    }

    fn name(&self, id: usize) -> String {
        self.files.name(id)
    }

    fn format(&self, id: usize) -> Option<&'static str> {
        self.files.format(id)
    }

    fn label(&self, id: usize) -> Option<usize> {
        self.labels[self.files.file(id)].map(|label| label as usize)
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.get_or_init(|| self.compute_fingerprint()).clone()
    }

    fn remarks(&self) -> Vec<String> {
        let excluded = self.excluded;
        let left_out = || format!("the patterns leave out {excluded} listed images");
        (excluded > 0).then(left_out).into_iter().collect()
    }
}

/// The distinct labels in natural order, and each entry's.
fn classes_of(entries: &[Entry]) -> (Vec<String>, Vec<Option<u32>>) {
    let mut classes: Vec<&str> =
        entries.iter().filter_map(|entry| entry.label.as_deref()).collect();
    classes.sort_unstable_by(|a, b| compare(a.as_bytes(), b.as_bytes()));
    classes.dedup();
    let index: HashMap<&str, u32> =
        classes.iter().enumerate().map(|(i, &class)| (class, i as u32)).collect();
    let labels = entries.iter().map(|entry| entry.label.as_deref().map(|l| index[l])).collect();
    (classes.into_iter().map(str::to_owned).collect(), labels)
}

#[cfg(test)]
mod tests;
