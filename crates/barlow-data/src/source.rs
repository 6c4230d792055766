//! Which images there are: a numbered list that any thread may read at any position.
//!
//! What a user types (`synthetic:1000`, a folder, a list file) is a [`SourceSpec`]; its grammar is
//! judged without touching the disk. [`open`] turns it into a [`Source`] or says what is missing.

mod cifar;
mod directory;
mod error;
mod extensions;
mod fashion_mnist;
mod files;
mod fingerprint;
mod first;
mod first_folders;
mod folder_state;
pub mod fuzz;
mod idx;
mod list;
mod mixed;
pub mod multi_label;
mod native;
mod natural;
mod pages;
mod paths;
mod patterns;
mod progress;
mod shard_names;
mod spec;
mod stored;
mod subset;
mod synthetic;
mod tar;
mod weight;

use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;

use crate::DecodedImage;
use crate::decode::{ChooseReduction, DecodeOptions, ImageError, ReducedImage};

pub use cifar::Cifar;
pub use directory::Directory;
pub use error::SourceError;
pub use extensions::IMAGE_EXTENSIONS;
pub use idx::Idx;
pub use list::List;
pub use mixed::Mixed;
pub use patterns::check_pattern;
pub use progress::Progress;
pub use shard_names::RangeError;
pub use spec::{CifarClasses, SourceKind, SourceSpec, SpecError, Split};
pub use subset::{Subset, is_spread};
pub use synthetic::Synthetic;
pub use tar::Tar;
pub use weight::Weight;

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

    /// As [`Source::load`], reduced as `choose` says where the source's options and the image's format
    /// allow that (see [`decode_page_reduced`](crate::decode::decode_page_reduced)).
    ///
    /// # Errors
    /// As [`Source::load`].
    fn load_reduced(
        &self,
        id: usize,
        _choose: &ChooseReduction<'_>,
    ) -> Result<ReducedImage, ImageError> {
        self.load(id).map(ReducedImage::whole)
    }

    /// What to call an image in messages: its path, or the source and the position.
    fn name(&self, id: usize) -> String;

    /// The class of an image, an index into [`Source::classes`]; `None` without labels.
    fn label(&self, id: usize) -> Option<usize>;

    /// The names of the classes; empty without labels.
    fn classes(&self) -> &[String];

    /// What the source is and holds, such that two sources with the same fingerprint give the same
    /// images in the same order (file contents are trusted, names, sizes and labels are not). Sizes
    /// of files are asked once in the life of a source.
    fn fingerprint(&self) -> String;

    /// How an image is stored, as `JPEG`, by its first bytes; none where it is no file, or of no
    /// format that is known.
    fn format(&self, _id: usize) -> Option<&'static str> {
        None
    }

    /// What was met while the images were found and a user should know: files passed over, links
    /// followed. One sentence each, none where all is plain.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }
}

/// How [`open`] opens a source.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// Patterns of the paths that are wanted, all by default: `*.png` for names, `train/*` for
    /// paths relative to the directory, the list or the shard. A pattern of a folder is of all below
    /// it. `*` and `?` do not stand for a slash, `**` does.
    pub include: Vec<String>,
    /// Patterns of the paths that are not wanted; they go before `include`.
    pub exclude: Vec<String>,
    /// The fraction (more than 0, at most 1) of each class's images that is taken, by chance under
    /// `seed`; all of them by default. Images without a label count as a class.
    pub fraction: Option<f64>,
    /// Only the first so many images of what is left, in the source's order; all of them by default.
    /// Classes and labels stay those of the whole source.
    pub max_images: Option<usize>,
    /// What chance depends on, in `fraction` and in mixes with weights that are no whole numbers.
    pub seed: u64,
    /// Folders to search for known data sets before the system's own; none by default.
    pub data_folders: Vec<PathBuf>,
    /// Where listings of directories and indexes of shards are kept for the next time; by default
    /// they are not.
    pub cache_folder: Option<PathBuf>,
    /// Who is told how many images were found so far.
    pub progress: Progress,
    /// How files become samples.
    pub decode: DecodeOptions,
}

impl OpenOptions {
    fn check_fraction(&self) -> Result<(), SourceError> {
        match self.fraction {
            Some(fraction) if !(fraction > 0.0 && fraction <= 1.0) => {
                Err(SourceError::FractionOutOfRange { fraction })
            }
            _ => Ok(()),
        }
    }
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
    /// If data are missing, unreadable, malformed or hold no image, or an option is out of its range
    /// or not for this kind of source.
    pub fn open(&self, options: &OpenOptions) -> Result<Arc<dyn Source>, SourceError> {
        options.check_fraction()?;
        let mut source = self.open_whole(options)?;
        if let Some(fraction) = options.fraction {
            source = Arc::new(Subset::fraction(source, fraction, options.seed));
        }
        Ok(match options.max_images {
            Some(images) if images < source.len() => {
                Arc::new(first::FirstImages::new(source, images))
            }
            _ => source,
        })
    }

    /// Opens all images that the patterns leave.
    fn open_whole(&self, options: &OpenOptions) -> Result<Arc<dyn Source>, SourceError> {
        let has_patterns = !options.include.is_empty() || !options.exclude.is_empty();
        Ok(match self {
            Self::Directory { path } => Arc::new(Directory::open(path, options)?),
            Self::List { path } => Arc::new(List::open(path, options)?),
            Self::Tar { shards } => Arc::new(Tar::open(shards, options)?),
            Self::Mixed { parts } => {
                let open = |(weight, part): &(Weight, Self)| {
                    Ok::<_, SourceError>((*weight, part.open_whole(options)?))
                };
                let parts = parts.iter().map(open).collect::<Result<_, _>>()?;
                Arc::new(Mixed::new(parts, options.seed))
            }
            _ if has_patterns => return Err(SourceError::NoPaths { spec: self.clone() }),
            Self::Synthetic { images, seed } => Arc::new(Synthetic::new(*images, *seed)),
            Self::Tinted { images, seed } => Arc::new(Synthetic::tinted(*images, *seed)),
            Self::FashionMnist { split } => {
                Arc::new(fashion_mnist::open(*split, &options.data_folders)?)
            }
            Self::Idx { images, labels } => Arc::new(Idx::open(images, labels.as_deref())?),
            Self::Cifar { folder, classes, split } => {
                Arc::new(Cifar::open(folder, *classes, *split)?)
            }
        })
    }
}
