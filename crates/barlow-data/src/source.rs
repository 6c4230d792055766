//! Which images there are: a numbered list that any thread may read at any position.
//!
//! What a user types (`synthetic:1000`, a folder, a list file) is a [`SourceSpec`]; its grammar is
//! judged without touching the disk. [`open`] turns it into a [`Source`] or says what is missing.

mod directory;
mod error;
mod fashion_mnist;
mod fingerprint;
mod first;
mod idx;
mod list;
mod natural;
mod spec;
mod subset;
mod synthetic;

use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;

use crate::DecodedImage;
use crate::decode::{DecodeOptions, ImageError};

pub use directory::Directory;
pub use error::SourceError;
pub use idx::Idx;
pub use list::List;
pub use spec::{SourceKind, SourceSpec, SpecError, Split};
pub use subset::{Subset, is_spread};
pub use synthetic::Synthetic;

/// A numbered collection of images; ids are positions, `0..len()`, in a fixed order.
pub trait Source: Debug + Send + Sync {
    /// How many images there are (before any of them is decoded).
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads and decodes one image, with its own size, depth and number of channels.
    ///
    /// # Errors
    /// What is wrong with this one image; the source as a whole stays usable.
    fn load(&self, id: usize) -> Result<DecodedImage, ImageError>;

    /// What to call an image in messages: its path, or the source and the position.
    fn name(&self, id: usize) -> String;

    /// The class of an image, an index into [`Source::classes`]; `None` without labels.
    fn label(&self, id: usize) -> Option<usize>;

    /// The names of the classes; empty without labels.
    fn classes(&self) -> &[String];

    /// What the source is and holds, such that two sources with the same fingerprint give the same
    /// images in the same order (file contents are trusted, names, sizes and labels are not).
    fn fingerprint(&self) -> String;

    /// What was met while the images were found and a user should know: files passed over, links
    /// followed. One sentence each, none where all is plain.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }
}

/// How [`open`] opens a source.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OpenOptions {
    /// Only the first so many images, in the source's order; all of them by default. Classes and
    /// labels stay those of the whole source.
    pub max_images: Option<usize>,
    /// Folders to search for known data sets before the system's own; none by default.
    pub data_folders: Vec<PathBuf>,
    /// How files become samples.
    pub decode: DecodeOptions,
}

/// Opens what a user typed, in the grammar of [`SourceSpec::parse`].
///
/// # Errors
/// [`SourceError::Spec`] if the grammar is wrong (decidable without the data); any other if data
/// are missing, unreadable, malformed or hold no image.
pub fn open(spec: &str, options: &OpenOptions) -> Result<Arc<dyn Source>, SourceError> {
    SourceSpec::parse(spec)?.open(options)
}

impl SourceSpec {
    /// Opens the source.
    ///
    /// # Errors
    /// If data are missing, unreadable, malformed or hold no image.
    pub fn open(&self, options: &OpenOptions) -> Result<Arc<dyn Source>, SourceError> {
        let source: Arc<dyn Source> = match self {
            Self::Synthetic { images, seed } => Arc::new(Synthetic::new(*images, *seed)),
            Self::FashionMnist { split } => {
                Arc::new(fashion_mnist::open(*split, &options.data_folders)?)
            }
            Self::Directory { path } => Arc::new(Directory::open(path, options)?),
            Self::List { path } => Arc::new(List::open(path, options)?),
            Self::Idx { images, labels } => Arc::new(Idx::open(images, labels.as_deref())?),
        };
        Ok(match options.max_images {
            Some(images) if images < source.len() => {
                Arc::new(first::FirstImages::new(source, images))
            }
            _ => source,
        })
    }
}
