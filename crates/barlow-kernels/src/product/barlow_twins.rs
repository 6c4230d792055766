//! The Barlow Twins objective with its gradients, in one go over panels of columns.
//!
//! With `A` and `B` the embeddings standardised over the batch and `C = AᵀB / n`, the gradient is
//! `∂L/∂A = (2/n) ((c - 1 - λc) ∘ B + λ B Cᵀ)`, `c` the diagonal of `C`, and what remains is the way
//! back through the standardisation. `B Cᵀ = (BBᵀ) A / n`: either form is a product of one small
//! square matrix with the embeddings, so both share all but the square matrix. A panel's product,
//! gradient and standardisation happen while it is in the cache.

use std::ptr::NonNull;

use rayon::prelude::*;

use super::PANEL;
use super::cross::cross;
use super::gram::gram;
use super::panels::Panels;
use super::standardise::{Statistics, backward, column_products, dot, standardise};
use crate::{Buffer, Isa};

/// Which square matrix stands between the views.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProductForm {
    /// `AAᵀ` and `BBᵀ`, `[n, n]`: `3n²d` multiplications with the gradients.
    Gram,
    /// `AᵀB`, `[d, d]`: `3nd²` multiplications with the gradients.
    Matrix,
}

/// The loss of one batch and its gradients.
#[derive(Debug, Clone)]
pub struct BarlowTwins {
    /// `Σᵢ (Cᵢᵢ - 1)²`.
    pub invariance_term: f64,
    /// `Σᵢ Σ_{j≠i} Cᵢⱼ²`, unweighted.
    pub redundancy_reduction_term: f64,
    /// `Cᵢᵢ`, length `d`.
    pub diagonal: Vec<f32>,
    /// Gradients of `invariance_term + λ redundancy_reduction_term`, `[n, d]` by rows.
    pub gradients: [Vec<f32>; 2],
    /// For each view `Σ variance / Σ mean of squares` over its columns, 0 where all values are 0.
    pub variation: [f64; 2],
}

/// Panels whose products are taken together.
const GROUP: usize = 4;

/// What is known of one panel of columns in both views.
struct Panel {
    statistics: [Statistics; 2],
    /// `n Cᵢᵢ`.
    products: [f64; PANEL],
}

impl BarlowTwins {
    /// Of two views' embeddings; `epsilon` is added to variances.
    ///
    /// # Shapes
    /// - `embeddings`: `[n, d]` by rows
    ///
    /// # Numerics
    /// Matrix products in f32; means, variances, the diagonal and the terms are summed in f64. The
    /// same bits for every number of threads.
    ///
    /// # Panics
    /// If `n` or `d` is 0, or an embedding has another number of values than `n·d`.
    pub fn compute(
        isa: Isa,
        embeddings: [&[f32]; 2],
        n: usize,
        d: usize,
        lambda: f64,
        epsilon: f64,
        form: ProductForm,
    ) -> Self {
        assert!(n > 0 && d > 0, "an embedding has values");
        for embedding in embeddings {
            assert_eq!(embedding.len(), n * d, "values of [{n}, {d}]");
        }
        let count = n as f64;
        let mut views = [Panels::dirty(n, d), Panels::dirty(n, d)];
        let panels = standardise_both(isa, embeddings, epsilon, &mut views);
        let views = &views;

        // What is multiplied for each view's gradient, and by what the product is to be scaled.
        let [a, b] = views;
        let (squares, left, right, scale);
        let squares_of = |a: &Panels, b: &Panels| -> f64 {
            let pairs = a.values.par_chunks(a.panel_len()).zip(b.values.par_chunks(a.panel_len()));
            let sums: Vec<f64> = pairs.map(|(a, b)| dot(isa, a, b)).collect();
            sums.iter().sum()
        };
        let [first, second] = match form {
            ProductForm::Gram => gram(isa, [a, b]),
            ProductForm::Matrix => cross(isa, a, b, (1.0 / count) as f32),
        };
        match form {
            ProductForm::Gram => {
                squares = squares_of(&first, &second) / (count * count);
                (left, right, scale) = ([&second, &first], [a, b], 1.0 / count);
            }
            ProductForm::Matrix => {
                squares = squares_of(&first, &first);
                (left, right, scale) = ([b, a], [&second, &first], 1.0);
            }
        }

        let diagonal: Vec<f64> =
            panels.iter().flat_map(|panel| panel.products.map(|p| p / count)).take(d).collect();
        let weights: Vec<[f32; PANEL]> = panels
            .iter()
            .map(|panel| panel.products.map(|p| (p / count - 1.0 - lambda * p / count) as f32))
            .collect();
        let rows = [Rows::new(n, d), Rows::new(n, d)];
        let panel_count = panels.len();
        let group = (panel_count / 16).clamp(1, GROUP);
        (0..panel_count.div_ceil(group)).into_par_iter().for_each(|index| {
            let group = index * group..((index + 1) * group).min(panel_count);
            let mut product = Buffer::<f32>::dirty(group.len() * n * PANEL);
            for (own, other) in [(0, 1), (1, 0)] {
                let length = right[own].panel_len();
                let factors = &right[own].values[group.start * length..group.end * length];
                left[own].times(isa, factors, &mut product);
                for (panel, product) in group.clone().zip(product.chunks_exact_mut(n * PANEL)) {
                    backward(
                        isa,
                        views[own].panel(panel),
                        views[other].panel(panel),
                        &weights[panel],
                        (lambda * scale) as f32,
                        &panels[panel].statistics[own].inverse_scale,
                        (2.0 / count) as f32,
                        product,
                    );
                    rows[own].write(panel, product);
                }
            }
        });

        let diagonal_squares: f64 = diagonal.iter().map(|c| c * c).sum();
        Self {
            invariance_term: diagonal.iter().map(|c| (c - 1.0) * (c - 1.0)).sum(),
            redundancy_reduction_term: squares - diagonal_squares,
            diagonal: diagonal.iter().map(|&c| c as f32).collect(),
            gradients: rows.map(Rows::into_values),
            variation: [0, 1].map(|view| {
                let spread: f64 = panels.iter().map(|p| p.statistics[view].spread).sum();
                let offset: f64 = panels.iter().map(|p| p.statistics[view].offset).sum();
                if spread + offset > 0.0 { spread / (spread + offset) } else { 0.0 }
            }),
        }
    }
}

