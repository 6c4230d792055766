//! Why a cache cannot be opened.

use std::io;
use std::path::PathBuf;

/// Why a cache cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// A file stands where the cache's folder should be.
    #[error("`{}` cannot be a folder for decoded images: there is a file in its place", path.display())]
    NotADirectory {
        /// The folder that was wanted.
        path: PathBuf,
    },
    /// The folder cannot be listed.
    #[error("cannot list the decoded images in `{}`", path.display())]
    Read {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}
