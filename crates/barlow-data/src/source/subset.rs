//! Some images of another source: a seeded sample, spread evenly, or the same share of each class.

use std::sync::Arc;

use barlow_random::{Key, Permutation};

use super::Source;
use crate::DecodedImage;
use crate::decode::{ChooseReduction, ImageError, ReducedImage};

/// The purpose of the key that chooses.
const CHOICE: u64 = u64::from_be_bytes(*b"subset__");
/// The purpose of the key that chooses a fraction of a class.
const FRACTION: u64 = u64::from_be_bytes(*b"fraction");

/// Some images of another source, in its order; classes stay those of the whole.
#[derive(Debug)]
pub struct Subset {
    whole: Arc<dyn Source>,
    ids: Vec<usize>,
    /// By which rule they were chosen.
    rule: String,
}

impl Subset {
    /// The images at these positions, in this order; `rule` says in words how they were chosen.
    ///
    /// # Panics
    /// When an image is asked for whose position is not in the whole.
    pub fn of(whole: Arc<dyn Source>, ids: Vec<usize>, rule: impl Into<String>) -> Self {
        Self { whole, ids, rule: rule.into() }
    }

    /// The images that have a label, or the whole itself if all do.
    pub fn labelled(whole: Arc<dyn Source>) -> Arc<dyn Source> {
        let len = whole.len();
        let ids: Vec<usize> = (0..len).filter(|&id| whole.label(id).is_some()).collect();
        if ids.len() == len {
            return whole;
        }
        Arc::new(Self { whole, ids, rule: "those with a label".to_owned() })
    }

    /// So many images spread by chance over the whole source, or all if there are no more.
    pub fn sample(whole: Arc<dyn Source>, images: usize, seed: u64) -> Self {
        let len = whole.len() as u64;
        let order = Permutation::new(Key { seed, purpose: CHOICE, ..Key::default() }, len);
        let mut ids: Vec<usize> =
            (0..len.min(images as u64)).map(|i| order.at(i) as usize).collect();
        ids.sort_unstable();
        Self { whole, ids, rule: format!("by chance, seed {seed}") }
    }

    /// The same fraction (0 to 1) of each class, rounded, but at least one image of each; images
    /// without a label count as a class. Which ones is a matter of chance, keyed by the seed and the
    /// class, and a smaller fraction is part of a larger one.
    pub fn fraction(whole: Arc<dyn Source>, fraction: f64, seed: u64) -> Self {
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); whole.classes().len() + 1];
        for id in 0..whole.len() {
            members[whole.label(id).map_or(0, |label| label + 1)].push(id);
        }
        let mut ids = Vec::new();
        for (class, members) in members.iter().enumerate().filter(|(_, ids)| !ids.is_empty()) {
            let len = members.len();
            let key = Key { seed, purpose: FRACTION, epoch: class as u64, ..Key::default() };
            let order = Permutation::new(key, len as u64);
            let kept = ((len as f64 * fraction).round() as usize).clamp(1, len);
            ids.extend((0..kept as u64).map(|i| members[order.at(i) as usize]));
        }
        ids.sort_unstable();
        Self { whole, ids, rule: format!("{fraction} of each class, seed {seed}") }
    }

    /// Which images of the whole these are, ascending.
    pub(super) fn ids(&self) -> &[usize] {
        &self.ids
    }

    /// So many images spread evenly over the whole source, or all if there are no more.
    pub fn spread(whole: Arc<dyn Source>, images: usize) -> Self {
        let len = whole.len();
        let ids = (0..len).filter(|&id| is_spread(id, len, images)).collect();
        Self { whole, ids, rule: "spread evenly".to_owned() }
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

    fn load_reduced(
        &self,
        id: usize,
        choose: &ChooseReduction<'_>,
    ) -> Result<ReducedImage, ImageError> {
        self.whole.load_reduced(self.ids[id], choose)
    }

    fn format(&self, id: usize) -> Option<&'static str> {
        self.whole.format(self.ids[id])
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
        format!("{} ({}) of {}", self.ids.len(), self.rule, self.whole.fingerprint())
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = self.whole.remarks();
        let (images, whole) = (self.ids.len(), self.whole.len());
        remarks.push(format!("{images} of {whole} images ({})", self.rule));
        remarks
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
    fn a_fraction_takes_the_same_share_of_every_class_and_grows_by_adding() {
        let whole: Arc<dyn Source> = Arc::new(Synthetic::new(503, 0));
        let part = |fraction, seed| Subset::fraction(Arc::clone(&whole), fraction, seed);
        let tenth = part(0.1, 1);
        // Classes 0 to 2 have 51 images, the others 50.
        for class in 0..10 {
            let ids = tenth.ids.iter().filter(|&&id| whole.label(id) == Some(class));
            assert_eq!(ids.count(), 5, "class {class}");
        }
        assert!(tenth.ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(tenth.ids.iter().all(|id| part(0.3, 1).ids.contains(id)));
        assert_ne!(tenth.ids, part(0.1, 2).ids);
        assert_ne!(tenth.fingerprint(), part(0.1, 2).fingerprint());
        assert_eq!(part(1e-9, 1).len(), 10);
        assert_eq!(part(1.0, 1).ids, (0..503).collect::<Vec<_>>());
    }

    #[test]
    fn images_without_a_label_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("list.csv");
        std::fs::write(&list, "path,label\na.png,cat\nb.png,\nc.png,dog\n").unwrap();
        let options = crate::source::OpenOptions::default();
        let whole = crate::source::open(list.to_str().unwrap(), &options).unwrap();
        let part = Subset::labelled(Arc::clone(&whole));
        assert_eq!((whole.len(), part.len()), (3, 2));
        assert!(part.name(1).ends_with("c.png"));
        assert_eq!(Subset::labelled(Arc::clone(&part)).fingerprint(), part.fingerprint());
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
