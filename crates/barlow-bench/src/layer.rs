//! The convolutions of the networks that we measure.

use std::fmt;

/// A square convolution without bias, padded by half its kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layer {
    /// Channels that go in.
    pub input: usize,
    /// Channels that come out.
    pub output: usize,
    /// Side of the kernel: 1, 3 or 7.
    pub kernel: usize,
    /// 1 or 2.
    pub stride: usize,
    /// Side of what goes in, pixels.
    pub side: usize,
}

impl Layer {
    /// Side of what comes out, pixels.
    pub(crate) fn output_side(&self) -> usize {
        self.side.div_ceil(self.stride)
    }

    /// Multiplications and additions of the forward pass over so many images, and of either
    /// backward pass.
    pub(crate) fn flops(&self, batch: usize) -> f64 {
        let Self { input, output, kernel, .. } = *self;
        let products = batch * self.output_side().pow(2) * kernel.pow(2) * input * output;
        2.0 * products as f64
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { input, output, kernel, stride, side } = self;
        write!(f, "{kernel}x{kernel}/{stride} {input}-{output} {side}px")
    }
}

/// A network's convolutions.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    /// As in the names of works.
    pub name: String,
    /// Images that go in together.
    pub batch: usize,
    /// Each different layer, and how often it occurs, in the order of the first occurrence.
    pub layers: Vec<(Layer, usize)>,
}

impl Network {
    fn new(name: String, batch: usize) -> Self {
        Self { name, batch, layers: Vec::new() }
    }

    fn add(&mut self, layer: Layer) -> usize {
        match self.layers.iter_mut().find(|(other, _)| *other == layer) {
            Some((_, count)) => *count += 1,
            None => self.layers.push((layer, 1)),
        }
        layer.output_side()
    }

    /// ResNet-18 with a small stem.
    pub(crate) fn resnet18(width: usize, side: usize, channels: usize, batch: usize) -> Self {
        let mut network = Self::new(format!("resnet18-w{width}-{side}px-c{channels}"), batch);
        let layer =
            |input, output, kernel, stride, side| Layer { input, output, kernel, stride, side };
        let mut side = network.add(layer(channels, width, 3, 1, side));
        let mut input = width;
        for stage in 0..4 {
            let output = width << stage;
            for block in 0..2 {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                if stride != 1 {
                    network.add(layer(input, output, 1, stride, side));
                }
                side = network.add(layer(input, output, 3, stride, side));
                network.add(layer(output, output, 3, 1, side));
                input = output;
            }
        }
        network
    }

    /// torchvision's ResNet-50.
    pub(crate) fn resnet50(side: usize, batch: usize) -> Self {
        let mut network = Self::new(format!("resnet50-{side}px"), batch);
        let layer =
            |input, output, kernel, stride, side| Layer { input, output, kernel, stride, side };
        // The max pool between stem and stages halves the side once more.
        let mut side = network.add(layer(3, 64, 7, 2, side)).div_ceil(2);
        let mut input = 64;
        for (stage, blocks) in [3, 4, 6, 3].into_iter().enumerate() {
            let width = 64 << stage;
            for block in 0..blocks {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                if block == 0 {
                    network.add(layer(input, 4 * width, 1, stride, side));
                }
                network.add(layer(input, width, 1, 1, side));
                side = network.add(layer(width, width, 3, stride, side));
                network.add(layer(width, 4 * width, 1, 1, side));
                input = 4 * width;
            }
        }
        network
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flops(network: &Network) -> f64 {
        network.layers.iter().map(|(layer, count)| layer.flops(1) * *count as f64).sum()
    }

    #[test]
    fn networks_have_their_published_size() {
        // torchvision: 4.09 G multiplications, 2.05 M of them in the classifier.
        let resnet50 = flops(&Network::resnet50(224, 1)) / 2.0;
        assert!((resnet50 - 4.087e9).abs() < 0.01e9, "{resnet50}");
        // The usual count for 32 px, 0.5567 G, with a classifier of 5120.
        let resnet18 = flops(&Network::resnet18(64, 32, 3, 1)) / 2.0;
        assert!((resnet18 - 0.5554e9).abs() < 0.002e9, "{resnet18}");
        let count = |network: Network| network.layers.iter().map(|(_, count)| count).sum::<usize>();
        assert_eq!(count(Network::resnet50(224, 1)), 53);
        assert_eq!(count(Network::resnet18(16, 28, 1, 1)), 20);
    }
}
