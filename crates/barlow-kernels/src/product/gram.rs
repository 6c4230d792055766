//! `A·Aᵀ`, half of which is computed.

use super::PANEL;
use super::panels::{DEPTH, Panels};
use super::partial::{Partials, parts, steps};
use super::tile::accumulate;
use super::transpose::transpose;
use crate::{Buffer, Isa};

/// Rows of the left side that are used again for each panel.
const ROWS: usize = 96;

/// `A·Aᵀ` and `B·Bᵀ`, `[n, n]` each, of `[n, d]` matrices.
pub(super) fn gram(isa: Isa, matrices: [&Panels; 2]) -> [Panels; 2] {
    let (n, d) = (matrices[0].rows, matrices[0].columns);
    let parts = parts(2, n, d);
    let partials = Partials::compute(2 * parts, n, |task| {
        let steps = steps(d, task.part % parts, parts);
        lower_triangle(isa, matrices[task.part / parts], steps, task.first_panel, task.sums);
    });
    [0, parts].map(|first| partials.sum(first, parts, 1.0, |panel, block| block < panel))
}

/// Panels of `A·Aᵀ` over some steps of the depth, without the blocks above the diagonal.
fn lower_triangle(
    isa: Isa,
    matrix: &Panels,
    steps: impl Iterator<Item = (usize, usize)>,
    first_panel: usize,
    sums: &mut [f32],
) {
    let n = matrix.rows;
    let mut packed = Buffer::<f32>::dirty(sums.len() / n * DEPTH);
    for (index, (first, count)) in steps.enumerate() {
        let rights = packed.chunks_exact_mut(PANEL * DEPTH).enumerate();
        rights.for_each(|(p, right)| pack(isa, matrix, first_panel + p, first, right));
        for row in (first_panel * PANEL..n).step_by(ROWS) {
            let rows = ROWS.min(n - row);
            let left = matrix.left(row, first / PANEL);
            let rights = packed.chunks_exact(PANEL * DEPTH);
            for (p, (right, sums)) in rights.zip(sums.chunks_exact_mut(n * PANEL)).enumerate() {
                if row + rows > (first_panel + p) * PANEL {
                    let sums = &mut sums[row * PANEL..];
                    accumulate(isa, left, rows, count, right, sums, index == 0);
                }
            }
        }
    }
}

/// 64 rows of the matrix as a panel, `[count, 64]`, from column `first` on; 0 for rows past the last.
fn pack(isa: Isa, matrix: &Panels, row_block: usize, first: usize, panel: &mut [f32]) {
    let row = row_block * PANEL;
    let rows = PANEL.min(matrix.rows - row);
    for (block, panel) in panel.chunks_exact_mut(PANEL * PANEL).enumerate() {
        if first + block * PANEL < matrix.columns {
            let from = &matrix.panel(first / PANEL + block)[row * PANEL..];
            transpose(isa, from, rows, panel);
        }
    }
}
