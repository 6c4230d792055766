//! Pooling.

use burn::tensor::Tensor;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;

use super::activation::Activation;

/// The maximum of each 3×3 window at stride 2, padded by 1 (the stem of ResNets for large images).
///
/// # Shapes
/// - `x`: `[batch, channels, height, width]`
/// - output: `[batch, channels, ceil(height / 2), ceil(width / 2)]`
pub fn max_pool_3x3(x: &Activation) -> Activation {
    if let Some(pooled) = x.max_pool_on_cpu() {
        return pooled;
    }
    max_pool2d(x.tensor(), MaxPoolOptions::new([3; 2]).with_stride([2; 2]).with_padding([1; 2]))
        .into()
}

/// The mean of each channel.
///
/// # Shapes
/// - `x`: `[batch, channels, height, width]`
/// - output: `[batch, channels]`
pub fn global_average_pool(x: &Activation) -> Tensor<2> {
    if let Some(means) = x.average_on_cpu() {
        return means;
    }
    let [batch, channels, height, width] = x.dims();
    x.tensor().reshape([batch, channels, height * width]).mean_dim(2).reshape([batch, channels])
}
