//! Feature vectors that measures may rely on: whole, at least two, finite.

use barlow_data::source::is_spread;

/// Feature vectors, one row an image.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    values: &'a [f32],
    dim: usize,
}

/// Why feature vectors cannot be measured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RowsError {
    /// The values do not divide into rows.
    #[error("{values} values are no whole number of feature vectors of {dim} dimensions")]
    Ragged {
        /// How many values there are.
        values: usize,
        /// How many a row has.
        dim: usize,
    },
    /// Nothing varies between fewer than two images.
    #[error("{rows} feature vectors are too few to measure; at least 2 are needed")]
    TooFew {
        /// How many there are.
        rows: usize,
    },
    /// A value is infinite or no number.
    #[error("feature vector {row} has a value that is not finite")]
    NotFinite {
        /// The first such row.
        row: usize,
    },
    /// One view is no view.
    #[error("{views} view of each image is too few to compare; at least 2 are needed")]
    OneView {
        /// How many there are.
        views: usize,
    },
    /// Views of the same images have as many rows.
    #[error("the views have {first} and {other} values; views of the same images have as many")]
    Unlike {
        /// Values of the first view.
        first: usize,
        /// Values of one that differs.
        other: usize,
    },
}

impl<'a> Rows<'a> {
    /// # Shapes
    /// - `values`: `[n, dim]`, contiguous
    ///
    /// # Errors
    /// If the values do not divide into rows, there are fewer than two, or one is not finite.
    pub fn new(values: &'a [f32], dim: usize) -> Result<Self, RowsError> {
        if dim == 0 || !values.len().is_multiple_of(dim) {
            return Err(RowsError::Ragged { values: values.len(), dim });
        }
        if values.len() < 2 * dim {
            return Err(RowsError::TooFew { rows: values.len() / dim });
        }
        if let Some(place) = values.iter().position(|value| !value.is_finite()) {
            return Err(RowsError::NotFinite { row: place / dim });
        }
        Ok(Self { values, dim })
    }

    /// The same images in several views, at least two.
    ///
    /// # Shapes
    /// - `views`: `[n, dim]` each, contiguous, an image in the same row of all
    ///
    /// # Errors
    /// As [`Rows::new`], or if there is only one view or they differ in length.
    pub fn views(views: &[&'a [f32]], dim: usize) -> Result<Vec<Self>, RowsError> {
        if views.len() < 2 {
            return Err(RowsError::OneView { views: views.len() });
        }
        let first = views[0].len();
        if let Some(other) = views.iter().map(|view| view.len()).find(|&len| len != first) {
            return Err(RowsError::Unlike { first, other });
        }
        views.iter().map(|values| Self::new(values, dim)).collect()
    }

    /// How many images there are.
    pub fn images(&self) -> usize {
        self.values.len() / self.dim
    }

    /// Length of a row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The features of one image.
    ///
    /// # Panics
    /// If there is no such image.
    pub fn row(&self, image: usize) -> &'a [f32] {
        &self.values[image * self.dim..(image + 1) * self.dim]
    }

    /// One value.
    pub(crate) fn value(&self, image: usize, column: usize) -> f64 {
        f64::from(self.values[image * self.dim + column])
    }

    /// Values that are known to be such, like those of [`Rows::spread`].
    pub(crate) fn of_checked(values: &'a [f32], dim: usize) -> Self {
        Self { values, dim }
    }

    /// The values of at most `most` images, spread evenly.
    pub(crate) fn spread(&self, most: usize) -> Vec<f32> {
        let images = self.images();
        let kept = (0..images).filter(|&image| is_spread(image, images, most));
        kept.flat_map(|image| self.row(image)).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_has_its_own_error() {
        let fault = |values: &[f32], dim| Rows::new(values, dim).err();
        assert_eq!(fault(&[1.0; 6], 0), Some(RowsError::Ragged { values: 6, dim: 0 }));
        assert_eq!(fault(&[1.0; 7], 3), Some(RowsError::Ragged { values: 7, dim: 3 }));
        assert_eq!(fault(&[], 3), Some(RowsError::TooFew { rows: 0 }));
        assert_eq!(fault(&[1.0; 3], 3), Some(RowsError::TooFew { rows: 1 }));
        assert_eq!(fault(&[1.0, 2.0, f32::NAN, 4.0], 2), Some(RowsError::NotFinite { row: 1 }));
        assert_eq!(fault(&[1.0, f32::INFINITY], 1), Some(RowsError::NotFinite { row: 1 }));
        assert_eq!(fault(&[1.0; 4], 2), None);
        let views = |views: &[&[f32]]| Rows::views(views, 2).err();
        assert_eq!(views(&[&[1.0; 4]]), Some(RowsError::OneView { views: 1 }));
        let unlike = RowsError::Unlike { first: 4, other: 6 };
        assert_eq!(views(&[&[1.0; 4], &[1.0; 6]]), Some(unlike));
        assert_eq!(views(&[&[1.0; 4], &[f32::NAN; 4]]), Some(RowsError::NotFinite { row: 0 }));
    }

    #[test]
    fn spreading_keeps_whole_rows_and_no_more_than_asked() {
        let values: Vec<f32> = (0..30).map(|v| v as f32).collect();
        let rows = Rows::new(&values, 3).unwrap();
        let kept = rows.spread(4);
        assert_eq!(kept.len(), 4 * 3);
        for row in kept.chunks_exact(3) {
            assert!(values.chunks_exact(3).any(|other| other == row), "{row:?}");
        }
        assert_eq!(rows.spread(99), values);
    }
}
