//! A text file that lists image files, one a line, with an optional label each.

mod lines;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::fingerprint::Fingerprint;
use super::natural::compare;
use super::{OpenOptions, Source, SourceError};
use crate::DecodedImage;
use crate::decode::{self, DecodeOptions, ImageError};
use lines::{Entry, Form};

/// The image files that a text file lists, in its order.
///
/// `.txt`: a path a line. `.csv`: `path` or `path,label`, quoted where a comma is meant, with or
/// without a header that names these columns (others are passed over). `.jsonl`: an object with
/// the keys `path` and `label`. Labels are any text, the classes are their distinct values in
/// natural order. Relative paths start at the list's folder. A listed file that is missing is a bad
/// image, found when it is loaded.
#[derive(Debug)]
pub struct List {
    folder: PathBuf,
    paths: Vec<Box<Path>>,
    labels: Vec<Option<u32>>,
    classes: Vec<String>,
    decode: DecodeOptions,
}

impl List {
    /// Reads the list; no image is opened.
    ///
    /// # Errors
    /// If the list cannot be read, has a malformed line (by its number) or no entry.
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
        let entries = form.entries(&fs::read(path).map_err(read)?).map_err(|malformed| {
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
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let (classes, labels) = classes_of(&entries);
        let paths = entries.into_iter().map(|entry| PathBuf::from(entry.path).into()).collect();
        Ok(Self { folder, paths, labels, classes, decode: options.decode.clone() })
    }
}

impl Source for List {
    fn len(&self) -> usize {
        self.paths.len()
    }

    fn load(&self, id: usize) -> Result<DecodedImage, ImageError> {
        decode::read(&self.folder.join(&self.paths[id]), &self.decode)
    }

    fn name(&self, id: usize) -> String {
        self.folder.join(&self.paths[id]).display().to_string()
    }

    fn label(&self, id: usize) -> Option<usize> {
        self.labels[id].map(|label| label as usize)
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn fingerprint(&self) -> String {
        let mut fingerprint = Fingerprint::default();
        for class in &self.classes {
            fingerprint.add(class.as_bytes());
        }
        for (id, path) in self.paths.iter().enumerate() {
            fingerprint.add(path.as_os_str().as_encoded_bytes());
            let metadata = fs::metadata(self.folder.join(path));
            fingerprint.add_number(metadata.map_or(u64::MAX, |metadata| metadata.len()));
            fingerprint.add_label(self.label(id));
        }
        fingerprint.finish("list", self.paths.len())
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
