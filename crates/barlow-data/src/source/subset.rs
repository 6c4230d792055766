//! Some images of another source: a seeded sample, or spread evenly.

use std::sync::Arc;

use barlow_random::{Key, Permutation};

use super::Source;
use crate::DecodedImage;
use crate::decode::ImageError;

/// The purpose of the key that chooses.
const CHOICE: u64 = u64::from_be_bytes(*b"subset__");

/// Some images of another source, in its order; classes stay those of the whole.
#[derive(Debug)]
pub struct Subset {
    whole: Arc<dyn Source>,
    ids: Vec<usize>,
}

impl Subset {
    /// So many images spread by chance over the whole source, or all if there are no more.
    pub fn sample(whole: Arc<dyn Source>, images: usize, seed: u64) -> Self {
        let len = whole.len() as u64;
        let order = Permutation::new(Key { seed, purpose: CHOICE, ..Key::default() }, len);
        let mut ids: Vec<usize> =
            (0..len.min(images as u64)).map(|i| order.at(i) as usize).collect();
        ids.sort_unstable();
        Self { whole, ids }
    }

    /// So many images spread evenly over the whole source, or all if there are no more.
    pub fn spread(whole: Arc<dyn Source>, images: usize) -> Self {
        let len = whole.len();
        let ids = (0..len).filter(|&id| is_spread(id, len, images)).collect();
        Self { whole, ids }
    }
}

/// Whether position `index` of `len` belongs to `kept` positions spread evenly: where the running
/// share passes a whole number.
pub fn is_spread(index: usize, len: usize, kept: usize) -> bool {
    let kept = kept.min(len);
    (index + 1) * kept / len > index * kept / len
}

impl Source for Subset {
    fn len(&self) -> usize {
        self.ids.len()
    }

    fn load(&self, id: usize) -> Result<DecodedImage, ImageError> {
        self.whole.load(self.ids[id])
    }

    fn name(&self, id: usize) -> String {
        self.whole.name(self.ids[id])
    }

    fn label(&self, id: usize) -> Option<usize> {
        self.whole.label(self.ids[id])
    }

    fn classes(&self) -> &[String] {
        self.whole.classes()
    }

    fn fingerprint(&self) -> String {
        format!("{} of {}", self.ids.len(), self.whole.fingerprint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Synthetic;

    #[test]
    fn a_sample_is_a_function_of_the_seed_and_holds_no_image_twice() {
        let whole: Arc<dyn Source> = Arc::new(Synthetic::new(500, 0));
        let ids = |seed| Subset::sample(Arc::clone(&whole), 100, seed).ids;
        assert_eq!(ids(1), ids(1));
        assert_ne!(ids(1), ids(2));
        assert!(ids(1).windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(Subset::sample(Arc::clone(&whole), 1000, 1).len(), 500);
    }

    #[test]
    fn spread_images_are_as_many_as_asked_and_equally_far_apart() {
        let whole: Arc<dyn Source> = Arc::new(Synthetic::new(500, 0));
        assert_eq!(Subset::spread(Arc::clone(&whole), 5).ids, [99, 199, 299, 399, 499]);
        for images in [1, 3, 7, 499, 500, 501] {
            let found = Subset::spread(Arc::clone(&whole), images).len();
            assert_eq!(found, images.min(500));
        }
    }
}
