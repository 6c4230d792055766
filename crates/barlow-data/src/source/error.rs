//! Why a source cannot be opened.

use std::io;
use std::path::PathBuf;

use super::SpecError;

/// Why a source cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The description of the source is wrong, whatever the data: a usage error.
    #[error("the source cannot be understood")]
    Spec {
        /// What is wrong with it.
        #[from]
        source: SpecError,
    },
    /// A file or directory that cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file where a directory should be, or the other way round.
    #[error("`{}` is a {found}, expected a {expected}", path.display())]
    WrongFileType {
        /// The path.
        path: PathBuf,
        /// What it is.
        found: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// No image in a directory.
    #[error(
        "no images in `{}`: saw {files} other files and {directories} directories; images are \
         files named *.jpg, *.jpeg or *.png, in the directory or below it",
        path.display()
    )]
    NoImages {
        /// The directory.
        path: PathBuf,
        /// Files that are no images by their names.
        files: usize,
        /// Directories below it.
        directories: usize,
    },
    /// A list file or an array without an entry.
    #[error("`{}` lists no images", path.display())]
    EmptyList {
        /// The file.
        path: PathBuf,
    },
    /// A line of a list file that is not an image's path with an optional label.
    #[error("line {line} of `{}`: {reason}, expected {expected}", path.display())]
    MalformedLine {
        /// The list file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A file that is not an IDX array of bytes of the right rank.
    #[error("`{}` is not an IDX file of {expected}: {reason}", path.display())]
    MalformedIdx {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// An IDX file with fewer or more bytes than its header declares.
    #[error("`{}` declares {declared} bytes of data and holds {found}", path.display())]
    WrongIdxSize {
        /// The file.
        path: PathBuf,
        /// Bytes by its header.
        declared: u64,
        /// Bytes there are, or for compressed files at least or at most.
        found: String,
    },
    /// IDX images and labels that do not belong together.
    #[error("`{}` holds {found} labels for {images} images", path.display())]
    WrongLabelCount {
        /// The labels' file.
        path: PathBuf,
        /// Number of images.
        images: usize,
        /// Number of labels.
        found: usize,
    },
    /// Fashion-MNIST is nowhere.
    #[error(
        "Fashion-MNIST is not on this machine (searched {}); install the Debian package \
         dataset-fashion-mnist, or set BARLOW_DATA to the folder that holds {wanted}",
        display_all(searched)
    )]
    NoFashionMnist {
        /// Folders that were searched.
        searched: Vec<PathBuf>,
        /// The file that was looked for.
        wanted: String,
    },
}

fn display_all(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(", ")
}
