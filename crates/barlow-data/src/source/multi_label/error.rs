//! Why a set of images with several labels cannot be opened or matched with another.

use std::io;
use std::path::PathBuf;

use super::excerpt::quoted;
use super::{MAX_CLASSES, SourceError};

/// Why a set of images with several labels cannot be opened or matched with another.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MultiLabelError {
    /// What can be wrong with any source: its description, its files, its lines, the options.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A folder that has no such split of a VOC data set.
    #[error(
        "`{}` has no file `ImageSets/Main/{split}.txt`: expected the folder of one year of a VOC \
         devkit, as `VOCdevkit/VOC2007`, and one of its splits, as `voc:DIR:test`",
        folder.display()
    )]
    NoVocSplit {
        /// The folder.
        folder: PathBuf,
        /// The split.
        split: String,
        /// What was met.
        source: io::Error,
    },
    /// An annotation that is not VOC's XML.
    #[error(
        "line {line} of `{}`: {reason}, expected a VOC annotation: `<annotation>` with an \
         `<object>` of `<name>` and `<difficult>` for each thing to be seen",
        path.display()
    )]
    MalformedAnnotation {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// An annotation that is larger than any real one.
    #[error("`{}` has {bytes} bytes, expected an annotation of at most {allowed}", path.display())]
    LargeAnnotation {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The largest size that is read.
        allowed: u64,
    },
    /// No image has a label.
    #[error("`{}` names no class: expected a label of at least one image", path.display())]
    NoClasses {
        /// The file.
        path: PathBuf,
    },
    /// More classes than a set may have.
    #[error("{found} classes are too many, expected at most {MAX_CLASSES}")]
    TooManyClasses {
        /// How many.
        found: usize,
    },
    /// Classes that the set to be matched with does not have.
    #[error(
        "{} classes are unknown to the other set, {} among them: give both sets the same names of \
         classes",
        unknown.len(),
        quoted(unknown.first().map_or("", String::as_str))
    )]
    UnknownClasses {
        /// All of them.
        unknown: Vec<String>,
    },
}