fn standardise_both(
    isa: Isa,
    embeddings: [&[f32]; 2],
    epsilon: f64,
    [a, b]: &mut [Panels; 2],
) -> Vec<Panel> {
    let (d, length) = (a.columns, a.panel_len());
    let panels = a.values.par_chunks_mut(length).zip(b.values.par_chunks_mut(length)).enumerate();
    let panels = panels.map(|(index, (a, b))| {
        let first = index * PANEL;
        let width = PANEL.min(d - first);
        let [source_a, source_b] = embeddings.map(|embedding| &embedding[first..]);
        let statistics = [
            standardise(isa, source_a, d, width, epsilon, a),
            standardise(isa, source_b, d, width, epsilon, b),
        ];
        Panel { statistics, products: column_products(isa, a, b) }
    });
    panels.collect()
}

/// A matrix by rows, `[n, d]`, that is written panel by panel from several threads.
struct Rows {
    n: usize,
    d: usize,
    start: NonNull<f32>,
    capacity: usize,
}

// SAFETY: panels are disjoint, and each is written by one task.
unsafe impl Sync for Rows {}

impl Rows {
    fn new(n: usize, d: usize) -> Self {
        let mut values = std::mem::ManuallyDrop::new(Vec::<f32>::with_capacity(n * d));
        let start = NonNull::new(values.as_mut_ptr()).expect("a vector's pointer is never null");
        Self { n, d, start, capacity: values.capacity() }
    }

    /// Writes the columns of a panel, `[n, 64]`; no two calls at once may be for the same panel.
    fn write(&self, panel: usize, values: &[f32]) {
        let width = PANEL.min(self.d - panel * PANEL);
        assert_eq!(values.len(), self.n * PANEL, "a panel");
        for (row, values) in values.chunks_exact(PANEL).enumerate() {
            let at = self.start.as_ptr().wrapping_add(row * self.d + panel * PANEL);
            // SAFETY: the columns are inside of row `row`, and only this call touches them.
            unsafe { std::ptr::copy_nonoverlapping(values.as_ptr(), at, width) };
        }
    }

    /// The matrix; every panel must have been written.
    fn into_values(self) -> Vec<f32> {
        // SAFETY: `new` took the vector apart, and all panels together are all values.
        unsafe { Vec::from_raw_parts(self.start.as_ptr(), self.n * self.d, self.capacity) }
    }
}
