//! Matrices for products of any shape: similarities of rows, scores and gradients of classifiers.

use super::PANEL;
use super::panels::{DEPTH, Panels};
use super::tile::accumulate_columns;
use super::transpose::transpose;
use crate::Isa;

/// Rows of the left side that are used again for each panel of the right side.
const ROWS: usize = 96;

/// A matrix `[rows, columns]` in f32, held in panels of 64 columns.
///
/// The product of rows by rows, `A·Bᵀ`, is [`set_product`](Self::set_product) of `A` and of
/// [`transposed`](Self::transposed) `B`. All functions run on the thread that calls them; the caller
/// cuts its matrices into as many as it wants to work on at once.
///
/// # Shapes
/// Memory is `[⌈columns / 64⌉][rows][64]`; what is beyond the last column is 0.
#[derive(Debug)]
pub struct PanelMatrix {
    panels: Panels,
}

impl PanelMatrix {
    /// All 0.
    pub fn zeroed(rows: usize, columns: usize) -> Self {
        let mut panels = Panels::dirty(rows, columns);
        panels.values.fill(0.0);
        Self { panels }
    }

    /// The matrix whose row `i` is what `fill(i, row)` writes; `row` holds `columns` values, 0 at
    /// first.
    pub fn from_rows(rows: usize, columns: usize, mut fill: impl FnMut(usize, &mut [f32])) -> Self {
        let mut matrix = Self::zeroed(rows, columns);
        let mut row = vec![0.0; columns];
        for index in 0..rows {
            row.fill(0.0);
            fill(index, &mut row);
            for (panel, values) in row.chunks(PANEL).enumerate() {
                let start = (panel * rows + index) * PANEL;
                matrix.panels.values[start..start + values.len()].copy_from_slice(values);
            }
        }
        matrix
    }

    /// The transpose of [`from_rows`](Self::from_rows): `[columns, rows]`.
    pub fn transposed(
        isa: Isa,
        rows: usize,
        columns: usize,
        mut fill: impl FnMut(usize, &mut [f32]),
    ) -> Self {
        let mut matrix = Self::zeroed(columns, rows);
        for first in (0..rows).step_by(PANEL) {
            let count = PANEL.min(rows - first);
            let part = Self::from_rows(count, columns, |row, values| fill(first + row, values));
            let mut square = [0.0; PANEL * PANEL];
            for block in 0..columns.div_ceil(PANEL) {
                transpose(isa, part.panels.panel(block), count, &mut square);
                let width = PANEL.min(columns - block * PANEL);
                let start = (first / PANEL * columns + block * PANEL) * PANEL;
                let to = &mut matrix.panels.values[start..start + width * PANEL];
                to.copy_from_slice(&square[..width * PANEL]);
            }
        }
        matrix
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.panels.rows
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.panels.columns
    }

    /// All values as they lie in memory, spare columns too.
    pub fn values(&self) -> &[f32] {
        &self.panels.values
    }

