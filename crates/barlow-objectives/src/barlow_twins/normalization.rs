//! How embeddings are normalised before they are correlated.

use burn::tensor::Tensor;

use crate::normalise::UnitRows;
use crate::standardise::Standardised;

/// A normalisation of embeddings, the constant `normalization`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Normalization {
    /// Columns with mean 0 and variance 1 over the batch.
    Batch,
    /// Then rows of length `sqrt(d)`, so that a diagonal of 1 can be reached.
    Features,
    /// Columns with mean 0.
    None,
}

/// Normalised embeddings, and the way back.
#[derive(Debug)]
pub(super) struct Normalised {
    /// `[n, d]`.
    pub(super) values: Tensor<2>,
    columns: Option<Standardised>,
    rows: Option<UnitRows>,
}

impl Normalization {
    /// Of its word in a configuration.
    ///
    /// # Panics
    /// If it is none of the constant's.
    pub(super) fn of(word: &str) -> Self {
        match word {
            "batch" => Self::Batch,
            "features" => Self::Features,
            "none" => Self::None,
            other => panic!("the constant takes no `{other}`"),
        }
    }

    /// # Shapes
    /// - `embeddings`: `[n, d]`
    pub(super) fn apply(self, embeddings: Tensor<2>) -> Normalised {
        if self == Self::None {
            let values = embeddings.clone() - embeddings.mean_dim(0);
            return Normalised { values, columns: None, rows: None };
        }
        let columns = Standardised::new(embeddings);
        if self == Self::Batch {
            return Normalised {
                values: columns.values.clone(),
                columns: Some(columns),
                rows: None,
            };
        }
        let rows = UnitRows::new(columns.values.clone());
        let scale = (rows.values.dims()[1] as f64).sqrt();
        let values = rows.values.clone() * scale;
        Normalised { values, columns: Some(columns), rows: Some(rows) }
    }
}

impl Normalised {
    /// The gradient for the embeddings, given the one for the values, both `[n, d]`.
    pub(super) fn backward(&self, gradient: Tensor<2>) -> Tensor<2> {
        let gradient = match &self.rows {
            Some(rows) => rows.backward(gradient * (self.values.dims()[1] as f64).sqrt()),
            None => gradient,
        };
        match &self.columns {
            Some(columns) => columns.backward(gradient),
            None => gradient.clone() - gradient.mean_dim(0),
        }
    }
}
