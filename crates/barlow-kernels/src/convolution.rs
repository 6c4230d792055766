//! Two-dimensional convolution without bias: output, gradient for the input, gradient for the
//! weights.
//!
//! In a [`Strip`] a kernel tap is a constant distance, so the output of a 3×3 convolution is a sum
//! of nine products of shifted windows of one array with the taps' weights. Taps of a kernel row lie
//! side by side, so three segments suffice. The gradient for the input is a convolution of the
//! gradient for the output with the taps flipped. At stride 2 the input is first split into its four
//! phases (pixels with even or odd row and column), after which every tap is a shift within a phase;
//! the gradient for the input is then four convolutions, one for each phase.
//!
//! Outputs are computed for border pixels too and written as 0.
//!
//! 3×3 convolutions of f32 at stride 1 with more than 16 channels go another way, with 4/9 of the
//! multiplications and no border pixels (`winograd.rs`; Lavin and Gray, *Fast Algorithms for
//! Convolutional Neural Networks*, 2015). Which way is a matter of the convolution and the element
//! alone, never of the batch or the number of threads.

mod data_gradient;
mod forward;
mod phases;
mod runs;
mod store;
mod weight_gradient;
mod weights;
mod winograd;

#[cfg(test)]
mod tests;

pub use weights::PackedWeights;

use crate::{Activation, Strip};

/// A square convolution, padded by half its kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Convolution {
    /// Channels in.
    pub input: usize,
    /// Channels out.
    pub output: usize,
    /// Side of the kernel: 1 or 3.
    pub kernel: usize,
    /// Step between outputs: 1 or 2.
    pub stride: usize,
}

/// An output with its channels' sums over all inner pixels, taken before rounding.
#[derive(Debug)]
pub struct Convolved<T> {
    /// The output.
    pub output: Activation<T>,
    /// Σ, `[channels]`.
    pub sum: Vec<f32>,
    /// Σ of squares, `[channels]`.
    pub sum_of_squares: Vec<f32>,
}

impl Convolution {
    /// Whether the kernels here can do it.
    pub fn is_supported(&self) -> bool {
        matches!((self.kernel, self.stride), (1 | 3, 1 | 2)) && self.input > 0 && self.output > 0
    }

    /// Values of the weights, `[output, input, kernel, kernel]`.
    pub fn weights(&self) -> usize {
        self.output * self.input * self.kernel * self.kernel
    }

    /// The places of the output for an input.
    pub fn output_strip(&self, input: Strip) -> Strip {
        if self.stride == 1 {
            return input.with_channels(self.output);
        }
        let half = |size: usize| size.div_ceil(2);
        Strip::images(input.batch, self.output, half(input.height), half(input.width))
    }

    fn check(&self, input: Strip) {
        assert!(self.is_supported(), "{self:?} has no kernel");
        assert_eq!(input.channels, self.input, "channels of {input:?} for {self:?}");
        assert!(
            input.row_pitch() > input.width || (self.kernel, self.stride) == (1, 1),
            "{self:?} needs an input with borders"
        );
    }
}
