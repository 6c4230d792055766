//! 3×3 convolutions at stride 1 with 16 products for four outputs instead of 36: F(2×2, 3×3).
//!
//! With `d` the 4×4 inputs around 2×2 outputs, `g` the taps and `e` the outputs' gradients:
//!
//! ```text
//! output            Y = Aᵀ [ Σ over channels  (G g Gᵀ) ⊙ (Bᵀ d B) ] A
//! weight gradient   Gᵀ [ Σ over tiles  (A e Aᵀ) ⊙ (Bᵀ d B) ] G
//!
//!      ⎛ 1  0 -1  0 ⎞       ⎛  1    0    0  ⎞        ⎛ 1  1  1  0 ⎞
//! Bᵀ = ⎜ 0  1  1  0 ⎟   G = ⎜ 1/2  1/2  1/2 ⎟   Aᵀ = ⎝ 0  1 -1 -1 ⎠
//!      ⎜ 0 -1  1  0 ⎟       ⎜ 1/2 -1/2  1/2 ⎟
//!      ⎝ 0  1  0 -1 ⎠       ⎝  0    0    1  ⎠
//! ```
//!
//! For each of the 16 points of a patch the sum is a product of matrices, tiles × channels in ×
//! channels out. The gradient for the input is the same with the taps flipped and the channels
//! exchanged.
//!
//! Where a size is odd, the last tile reaches one pixel beyond the border and its patch one further,
//! which is another row or image. What it reads there enters only points whose outputs lie outside
//! and are not stored, or whose gradient is the border's 0.
//!
//! Source: Lavin and Gray, *Fast Algorithms for Convolutional Neural Networks*, 2015.

mod lanes;
mod product;
mod transforms;
mod weight_gradient;
mod weights;

pub(super) use product::multiply;
pub(super) use weight_gradient::weight_gradient;
pub(super) use weights::pack_points;

use std::any::Any;
use std::ops::Range;

use crate::micro::BLOCK;
use crate::{Activation, Element, Strip};

use super::Convolution;

/// Points of a patch.
const POINTS: usize = 16;

/// With no more channels in or out, products are too thin to pay for the transforms: outputs of 16
/// channels take a quarter longer this way, those of 24 (stored as 32) less time than directly.
const TOO_FEW: usize = Strip::LANES;

impl Convolution {
    /// Whether this way is the faster one.
    pub(super) fn has_winograd<T: Element>(&self) -> bool {
        T::BITS == 32
            && (self.kernel, self.stride) == (3, 1)
            && self.input.min(self.output) > TOO_FEW
    }
}

/// The activation itself: [`Convolution::has_winograd`] says yes to f32 only.
fn as_f32<T: Element>(x: &Activation<T>) -> &Activation<f32> {
    (x as &dyn Any).downcast_ref().expect("activations of f32")
}

/// The 2×2 tiles of a strip's images, row by row.
#[derive(Debug, Clone, Copy)]
struct Tiling {
    strip: Strip,
    rows: usize,
    columns: usize,
}

impl Tiling {
    fn of(strip: Strip) -> Self {
        Self { strip, rows: strip.height.div_ceil(2), columns: strip.width.div_ceil(2) }
    }

    fn count(&self) -> usize {
        self.strip.batch * self.rows * self.columns
    }

    /// Image, y and x of the first pixel of each tile.
    fn places(self, tiles: Range<usize>) -> impl Iterator<Item = (usize, usize, usize)> {
        let (mut row, mut column) = (tiles.start / self.columns, tiles.start % self.columns);
        tiles.map(move |_| {
            let place = (row / self.rows, 2 * (row % self.rows), 2 * column);
            column += 1;
            if column == self.columns {
                (row, column) = (row + 1, 0);
            }
            place
        })
    }
}

/// Matrices of all points, one after the other.
#[derive(Debug, Clone, Copy)]
struct Planes {
    /// Values from row to row. Not a power of two, whose rows would all fall into the same lines of
    /// the cache.
    row: usize,
    /// Values from point to point.
    plane: usize,
}

impl Planes {
    fn of(rows: usize, columns: usize) -> Self {
        let row = columns + BLOCK;
        Self { row, plane: rows * row }
    }

    /// Values of all points, and of 32 more rows, which a register tile may reach past the last.
    fn len(&self) -> usize {
        POINTS * self.plane + 2 * BLOCK * self.row
    }
}
