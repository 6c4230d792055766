//! What a user types for a set of images with several labels: its grammar, without any data.
//!
//! ```text
//! SET  = voc:DIR[:SPLIT]          a year of a VOC devkit, its split `trainval` by default
//!      | PATH ending in .csv      a list with a column of labels, or a column for each class
//!      | PATH ending in .jsonl    a list with labels
//! ```
//!
//! What follows the last colon of `voc:` is a split if it is made of letters, digits, `_` and `-`
//! alone; a folder with such an end is written with a final slash.

use std::path::PathBuf;

use crate::source::SpecError;
use crate::source::spec::has_extension;

/// The split where none is named.
const DEFAULT_SPLIT: &str = "trainval";

/// Which set a user wants, as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MultiLabelSpec {
    /// `voc:DIR[:SPLIT]`: `JPEGImages`, `Annotations` and `ImageSets/Main/SPLIT.txt` in a folder.
    Voc {
        /// The folder, as `VOCdevkit/VOC2007`.
        folder: PathBuf,
        /// The name of the split, as `trainval` or `test`.
        split: String,
    },
    /// A path that ends in `.csv`.
    ///
    /// The first line names the columns, one of them `path`. With a column `labels` its cells hold
    /// classes with `;` between them, and those of a column `ignored` the classes that are neither
    /// present nor absent; other columns are passed over. Without it every other column is a class,
    /// and its cells are 1 (present), 0 (absent), or -1 or nothing (ignored). This is not the
    /// convention of VOC's own files, where -1 is absent and 0 ignored.
    Csv {
        /// The file.
        path: PathBuf,
    },
    /// A path that ends in `.jsonl`: lines as
    /// `{"path": "a.jpg", "labels": ["cat", "dog"], "ignored": ["car"]}`, the last key optional.
    JsonLines {
        /// The file.
        path: PathBuf,
    },
}

impl MultiLabelSpec {
    /// Reads what a user typed.
    ///
    /// # Errors
    /// If it is none of the forms.
    pub fn parse(spec: &str) -> Result<Self, SpecError> {
        let wrong = |expected| SpecError::WrongForm { spec: spec.to_owned(), expected };
        if let Some(rest) = spec.strip_prefix("voc:") {
            let is_split = |text: &str| {
                let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
                !text.is_empty() && text.bytes().all(is_part)
            };
            let (folder, split) = match rest.rsplit_once(':') {
                Some((folder, split)) if is_split(split) => (folder, split),
                _ => (rest, DEFAULT_SPLIT),
            };
            if folder.is_empty() {
                return Err(wrong("voc:DIR[:SPLIT]"));
            }
            return Ok(Self::Voc { folder: folder.into(), split: split.to_owned() });
        }
        match spec {
            _ if has_extension(spec, &["csv"]) => Ok(Self::Csv { path: spec.into() }),
            _ if has_extension(spec, &["jsonl"]) => Ok(Self::JsonLines { path: spec.into() }),
            _ => Err(wrong("voc:DIR[:SPLIT], or a list of images that ends in .csv or .jsonl")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_form_parses_and_others_are_refused() {
        let voc = |folder: &str, split: &str| MultiLabelSpec::Voc {
            folder: folder.into(),
            split: split.to_owned(),
        };
        for (spec, expected) in [
            ("voc:a/VOC2007", voc("a/VOC2007", "trainval")),
            ("voc:a/VOC2007:test", voc("a/VOC2007", "test")),
            ("voc:a:b:my_split-2", voc("a:b", "my_split-2")),
            ("voc:a:b/", voc("a:b/", "trainval")),
            ("voc:C:\\VOC2007", voc("C:\\VOC2007", "trainval")),
            ("voc:a:../../b", voc("a:../../b", "trainval")),
            ("a/b.CSV", MultiLabelSpec::Csv { path: "a/b.CSV".into() }),
            ("b.jsonl", MultiLabelSpec::JsonLines { path: "b.jsonl".into() }),
        ] {
            assert_eq!(MultiLabelSpec::parse(spec), Ok(expected), "{spec}");
        }
        for spec in ["", "voc", "voc:", "voc::test", "photos", "a.txt", "a.csv/", "synthetic"] {
            let error = MultiLabelSpec::parse(spec).unwrap_err().to_string();
            assert!(error.contains("voc:DIR[:SPLIT]"), "{spec}: {error}");
        }
    }
}
