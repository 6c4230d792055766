//! The last embeddings of views 0 and 1, for prototypes that one batch cannot fill.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor};

use crate::normalise::unit;

const NAMES: [&str; 2] = ["queue_0", "queue_1"];
const FILLED: &str = "filled";

/// Unit rows, the oldest first; zeros where none has been yet.
#[derive(Debug)]
pub(super) struct Queues {
    /// Of views 0 and 1, `[length, d]`.
    rows: [Tensor<2>; 2],
    /// How many rows are there, at most all.
    filled: usize,
}

impl Queues {
    /// Empty ones.
    pub(super) fn new(shape: [usize; 2], device: &Device) -> Self {
        Self { rows: [(); 2].map(|()| Tensor::zeros(shape, device)), filled: 0 }
    }

    fn len(&self) -> usize {
        self.rows[0].dims()[0]
    }

    /// The rows of a view, once there are all.
    pub(super) fn full(&self, view: usize) -> Option<Tensor<2>> {
        (self.filled == self.len()).then(|| self.rows[view].clone())
    }

    /// Takes in the embeddings of a batch, `[n, d]` of each view; as many of the oldest leave.
    pub(super) fn push(&mut self, views: Vec<Tensor<2>>) {
        let len = self.len();
        let count = views.first().map_or(0, |rows| rows.dims()[0]);
        self.filled = (self.filled + count).min(len);
        for (rows, new) in self.rows.iter_mut().zip(views) {
            let all = Tensor::cat(vec![rows.clone(), unit(new)], 0);
            let end = all.dims()[0];
            *rows = all.slice(end - len..end);
        }
    }

    pub(super) fn state(&self) -> BTreeMap<String, Tensor<2>> {
        let filled = Tensor::full([1, 1], self.filled as f32, &self.rows[0].device());
        let rows = NAMES.into_iter().zip(&self.rows);
        let rows = rows.map(|(name, rows)| (name.to_owned(), rows.clone()));
        rows.chain([(FILLED.to_owned(), filled)]).collect()
    }

    pub(super) fn restore(&mut self, mut state: BTreeMap<String, Tensor<2>>) {
        for (name, rows) in NAMES.into_iter().zip(&mut self.rows) {
            if let Some(kept) = state.remove(name) {
                *rows = kept;
            }
        }
        if let Some(filled) = state.remove(FILLED) {
            self.filled = filled.into_scalar::<f32>() as usize;
        }
    }
}
