//! Why features cannot be judged.

/// Why features cannot be judged.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// Arrays of [`Features`](crate::Features) that do not belong together.
    #[error("{values} values, {ids} ids and {labels} labels are no features of dimension {dim}")]
    Malformed {
        /// Values in all rows.
        values: usize,
        /// Length of a row.
        dim: usize,
        /// Numbers of images.
        ids: usize,
        /// Classes of images.
        labels: usize,
    },
    /// A feature that is no finite number.
    #[error("row {row} (image {id}) holds a value that is not finite")]
    NotFinite {
        /// The first such row.
        row: usize,
        /// Its image.
        id: u64,
    },
    /// Two sets of features that no one encoder made.
    #[error("features of dimension {found} meet features of dimension {expected}")]
    Dimension {
        /// Of the bank or of the training set.
        expected: usize,
        /// Of the queries or of the test set.
        found: usize,
    },
    /// Nothing to learn from.
    #[error("no image to learn from has a label")]
    NoLabels,
    /// Nothing to tell apart.
    #[error("all images to learn from are of class {class}")]
    OneClass {
        /// The only class.
        class: usize,
    },
    /// A class number that no table of classes has room for.
    #[error("class {class} is too large a number (at most {most})")]
    ClassNumber {
        /// The number.
        class: usize,
        /// The largest allowed.
        most: usize,
    },
    /// Scores, predictions, labels or weights of which there are too few or too many.
    #[error("{found} values are no table of {rows} rows and {columns} columns")]
    Table {
        /// Values.
        found: usize,
        /// Rows: images, or the classes of a classifier.
        rows: usize,
        /// Columns: classes, or the dimensions of a classifier.
        columns: usize,
    },
    /// A class of a multi-label set that lacks positive or negative images.
    #[error("class {class} has {positive} positive and {negative} negative images (each {least})")]
    FewImages {
        /// The class.
        class: usize,
        /// Images that show it.
        positive: usize,
        /// Images that do not.
        negative: usize,
        /// How many of each are needed.
        least: usize,
    },
    /// A setting outside its range.
    #[error("{setting} is {value}, allowed is {allowed}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// Its value.
        value: f64,
        /// Its range.
        allowed: &'static str,
    },
}

impl EvalError {
    /// Refuses a setting unless `holds`.
    pub(crate) fn unless(
        holds: bool,
        setting: &'static str,
        value: f64,
        allowed: &'static str,
    ) -> Result<(), Self> {
        if holds { Ok(()) } else { Err(Self::Setting { setting, value, allowed }) }
    }
}