    /// All values as they lie in memory; spare columns must stay 0.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.panels.values
    }

    /// Where the value of this row and column is in [`values`](Self::values).
    pub fn index(&self, row: usize, column: usize) -> usize {
        (column / PANEL * self.panels.rows + row) * PANEL + column % PANEL
    }

    /// A row, in pieces of 64 columns, the last one shorter.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, row: usize) -> impl Iterator<Item = &[f32]> {
        assert!(row < self.rows(), "row {row} of {}", self.rows());
        (0..self.columns()).step_by(PANEL).map(move |column| {
            let start = self.index(row, column);
            &self.panels.values[start..start + PANEL.min(self.columns() - column)]
        })
    }

    /// A row, in pieces of 64 columns, the last one shorter.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row_mut(&mut self, row: usize) -> impl Iterator<Item = &mut [f32]> {
        assert!(row < self.rows(), "row {row} of {}", self.rows());
        let (rows, columns) = (self.panels.rows, self.panels.columns);
        self.panels.values.chunks_exact_mut(rows * PANEL).enumerate().map(move |(panel, values)| {
            &mut values[row * PANEL..][..PANEL.min(columns - panel * PANEL)]
        })
    }

    /// `self = left · right`.
    ///
    /// # Numerics
    /// Each sum runs over `k` in order in f32, fused where the instruction set has it, so a row's
    /// values do not depend on what other rows and columns there are.
    ///
    /// # Panics
    /// If shapes do not fit.
    pub fn set_product(&mut self, isa: Isa, left: &Self, right: &Self) {
        let [m, k, n] = [left.rows(), left.columns(), right.columns()];
        assert_eq!(k, right.rows(), "inner dimensions");
        assert_eq!([m, n], [self.rows(), self.columns()], "room for the product");
        isa.check();
        if k == 0 {
            self.panels.values.fill(0.0);
        }
        for depth in (0..k).step_by(DEPTH) {
            let steps = DEPTH.min(k - depth);
            for row in (0..m).step_by(ROWS) {
                let from = left.panels.left(row, depth / PANEL);
                let rows = ROWS.min(m - row);
                for panel in 0..n.div_ceil(PANEL) {
                    let factors = &right.panels.panel(panel)[depth * PANEL..];
                    let columns = PANEL.min(n - panel * PANEL);
                    let sums = &mut self.panels.values[(panel * m + row) * PANEL..];
                    let fresh = depth == 0;
                    accumulate_columns(isa, from, rows, steps, factors, columns, sums, fresh);
                }
            }
        }
    }

    /// `self += leftᵀ · right`.
    ///
    /// # Numerics
    /// As for [`set_product`](Self::set_product).
    ///
    /// # Panics
    /// If shapes do not fit.
    pub fn add_transposed_product(&mut self, isa: Isa, left: &Self, right: &Self) {
        let [k, m, n] = [left.rows(), left.columns(), right.columns()];
        assert_eq!(k, right.rows(), "inner dimensions");
        assert_eq!([m, n], [self.rows(), self.columns()], "room for the product");
        isa.check();
        for depth in (0..k).step_by(DEPTH) {
            let steps = DEPTH.min(k - depth);
            for panel in 0..n.div_ceil(PANEL) {
                let factors = &right.panels.panel(panel)[depth * PANEL..];
                let columns = PANEL.min(n - panel * PANEL);
                for row in (0..m).step_by(PANEL) {
                    let from = left.panels.transposed_left(row / PANEL, depth);
                    let rows = PANEL.min(m - row);
                    let sums = &mut self.panels.values[(panel * m + row) * PANEL..];
                    accumulate_columns(isa, from, rows, steps, factors, columns, sums, false);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use barlow_testing::fill;

    /// `[m, k, n]`: nothing, one, odd numbers, both sides of every tile and block.
    const SHAPES: [[usize; 3]; 14] = [
        [0, 3, 4],
        [3, 0, 4],
        [3, 4, 0],
        [1, 1, 1],
        [5, 7, 3],
        [6, 64, 16],
        [7, 65, 17],
        [11, 127, 31],
        [12, 128, 33],
        [97, 129, 63],
        [64, 96, 64],
        [65, 200, 65],
        [200, 63, 130],
        [100, 700, 10],
    ];

    fn matrix(name: &str, rows: usize, columns: usize) -> Vec<f32> {
        fill(&format!("{name}/{rows}/{columns}"), rows * columns, -1.0, 1.0)
    }

    fn copied(values: &[f32], columns: usize) -> impl Fn(usize, &mut [f32]) {
        move |row, to| to.copy_from_slice(&values[row * columns..(row + 1) * columns])
    }

    fn read(matrix: &PanelMatrix) -> Vec<f32> {
        (0..matrix.rows()).flat_map(|row| matrix.row(row).flatten().copied()).collect()
    }

    /// `Σₖ a(i, k) b(k, j)`, and the same of magnitudes, in f64.
    fn reference(
        [m, k, n]: [usize; 3],
        a: impl Fn(usize, usize) -> f32,
        b: impl Fn(usize, usize) -> f32,
    ) -> Vec<[f64; 2]> {
        let sum = |at: usize| {
            let products = (0..k).map(|k| f64::from(a(at / n, k)) * f64::from(b(k, at % n)));
            products.fold([0.0, 0.0], |[s, t], p| [s + p, t + p.abs()])
        };
        (0..m * n).map(sum).collect()
    }

    /// Each sum may be off by `k` roundings of its magnitudes at most.
    fn check(found: &PanelMatrix, expected: &[[f64; 2]], k: usize, what: &str) -> Vec<String> {
        let bound = f64::from(f32::EPSILON) * (k + 1) as f64;
        let is_wrong =
            |(f, [e, magnitude]): &(f32, [f64; 2])| (f64::from(*f) - e).abs() > bound * magnitude;
        let wrong = read(found).into_iter().zip(expected.iter().copied()).find(is_wrong);
        let spare = found.values().iter().map(|v| f64::from(v.abs())).sum::<f64>()
            - read(found).iter().map(|v| f64::from(v.abs())).sum::<f64>();
        let is_spare_dirty = spare.abs() > 1e-6;
        (wrong.is_some() || is_spare_dirty)
            .then(|| format!("{what}: {wrong:?}, spare columns {spare}"))
            .into_iter()
            .collect()
    }

    #[test]
    fn products_are_those_of_the_definition() {
        let mut failures = Vec::new();
        for shape in SHAPES {
            let [m, k, n] = shape;
            let (a, b) = (matrix("a", m, k), matrix("b", n, k));
            let (at, bt) = (matrix("at", k, m), matrix("bt", k, n));
            let by_rows = reference(shape, |i, l| a[i * k + l], |l, j| b[j * k + l]);
            let by_columns = reference(shape, |i, l| at[l * m + i], |l, j| bt[l * n + j]);
            let twice: Vec<[f64; 2]> = by_columns.iter().map(|e| e.map(|e| 2.0 * e)).collect();
            for isa in Isa::available() {
                let left = PanelMatrix::from_rows(m, k, copied(&a, k));
                let right = PanelMatrix::transposed(isa, n, k, copied(&b, k));
                let mut product = PanelMatrix::zeroed(m, n);
                for _ in 0..2 {
                    product.set_product(isa, &left, &right);
                    failures.extend(check(&product, &by_rows, k, &format!("{isa} {shape:?} ABᵀ")));
                }
                let left = PanelMatrix::from_rows(k, m, copied(&at, m));
                let right = PanelMatrix::from_rows(k, n, copied(&bt, n));
                let mut product = PanelMatrix::zeroed(m, n);
                for expected in [&by_columns, &twice] {
                    product.add_transposed_product(isa, &left, &right);
                    failures.extend(check(&product, expected, k, &format!("{isa} {shape:?} AᵀB")));
                }
            }
        }
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }

    #[test]
    fn rows_are_where_they_were_put() {
        for [rows, columns] in [[1, 1], [3, 64], [70, 65], [130, 200]] {
            let values = matrix("rows", rows, columns);
            let mut held = PanelMatrix::from_rows(rows, columns, copied(&values, columns));
            assert_eq!(read(&held), values);
            let transposed =
                PanelMatrix::transposed(Isa::best(), rows, columns, copied(&values, columns));
            for (row, column) in [(0, 0), (rows - 1, columns - 1), (rows / 2, columns / 3)] {
                let value = values[row * columns + column].to_bits();
                assert_eq!(held.values()[held.index(row, column)].to_bits(), value);
                assert_eq!(transposed.values()[transposed.index(column, row)].to_bits(), value);
            }
            held.row_mut(rows - 1).for_each(|piece| piece.fill(7.0));
            assert!(held.row(rows - 1).flatten().all(|v| (v - 7.0).abs() < f32::EPSILON));
            assert_eq!(read(&held)[..(rows - 1) * columns], values[..(rows - 1) * columns]);
        }
    }

    #[test]
    fn a_rows_products_do_not_depend_on_its_neighbours() {
        let [m, k, n] = [100, 300, 130];
        let (a, b) = (matrix("a", m, k), matrix("b", n, k));
        let product = |rows: std::ops::Range<usize>, isa| {
            let left = PanelMatrix::from_rows(rows.len(), k, |row, to| {
                copied(&a, k)(rows.start + row, to);
            });
            let right = PanelMatrix::transposed(isa, n, k, copied(&b, k));
            let mut product = PanelMatrix::zeroed(rows.len(), n);
            product.set_product(isa, &left, &right);
            read(&product).into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        for isa in Isa::available() {
            let all = product(0..m, isa);
            for rows in [0..1, 5..12, 96..100] {
                assert_eq!(product(rows.clone(), isa), all[rows.start * n..rows.end * n], "{isa}");
            }
        }
    }
}
