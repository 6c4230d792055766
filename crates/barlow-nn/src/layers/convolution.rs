//! Two-dimensional convolution without bias.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;

use super::activation::Activation;
use super::norm::ChannelSums;
use crate::init::Initializer;
use crate::pass::Pass;

/// How a [`Convolution`] is made: square kernel, padding of half the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvolutionConfig {
    /// Channels in.
    pub input: usize,
    /// Channels out.
    pub output: usize,
    /// Side of the kernel, odd.
    pub kernel: usize,
    /// Step between outputs.
    pub stride: usize,
}

impl ConvolutionConfig {
    /// A convolution with torchvision's first weights; its one parameter is `weight`.
    pub fn init(&self, initializer: &Initializer) -> Convolution {
        let shape = [self.output, self.input, self.kernel, self.kernel];
        Convolution { weight: initializer.kaiming_normal("weight", shape), stride: self.stride }
    }
}

/// A convolution without bias (a norm follows), padded by half its kernel.
#[derive(Module, Debug)]
pub struct Convolution {
    /// `[channels_out, channels_in, kernel, kernel]`.
    pub weight: Param<Tensor<4>>,
    stride: usize,
}

impl Convolution {
    /// Convolves, and in training takes the sums that the norm after it needs.
    ///
    /// # Shapes
    /// - `x`: `[batch, channels_in, height, width]`
    /// - output: `[batch, channels_out, ceil(height / stride), ceil(width / stride)]`
    pub fn forward(&self, x: &Activation, pass: &Pass) -> (Activation, Option<ChannelSums>) {
        let weight = self.weight.val();
        if let Some((y, sums)) = x.convolve_on_cpu(weight.clone(), self.stride, pass) {
            let sums = pass.collective().map(|_| ChannelSums::on_cpu(sums, y.dims()));
            return (y, sums);
        }
        let padding = weight.dims()[2] / 2;
        let options = ConvOptions::new([self.stride; 2], [padding; 2], [1; 2], 1);
        let y = pass
            .precision()
            .multiply(x.tensor(), weight, |x, weight| conv2d(x, weight, None, options));
        let sums = pass.collective().map(|_| ChannelSums::of(&y));
        (Activation::from(y), sums)
    }
}
