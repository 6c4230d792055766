//! Feature vectors, and the numbers of their classes.

use barlow_data::source::is_spread;

/// Feature vectors of images that could be read.
#[derive(Debug, Clone, Default)]
pub struct Features {
    /// One row an image, `[n, dim]`, contiguous.
    pub values: Vec<f32>,
    /// Length of a row.
    pub dim: usize,
    /// Where each image is in its source, increasing.
    pub ids: Vec<u64>,
    /// The class of each image, if it has one.
    pub labels: Vec<Option<usize>>,
}

impl Features {
    /// How many images there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The features of one image.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.dim..(index + 1) * self.dim]
    }

    /// The images for which `keep` holds, in order.
    #[must_use]
    pub fn filter(&self, keep: impl Fn(usize) -> bool) -> Self {
        let mut kept = Self { dim: self.dim, ..Self::default() };
        for index in (0..self.len()).filter(|&index| keep(index)) {
            kept.values.extend_from_slice(self.row(index));
            kept.ids.push(self.ids[index]);
            kept.labels.push(self.labels[index]);
        }
        kept
    }

    /// At most `most` images, spread evenly.
    #[must_use]
    pub fn spread(&self, most: usize) -> Self {
        self.filter(|index| is_spread(index, self.len(), most))
    }
}

/// Numbers the classes of `queries` as the bank does, by name; a class that the bank does not have
/// gets a number of its own, which no vote can win.
pub fn align_labels(queries: &mut Features, own: &[String], bank: &[String]) {
    let number = |label: usize| {
        let known = own.get(label).and_then(|name| bank.iter().position(|other| other == name));
        known.unwrap_or(bank.len() + label)
    };
    for label in &mut queries.labels {
        *label = label.map(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_meet_by_name_and_strangers_stay_apart() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let labels = vec![Some(0), Some(1), Some(2), None];
        let mut queries = Features { labels, ..Features::default() };
        align_labels(&mut queries, &names(&["cat", "emu", "dog"]), &names(&["ant", "cat", "dog"]));
        assert_eq!(queries.labels, [Some(1), Some(4), Some(2), None]);
    }
}
