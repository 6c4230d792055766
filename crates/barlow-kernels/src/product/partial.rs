//! Square matrices whose sums are taken in parts, one for each thread that wants work.

use rayon::prelude::*;

use super::PANEL;
use super::panels::{DEPTH, Panels};
use crate::Buffer;

/// Tasks worth having; more would cost memory and time to add up.
const TASKS: usize = 32;

/// Panels of one task, whose left side is read once for all of them.
const GROUP: usize = 4;

/// Sums over some of the depth each, `[part, side, side]`, the matrices in panels.
pub(super) struct Partials {
    side: usize,
    values: Buffer<f32>,
}

/// What one task computes: some panels of one part.
pub(super) struct Task<'a> {
    pub(super) part: usize,
    pub(super) first_panel: usize,
    /// Panels of `[side, 64]`, to be written.
    pub(super) sums: &'a mut [f32],
}

/// Into how many parts a depth is cut, where `matrices` of `[side, side]` are summed over it.
///
/// By shape alone, so that results do not depend on threads.
pub(super) fn parts(matrices: usize, side: usize, depth: usize) -> usize {
    let groups = side.div_ceil(PANEL).div_ceil(GROUP);
    (TASKS / (matrices * groups)).clamp(1, depth.div_ceil(DEPTH))
}

/// The steps of one of `parts` of the depth, `(first, count)`, at most [`DEPTH`] at a time.
pub(super) fn steps(
    depth: usize,
    part: usize,
    parts: usize,
) -> impl Iterator<Item = (usize, usize)> {
    let blocks = depth.div_ceil(DEPTH);
    (part * blocks / parts..(part + 1) * blocks / parts)
        .map(move |block| (block * DEPTH, DEPTH.min(depth - block * DEPTH)))
}

impl Partials {
    /// Runs tasks that together write all parts.
    pub(super) fn compute(parts: usize, side: usize, run: impl Fn(Task) + Send + Sync) -> Self {
        let matrix = side.div_ceil(PANEL) * side * PANEL;
        let mut values = Buffer::dirty(parts * matrix);
        let tasks = values.par_chunks_mut(matrix).enumerate().flat_map(|(part, values)| {
            let groups = values.par_chunks_mut(GROUP * side * PANEL).enumerate();
            groups.map(move |(group, sums)| Task { part, first_panel: group * GROUP, sums })
        });
        tasks.for_each(run);
        Self { side, values }
    }

    /// The sum of `parts` parts from `first` on, times `scale`.
    ///
    /// Panel by panel and 64 rows at a time, `is_transposed(panel, rows)` says whether values come
    /// from the transposed place; spare columns become 0.
    pub(super) fn sum(
        &self,
        first: usize,
        parts: usize,
        scale: f32,
        is_transposed: impl Fn(usize, usize) -> bool + Sync,
    ) -> Panels {
        let side = self.side;
        let mut total = Panels::dirty(side, side);
        total.values.par_chunks_mut(side * PANEL).enumerate().for_each(|(panel, values)| {
            for (block, values) in values.chunks_mut(PANEL * PANEL).enumerate() {
                values.fill(0.0);
                for part in first..first + parts {
                    if is_transposed(panel, block) {
                        self.add_transposed(part, panel, block, values);
                    } else {
                        let from = &self.part(part)[(panel * side + block * PANEL) * PANEL..];
                        values.iter_mut().zip(from).for_each(|(v, f)| *v += f);
                    }
                }
                for value in &mut *values {
                    *value *= scale;
                }
                let columns = PANEL.min(side - panel * PANEL);
                for row in values.chunks_exact_mut(PANEL) {
                    row[columns..].fill(0.0);
                }
            }
        });
        total
    }

    fn part(&self, index: usize) -> &[f32] {
        let matrix = self.side.div_ceil(PANEL) * self.side * PANEL;
        &self.values[index * matrix..][..matrix]
    }

    /// Adds the transposed block of 64 columns (at `block`) and 64 rows (at `panel`).
    fn add_transposed(&self, part: usize, panel: usize, block: usize, values: &mut [f32]) {
        let from = &self.part(part)[(block * self.side + panel * PANEL) * PANEL..];
        let columns = PANEL.min(self.side - panel * PANEL);
        for (r, row) in values.chunks_exact_mut(PANEL).enumerate() {
            for (c, value) in row[..columns].iter_mut().enumerate() {
                *value += from[c * PANEL + r];
            }
        }
    }
}
