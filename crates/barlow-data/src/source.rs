//! Which images there are: a numbered list that any thread may read at any position.

use std::fmt::Debug;

use crate::Image;
use crate::decode::ImageError;

/// A numbered collection of images; ids are positions, `0..len()`, in a fixed order.
pub trait Source: Debug + Send + Sync {
    /// How many images there are (before any of them is decoded).
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads and decodes one image, with its own size and number of channels (1 or 3).
    ///
    /// # Errors
    /// What is wrong with this one image; the source as a whole stays usable.
    fn load(&self, id: usize) -> Result<Image, ImageError>;

    /// What to call an image in messages: its path, or the source and the position.
    fn name(&self, id: usize) -> String;

    /// The class of an image, an index into [`Source::classes`]; `None` without labels.
    fn label(&self, id: usize) -> Option<usize>;

    /// The names of the classes; empty without labels.
    fn classes(&self) -> &[String];

    /// What the source is and holds, such that two sources with the same fingerprint give the same
    /// images in the same order (file contents are trusted, names, sizes and labels are not).
    fn fingerprint(&self) -> String;
}
