//! `AᵀB`, for batches larger than their dimensions.

use super::PANEL;
use super::panels::Panels;
use super::partial::{Partials, parts, steps};
use super::tile::accumulate;
use crate::Isa;

/// `scale · AᵀB` of `[n, d]` matrices, and its transpose, `[d, d]`.
pub(super) fn cross(isa: Isa, a: &Panels, b: &Panels, scale: f32) -> [Panels; 2] {
    let (n, d) = (a.rows, a.columns);
    let parts = parts(1, d, n);
    let partials = Partials::compute(parts, d, |task| {
        for (index, (first, count)) in steps(n, task.part, parts).enumerate() {
            for (block, row) in (0..d).step_by(PANEL).enumerate() {
                let rows = PANEL.min(d - row);
                let left = a.transposed_left(block, first);
                for (p, sums) in task.sums.chunks_exact_mut(d * PANEL).enumerate() {
                    let right = &b.panel(task.first_panel + p)[first * PANEL..];
                    let sums = &mut sums[row * PANEL..];
                    accumulate(isa, left, rows, count, right, sums, index == 0);
                }
            }
        }
    });
    [false, true].map(|is_transposed| partials.sum(0, parts, scale, |_, _| is_transposed))
}
