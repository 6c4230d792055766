//! Why a source cannot be opened.

use std::io;
use std::path::PathBuf;

use super::{SourceSpec, SpecError};

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
         files named *.{}, in the directory or below it",
        path.display(),
        super::IMAGE_EXTENSIONS.join(", *.")
    )]
    NoImages {
        /// The directory.
        path: PathBuf,
        /// Files that are no images by their names.
        files: usize,
        /// Directories below it.
        directories: usize,
    },
    /// Patterns that leave none of the images there are.
    #[error("the patterns leave no image of `{}`: {excluded} are left out", path.display())]
    NothingLeft {
        /// The directory, list or shards.
        path: PathBuf,
        /// Images, and folders of images, that are left out.
        excluded: usize,
    },
    /// A pattern that cannot be understood, whatever the data: a usage error.
    #[error("`{pattern}` is not a pattern of paths")]
    Pattern {
        /// What was typed.
        pattern: String,
        /// What is wrong with it.
        source: globset::Error,
    },
    /// Patterns for images that have no paths.
    #[error("patterns of paths cannot choose among the images of `{spec}`, which have none")]
    NoPaths {
        /// The source.
        spec: SourceSpec,
    },
    /// A fraction that is not one.
    #[error("{fraction} is not a fraction of the images: expected more than 0 and at most 1")]
    FractionOutOfRange {
        /// What was given.
        fraction: f64,
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
    /// Shards or files of a data set that are not there.
    #[error("{} of `{spec}` are missing: {}", missing.len(), display_some(missing))]
    MissingFiles {
        /// The source.
        spec: SourceSpec,
        /// Every one of them.
        missing: Vec<PathBuf>,
    },
    /// A file that is not what its place in a data set says.
    #[error("`{}` is not {expected}: {reason}", path.display())]
    MalformedFile {
        /// The file.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Shards without a sample that has an image.
    #[error("no images in `{spec}`: saw {members} members of other kinds")]
    NoImageMembers {
        /// The shards.
        spec: SourceSpec,
        /// Members that are no images.
        members: usize,
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

/// The first paths, and how many more there are.
fn display_some(paths: &[PathBuf]) -> String {
    const SHOWN: usize = 20;
    let shown = display_all(&paths[..paths.len().min(SHOWN)]);
    match paths.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
