//! Matrices in panels of 64 columns.

use super::PANEL;
use super::tile::{Left, accumulate};
use crate::{Buffer, Isa};

/// Depth after which sums go back to memory, so that a panel's share stays in the first cache.
pub(super) const DEPTH: usize = 128;

/// Rows of the left side that are used again for each panel of the right side.
const ROWS: usize = 96;

/// A matrix `[rows, columns]` in panels of 64 columns: each panel is `[rows, 64]`, the last one
/// filled up with columns of 0.
#[derive(Debug)]
pub(super) struct Panels {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) values: Buffer<f32>,
}

impl Panels {
    /// Any values; the caller must write all, and 0 to spare columns.
    pub(super) fn dirty(rows: usize, columns: usize) -> Self {
        let values = Buffer::dirty(columns.div_ceil(PANEL) * rows * PANEL);
        Self { rows, columns, values }
    }

    /// Values in one panel.
    pub(super) fn panel_len(&self) -> usize {
        self.rows * PANEL
    }

    /// `[rows, 64]`.
    pub(super) fn panel(&self, index: usize) -> &[f32] {
        &self.values[index * self.panel_len()..][..self.panel_len()]
    }

    /// The matrix from row and panel on, as the left side of a product.
    pub(super) fn left(&self, row: usize, panel: usize) -> Left<'_> {
        let start = panel * self.panel_len() + row * PANEL;
        let values = &self.values[start..];
        Left { values, row: PANEL, step: 1, panel: self.panel_len() }
    }

    /// One panel transposed, from row `first` on, as the left side of a product: 64 rows.
    pub(super) fn transposed_left(&self, panel: usize, first: usize) -> Left<'_> {
        let values = &self.panel(panel)[first * PANEL..];
        Left { values, row: 1, step: PANEL, panel: PANEL * PANEL }
    }

    /// `self · right`, for panels of `right`, `[columns, 64]` each, written to `[rows, 64]` each.
    pub(super) fn times(&self, isa: Isa, right: &[f32], product: &mut [f32]) {
        for depth in (0..self.columns).step_by(DEPTH) {
            let steps = DEPTH.min(self.columns - depth);
            for row in (0..self.rows).step_by(ROWS) {
                let left = self.left(row, depth / PANEL);
                let rows = ROWS.min(self.rows - row);
                let rights = right.chunks_exact(self.columns * PANEL);
                let products = product.chunks_exact_mut(self.rows * PANEL);
                for (right, product) in rights.zip(products) {
                    let right = &right[depth * PANEL..];
                    let product = &mut product[row * PANEL..];
                    accumulate(isa, left, rows, steps, right, product, depth == 0);
                }
            }
        }
    }
}
