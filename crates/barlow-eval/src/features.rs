//! Feature vectors, and the numbers of their classes.

use barlow_data::source::is_spread;

use crate::error::EvalError;

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

    /// Whether lengths fit each other and all values are finite.
    ///
    /// # Errors
    /// If not; the first offending row is named.
    pub fn check(&self) -> Result<(), EvalError> {
        let Self { values, dim, ids, labels } = self;
        if self.len().checked_mul(*dim) != Some(values.len()) || labels.len() != ids.len() {
            let (values, ids, labels) = (values.len(), ids.len(), labels.len());
            return Err(EvalError::Malformed { values, dim: *dim, ids, labels });
        }
        match values.iter().position(|value| !value.is_finite()) {
            Some(at) => Err(EvalError::NotFinite { row: at / dim, id: ids[at / dim] }),
            None => Ok(()),
        }
    }

    /// [`check`](Self::check)s both this and `other`, and that one encoder may have made them; a set
    /// without images fits any.
    ///
    /// # Errors
    /// If they are malformed, not finite or of different dimensions.
    pub fn check_with(&self, other: &Self) -> Result<(), EvalError> {
        self.check()?;
        other.check()?;
        if self.dim != other.dim && !self.is_empty() && !other.is_empty() {
            return Err(EvalError::Dimension { expected: self.dim, found: other.dim });
        }
        Ok(())
    }

    /// The images that have a label, and the labels.
    pub(crate) fn labelled(&self) -> (Self, Vec<usize>) {
        let kept = self.filter(|index| self.labels[index].is_some());
        let labels = kept.labels.iter().copied().flatten().collect();
        (kept, labels)
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

    /// Rows at length 1; a row of zeros stays.
    #[must_use]
    pub fn normalised(&self) -> Self {
        let mut kept = self.clone();
        for row in kept.values.chunks_exact_mut(self.dim.max(1)) {
            let square: f64 = row.iter().map(|&value| f64::from(value) * f64::from(value)).sum();
            if square > 0.0 {
                let scale = 1.0 / square.sqrt();
                for value in row {
                    *value = (f64::from(*value) * scale) as f32;
                }
            }
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
pub(crate) mod tests {
    use barlow_random::Key;

    use super::*;

    /// Standard normal rows with classes drawn evenly.
    pub(crate) fn random(seed: u64, n: usize, dim: usize, classes: usize) -> Features {
        let mut stream = Key { seed, ..Key::default() }.stream();
        let values = (0..n * dim).map(|_| stream.normal() as f32).collect();
        let labels = (0..n).map(|_| Some(stream.below(classes as u64) as usize)).collect();
        Features { values, dim, ids: (0..n as u64).collect(), labels }
    }

    #[test]
    fn what_no_encoder_makes_is_refused_and_the_row_is_named() {
        let features = |values: Vec<f32>, n: usize, dim| Features {
            values,
            dim,
            ids: (0..n as u64).map(|id| 10 + id).collect(),
            labels: vec![None; n],
        };
        let good = features(vec![1.0; 6], 3, 2);
        assert_eq!(good.check(), Ok(()));
        let malformed = EvalError::Malformed { values: 6, dim: 2, ids: 2, labels: 2 };
        assert_eq!(features(vec![1.0; 6], 2, 2).check(), Err(malformed));
        let unlabelled = Features { labels: vec![], ..good.clone() };
        let malformed = EvalError::Malformed { values: 6, dim: 2, ids: 3, labels: 0 };
        assert_eq!(unlabelled.check(), Err(malformed));
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let bad = features(vec![1.0, 2.0, 3.0, value, 5.0, value], 3, 2);
            assert_eq!(bad.check(), Err(EvalError::NotFinite { row: 1, id: 11 }));
        }
        let other = features(vec![1.0; 6], 2, 3);
        let mismatch = EvalError::Dimension { expected: 2, found: 3 };
        assert_eq!(good.check_with(&other), Err(mismatch));
        assert_eq!(good.check_with(&Features::default()), Ok(()));
    }

    #[test]
    fn classes_meet_by_name_and_strangers_stay_apart() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let labels = vec![Some(0), Some(1), Some(2), None];
        let mut queries = Features { labels, ..Features::default() };
        align_labels(&mut queries, &names(&["cat", "emu", "dog"]), &names(&["ant", "cat", "dog"]));
        assert_eq!(queries.labels, [Some(1), Some(4), Some(2), None]);
    }
}
