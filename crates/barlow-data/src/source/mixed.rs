//! Several sources as one, each as often as its weight says.

use std::collections::HashMap;
use std::sync::Arc;

use super::fingerprint::Fingerprint;
use super::{Source, Subset, Weight};
use crate::DecodedImage;
use crate::decode::{ChooseReduction, ImageError, ReducedImage};

/// Several sources, one after the other.
///
/// A source of weight `w` is repeated as often as `w` has whole parts; for the rest of `w` comes
/// that fraction of its images (rounded, and at least one image of each source), chosen by chance
/// under a seed. Classes are united by their names, in the order in which they first occur.
#[derive(Debug)]
pub struct Mixed {
    parts: Vec<Part>,
    classes: Vec<String>,
}

#[derive(Debug)]
struct Part {
    source: Arc<dyn Source>,
    weight: Weight,
    /// Where its images begin.
    start: usize,
    /// Images in its whole repeats.
    repeated: usize,
    /// What follows them.
    rest: Option<Subset>,
    /// The mix's class for each of its own.
    classes: Vec<usize>,
}

impl Part {
    fn len(&self) -> usize {
        self.repeated + self.rest.as_ref().map_or(0, Subset::len)
    }
}

impl Mixed {
    /// The mix of these sources; `seed` decides which images a fractional weight takes.
    pub fn new(sources: Vec<(Weight, Arc<dyn Source>)>, seed: u64) -> Self {
        let mut known: HashMap<String, usize> = HashMap::new();
        let mut classes: Vec<String> = Vec::new();
        let mut start = 0;
        let mut parts = Vec::new();
        for (weight, source) in sources {
            let (repeats, rest) = weight.of(source.len());
            let own = source.classes().iter().map(|name| {
                *known.entry(name.clone()).or_insert_with(|| {
                    classes.push(name.clone());
                    classes.len() - 1
                })
            });
            let part = Part {
                weight,
                start,
                classes: own.collect(),
                repeated: repeats * source.len(),
                rest: (rest > 0).then(|| Subset::sample(Arc::clone(&source), rest, seed)),
                source,
            };
            start += part.len();
            parts.push(part);
        }
        Self { parts, classes }
    }

    /// The part that an image is from, the source within it, and its number there.
    fn locate(&self, id: usize) -> (&Part, &dyn Source, usize) {
        let part = &self.parts[self.parts.partition_point(|part| part.start <= id) - 1];
        let within = id - part.start;
        match &part.rest {
            Some(rest) if within >= part.repeated => (part, rest, within - part.repeated),
            _ => (part, &*part.source, within % part.source.len()),
        }
    }
}

impl Source for Mixed {
    fn len(&self) -> usize {
        self.parts.last().map_or(0, |part| part.start + part.len())
    }

    fn load(&self, id: usize) -> Result<DecodedImage, ImageError> {
        let (_, source, id) = self.locate(id);
        source.load(id)
    }

    fn load_reduced(
        &self,
        id: usize,
        choose: &ChooseReduction<'_>,
    ) -> Result<ReducedImage, ImageError> {
        let (_, source, id) = self.locate(id);
        source.load_reduced(id, choose)
    }

    fn format(&self, id: usize) -> Option<&'static str> {
        let (_, source, id) = self.locate(id);
        source.format(id)
    }

    fn name(&self, id: usize) -> String {
        let (_, source, id) = self.locate(id);
        source.name(id)
    }

    fn label(&self, id: usize) -> Option<usize> {
        let (part, source, id) = self.locate(id);
        source.label(id).map(|label| part.classes[label])
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn fingerprint(&self) -> String {
        let mut fingerprint = Fingerprint::default();
        for part in &self.parts {
            fingerprint.add(part.weight.to_string().as_bytes());
            fingerprint.add(part.source.fingerprint().as_bytes());
            if let Some(rest) = &part.rest {
                fingerprint.add(rest.fingerprint().as_bytes());
            }
        }
        fingerprint.finish("mix", self.len())
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        for (number, part) in self.parts.iter().enumerate() {
            let (weight, images, len) = (part.weight, part.source.len(), part.len());
            remarks.push(format!("part {}: {weight} * {images} = {len} images", number + 1));
            remarks.extend(part.source.remarks());
        }
        remarks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Synthetic;

    fn mix(parts: &[(&str, usize, u64)], seed: u64) -> Mixed {
        let part = |&(weight, images, own_seed): &(&str, usize, u64)| {
            let source: Arc<dyn Source> = Arc::new(Synthetic::new(images, own_seed));
            (Weight::parse(weight).unwrap(), source)
        };
        Mixed::new(parts.iter().map(part).collect(), seed)
    }

    #[test]
    fn whole_weights_repeat_and_fractions_take_a_part_without_repeats() {
        let (first, second) = (Synthetic::new(20, 1), Synthetic::new(30, 2));
        let mixed = mix(&[("2.25", 20, 1), ("0.5", 30, 2), ("1", 10, 3)], 0);
        assert_eq!(mixed.len(), 45 + 15 + 10);
        for id in 0..40 {
            assert_eq!(mixed.load(id).unwrap(), first.load(id % 20).unwrap(), "{id}");
        }
        for (range, source, images) in [(40..45, &first, 20), (45..60, &second, 30)] {
            let found: Vec<_> = range
                .map(|id| {
                    let image = mixed.load(id).unwrap();
                    (0..images).position(|id| source.load(id).unwrap() == image).unwrap()
                })
                .collect();
            assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "{found:?}");
        }
        let third = Synthetic::new(10, 3);
        assert_eq!(mixed.load(69).unwrap(), third.load(9).unwrap());
        assert_eq!(mixed.classes(), first.classes());
        assert_eq!(mixed.label(60), third.label(0));
    }

    #[test]
    fn the_seed_decides_which_images_a_fraction_takes() {
        let names = |seed| {
            let mixed = mix(&[("0.3", 100, 1)], seed);
            (0..mixed.len()).map(|id| mixed.name(id)).collect::<Vec<_>>()
        };
        assert_eq!(names(1), names(1));
        assert_ne!(names(1), names(2));
        let print = |weight, seed| mix(&[(weight, 100, 1)], seed).fingerprint();
        assert_ne!(print("0.3", 1), print("0.3", 2));
        assert_eq!(print("3", 1), print("3", 2));
        assert_ne!(print("3", 1), print("2", 1));
    }

    #[test]
    fn classes_are_united_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let list = |name: &str, labels: &[&str]| -> Arc<dyn Source> {
            let path = folder.path().join(name);
            let lines: Vec<_> = labels.iter().map(|label| format!("x.png,{label}\n")).collect();
            std::fs::write(&path, lines.concat()).unwrap();
            Arc::new(
                crate::source::List::open(&path, &crate::source::OpenOptions::default()).unwrap(),
            )
        };
        let one = Weight::parse("1").unwrap();
        let sources =
            vec![(one, list("a.csv", &["dog", "cat"])), (one, list("b.csv", &["", "dog", "ant"]))];
        let mixed = Mixed::new(sources, 0);
        assert_eq!(mixed.classes(), ["cat", "dog", "ant"]);
        let labels: Vec<_> = (0..5).map(|id| mixed.label(id)).collect();
        assert_eq!(labels, [Some(1), Some(0), None, Some(1), Some(2)]);
    }
}
