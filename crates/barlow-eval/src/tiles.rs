//! Large matrix products, a tile at a time.
//!
//! `P Qᵀ` for `P` and `Q` of `[count, depth]` that are never held: callers make blocks of them when
//! asked. Memory is two blocks and one tile for each thread. Tiles depend on shapes only and come
//! back in order, so results do not depend on the number of threads.

use std::ops::Range;

use nalgebra::{DMatrix, DMatrixView};
use rayon::prelude::*;

/// Rows of a block, where callers have no reason for another number.
pub(crate) const WIDTH: usize = 256;
/// Columns of a block: with [`WIDTH`], 2 MiB.
const DEPTH: usize = 1024;

/// One side of a product.
pub(crate) trait Side: Sync {
    /// A block: the given rows at the given depths, `[rows, depths]`.
    fn block(&self, rows: Range<usize>, depths: Range<usize>) -> DMatrix<f64>;
}

impl<F: Fn(Range<usize>, Range<usize>) -> DMatrix<f64> + Sync> Side for F {
    fn block(&self, rows: Range<usize>, depths: Range<usize>) -> DMatrix<f64> {
        self(rows, depths)
    }
}

/// Which tiles are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of them.
    Whole,
    /// Those on and above the diagonal, of a symmetric product.
    Upper,
}

/// What `visit` makes of each tile of `left rightᵀ`; it is told the tile's first row and column.
///
/// `width` is the side of a tile; those at the ends may be smaller.
pub(crate) fn tiles<T: Send>(
    [count, depth]: [usize; 2],
    width: usize,
    part: Part,
    [left, right]: [&dyn Side; 2],
    visit: impl Fn(usize, usize, &DMatrix<f64>) -> T + Sync,
) -> Vec<T> {
    let starts = (0..count).step_by(width);
    let places: Vec<(usize, usize)> = starts
        .clone()
        .flat_map(|row| starts.clone().map(move |column| (row, column)))
        .filter(|(row, column)| part == Part::Whole || row <= column)
        .collect();
    let tile = |&(row, column): &(usize, usize)| {
        let rows = row..count.min(row + width);
        let columns = column..count.min(column + width);
        let mut tile = DMatrix::zeros(rows.len(), columns.len());
        for start in (0..depth).step_by(DEPTH) {
            let depths = start..depth.min(start + DEPTH);
            let left = left.block(rows.clone(), depths.clone());
            let right = right.block(columns.clone(), depths);
            let (height, length) = right.shape();
            // The transpose without a copy: strides exchanged.
            let right =
                DMatrixView::from_slice_with_strides(right.as_slice(), length, height, height, 1);
            tile.gemm(1.0, &left, &right, 1.0);
        }
        visit(row, column, &tile)
    };
    places.par_iter().map(tile).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_make_up_the_product_for_every_shape() {
        for (count, depth, width) in
            [(1, 1, 4), (3, 2, 4), (4, 4, 4), (9, 7, 4), (17, 1100, 8), (40, 2500, 16)]
        {
            let p = DMatrix::from_fn(count, depth, |i, j| ((3 * i + 7 * j) % 11) as f64 - 4.0);
            let q = DMatrix::from_fn(count, depth, |i, j| ((5 * i + 2 * j) % 13) as f64 - 6.0);
            let side = |matrix: &DMatrix<f64>| {
                let matrix = matrix.clone();
                move |rows: Range<usize>, depths: Range<usize>| {
                    matrix.view((rows.start, depths.start), (rows.len(), depths.len())).into()
                }
            };
            let mut found = DMatrix::zeros(count, count);
            let copy = |row: usize, column: usize, tile: &DMatrix<f64>| (row, column, tile.clone());
            for (row, column, tile) in
                tiles([count, depth], width, Part::Whole, [&side(&p), &side(&q)], copy)
            {
                found.view_mut((row, column), tile.shape()).copy_from(&tile);
            }
            for i in 0..count {
                for j in 0..count {
                    // Whole numbers: exact in any order.
                    let expected: f64 = (0..depth).map(|k| p[(i, k)] * q[(j, k)]).sum();
                    assert!((found[(i, j)] - expected).abs() < 0.5, "{count} {depth}: {i}, {j}");
                }
            }
            let upper = tiles(
                [count, depth],
                width,
                Part::Upper,
                [&side(&p), &side(&p)],
                |row, column, _| row <= column,
            );
            let blocks = count.div_ceil(width);
            assert!(upper.len() == blocks * (blocks + 1) / 2 && upper.iter().all(|&above| above));
        }
    }
}
