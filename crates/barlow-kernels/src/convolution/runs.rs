//! Where the taps of a convolution are in a strip.

use super::Convolution;
use crate::Strip;

/// Taps whose values lie side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    /// Pixels from an output's own place to the first tap's value, phases included.
    pub(super) shift: isize,
    /// Indices `ky·kernel + kx`, one pixel after the other.
    pub(super) taps: Vec<usize>,
}

/// Runs of the taps in each row of a 3×3 kernel, for rows of the given pitch.
fn three_rows(pitch: isize, tap: impl Fn(usize, usize) -> usize) -> Vec<Run> {
    (0..3)
        .map(|y| Run {
            shift: (y as isize - 1) * pitch - 1,
            taps: (0..3).map(|x| tap(y, x)).collect(),
        })
        .collect()
}

impl Convolution {
    /// The runs that an output sums over, in the input (stride 1) or its stacked phases (stride 2),
    /// whose places are `strip`.
    pub(super) fn forward_runs(&self, output: Strip) -> Vec<Run> {
        let pitch = output.row_pitch() as isize;
        match (self.kernel, self.stride) {
            (1, _) => vec![Run { shift: 0, taps: vec![0] }],
            (_, 1) => three_rows(pitch, |y, x| y * 3 + x),
            _ => {
                // Rows 2y-1, 2y, 2y+1 are row y-1 of the odd phase, y of the even, y of the odd.
                let phase = (output.batch * output.image_pitch()) as isize;
                let rows = [(1, -1), (0, 0), (1, 0)];
                rows.iter()
                    .enumerate()
                    .flat_map(|(ky, &(odd_row, row))| {
                        let even = 2 * odd_row * phase + row * pitch;
                        let odd = even + phase - 1;
                        [
                            Run { shift: even, taps: vec![ky * 3 + 1] },
                            Run { shift: odd, taps: vec![ky * 3, ky * 3 + 2] },
                        ]
                    })
                    .collect()
            }
        }
    }

    /// The phases of the input that get a gradient, with the runs in the output's gradient that each
    /// sums over; phase 0 alone at stride 1.
    pub(super) fn backward_runs(&self, output: Strip) -> Vec<(usize, Vec<Run>)> {
        let pitch = output.row_pitch() as isize;
        match (self.kernel, self.stride) {
            (1, _) => vec![(0, vec![Run { shift: 0, taps: vec![0] }])],
            (_, 1) => vec![(0, three_rows(pitch, |y, x| (2 - y) * 3 + (2 - x)))],
            _ => {
                // An even row 2y meets tap 1 at output y; an odd one, tap 2 at y and tap 0 at y+1.
                let rows = |odd: usize| if odd == 0 { vec![(1, 0)] } else { vec![(2, 0), (0, 1)] };
                (0..4)
                    .map(|phase| {
                        let runs = rows(phase / 2).into_iter().map(|(ky, row): (usize, isize)| {
                            let taps = rows(phase % 2).into_iter().map(|(kx, _)| ky * 3 + kx);
                            Run { shift: row * pitch, taps: taps.collect() }
                        });
                        (phase, runs.collect())
                    })
                    .collect()
            }
        }
    }
}
