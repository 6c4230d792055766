//! The Barlow Twins objective with its gradients, in one go over panels of columns.
//!
//! With `A` and `B` the embeddings standardised over the batch and `C = AᵀB / n`, the gradient is
//! `∂L/∂A = (2/n) ((c - 1 - λc) ∘ B + λ B Cᵀ)`, `c` the diagonal of `C`, and what remains is the way
//! back through the standardisation. `B Cᵀ = (BBᵀ) A / n`: either form is a product of one small
//! square matrix with the embeddings, so both share all but the square matrix. A panel's product,
//! gradient and standardisation happen while it is in the cache.

use std::marker::PhantomData;

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
pub struct BarlowTwins<M = Vec<f32>> {
    /// `Σᵢ (Cᵢᵢ - 1)²`.
    pub invariance_term: f64,
    /// `Σᵢ Σ_{j≠i} Cᵢⱼ²`, unweighted.
    pub redundancy_reduction_term: f64,
    /// `Cᵢᵢ`, length `d`.
    pub diagonal: Vec<f32>,
    /// Gradients of `invariance_term + λ redundancy_reduction_term`, `[n, d]` by rows.
    pub gradients: [M; 2],
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

impl<M: AsMut<[f32]>> BarlowTwins<M> {
    /// Of two views' embeddings, whose memory the gradients take; `epsilon` is added to variances.
    ///
    /// Fresh memory for gradients would cost a third of the time.
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
        mut embeddings: [M; 2],
        n: usize,
        d: usize,
        lambda: f64,
        epsilon: f64,
        form: ProductForm,
    ) -> Self {
        assert!(n > 0 && d > 0, "an embedding has values");
        let values = embeddings.each_mut().map(AsMut::as_mut);
        for embedding in &values {
            assert_eq!(embedding.len(), n * d, "values of [{n}, {d}]");
        }
        let count = n as f64;
        let mut views = [Panels::dirty(n, d), Panels::dirty(n, d)];
        let panels = standardise_both(isa, [&*values[0], &*values[1]], epsilon, &mut views);
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
        let rows = values.map(|values| Rows::new(values, d));
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
                }
                rows[own].write(group.start, &product);
            }
        });

        let diagonal_squares: f64 = diagonal.iter().map(|c| c * c).sum();
        Self {
            invariance_term: diagonal.iter().map(|c| (c - 1.0) * (c - 1.0)).sum(),
            redundancy_reduction_term: squares - diagonal_squares,
            diagonal: diagonal.iter().map(|&c| c as f32).collect(),
            gradients: embeddings,
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
    let groups = a.values.par_chunks_mut(GROUP * length);
    let groups = groups.zip(b.values.par_chunks_mut(GROUP * length)).enumerate();
    let panels = groups.flat_map_iter(|(index, (a, b))| {
        let first = index * GROUP * PANEL;
        unfold(&embeddings[0][first..], d, (d - first).min(GROUP * PANEL), a);
        unfold(&embeddings[1][first..], d, (d - first).min(GROUP * PANEL), b);
        let panels = a.chunks_exact_mut(length).zip(b.chunks_exact_mut(length));
        panels.map(move |(a, b)| Panel {
            statistics: [standardise(isa, epsilon, a), standardise(isa, epsilon, b)],
            products: column_products(isa, a, b),
        })
    });
    panels.collect()
}

/// Copies `width` columns of row-major values, `d` from row to row, into panels; spare columns
/// become 0.
///
/// Several panels at once, as columns of one panel are too little of each row to read well.
fn unfold(source: &[f32], d: usize, width: usize, panels: &mut [f32]) {
    let count = width.div_ceil(PANEL);
    let n = panels.len() / (count * PANEL);
    for row in 0..n {
        let values = &source[row * d..][..width];
        for (panel, values) in values.chunks(PANEL).enumerate() {
            let to = &mut panels[(panel * n + row) * PANEL..][..PANEL];
            to[..values.len()].copy_from_slice(values);
            to[values.len()..].fill(0.0);
        }
    }
}

/// A matrix by rows, `[n, d]`, that is written by columns from several threads.
struct Rows<'a> {
    d: usize,
    start: *mut f32,
    length: usize,
    values: PhantomData<&'a mut [f32]>,
}

// SAFETY: the memory is borrowed for writing, and tasks write different columns of it.
unsafe impl Sync for Rows<'_> {}

impl<'a> Rows<'a> {
    fn new(values: &'a mut [f32], d: usize) -> Self {
        Self { d, start: values.as_mut_ptr(), length: values.len(), values: PhantomData }
    }

    /// Writes panels, `[n, 64]` each, from panel `first` on; no two calls at once may be for the
    /// same panel.
    fn write(&self, first: usize, panels: &[f32]) {
        let n = self.length / self.d;
        for row in 0..n {
            for (panel, values) in panels.chunks_exact(n * PANEL).enumerate() {
                let column = (first + panel) * PANEL;
                let values = &values[row * PANEL..][..PANEL.min(self.d - column)];
                let to = self.start.wrapping_add(row * self.d + column);
                // SAFETY: the columns are inside of row `row`, and only this call touches them.
                unsafe { std::ptr::copy_nonoverlapping(values.as_ptr(), to, values.len()) };
            }
        }
    }
}
