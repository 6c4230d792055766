//! The convolutions of an encoder, in order, and the names and shapes of its tensors.
//!
//! Residual networks (He et al., 2016) in torchvision's form, version 1.5: in a bottleneck the 3×3
//! convolution carries the stride. All follows from the [`EncoderConfig`]; no weights are needed.

use std::collections::BTreeMap;

use crate::encoder::{EncoderConfig, Stem};

/// A convolution without bias and the batch norm after it. Padding is `kernel / 2` on each side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Convolution {
    /// Name of the convolution's module: `layer1.0.conv1`.
    pub(crate) name: String,
    /// Name of the batch norm's module: `layer1.0.bn1`.
    pub(crate) norm: String,
    /// Channels in.
    pub(crate) input: usize,
    /// Channels out.
    pub(crate) output: usize,
    /// Side of the square kernel.
    pub(crate) kernel: usize,
    /// Step in both directions.
    pub(crate) stride: usize,
}

impl Convolution {
    /// Shape of the weight: `[output, input, kernel, kernel]`.
    pub(crate) fn shape(&self) -> [usize; 4] {
        [self.output, self.input, self.kernel, self.kernel]
    }
}

/// A residual block: the sum of its branch and its shortcut, then ReLU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// Name of the block's module: `layer1.0`.
    pub(crate) name: String,
    /// Two convolutions, or three with a bottleneck; ReLU between them.
    pub(crate) branch: Vec<Convolution>,
    /// The shortcut's convolution where the shape changes; else the block's input is the shortcut.
    pub(crate) downsample: Option<Convolution>,
}

/// The stem, then blocks; the global average of the last block's output is the representation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Architecture {
    /// First convolution, then ReLU.
    pub(crate) stem: Convolution,
    /// Whether a max-pool 3×3 at stride 2 with padding 1 follows the stem.
    pub(crate) has_max_pool: bool,
    /// Blocks of all four stages.
    pub(crate) blocks: Vec<Block>,
}

impl Architecture {
    /// The architecture of an encoder; extents that no memory could hold saturate.
    pub(crate) fn new(config: &EncoderConfig) -> Self {
        let (kernel, stride) = match config.stem {
            Stem::Standard => (7, 2),
            Stem::Small => (3, 1),
        };
        let mut input = config.width;
        let mut blocks = Vec::new();
        for (stage, count) in config.name.stages().into_iter().enumerate() {
            let width = config.width.saturating_mul(1 << stage);
            for index in 0..count {
                let stride = if stage > 0 && index == 0 { 2 } else { 1 };
                let name = format!("layer{}.{index}", stage + 1);
                let block = Block::new(name, input, width, stride, config.name.has_bottleneck());
                input = block.output();
                blocks.push(block);
            }
        }
        let stem = Convolution {
            name: "conv1".to_owned(),
            norm: "bn1".to_owned(),
            input: config.channels,
            output: config.width,
            kernel,
            stride,
        };
        Self { stem, has_max_pool: config.stem == Stem::Standard, blocks }
    }

    /// Every convolution, the stem's first.
    pub(crate) fn convolutions(&self) -> impl Iterator<Item = &Convolution> {
        let of_blocks =
            self.blocks.iter().flat_map(|block| block.branch.iter().chain(&block.downsample));
        std::iter::once(&self.stem).chain(of_blocks)
    }
}

impl Block {
    fn new(name: String, input: usize, width: usize, stride: usize, has_bottleneck: bool) -> Self {
        let widened = width.saturating_mul(4);
        // Input, output, kernel and stride of each.
        let forms = if has_bottleneck {
            vec![(input, width, 1, 1), (width, width, 3, stride), (width, widened, 1, 1)]
        } else {
            vec![(input, width, 3, stride), (width, width, 3, 1)]
        };
        let branch: Vec<Convolution> = (1..)
            .zip(forms)
            .map(|(number, (input, output, kernel, stride))| Convolution {
                name: format!("{name}.conv{number}"),
                norm: format!("{name}.bn{number}"),
                input,
                output,
                kernel,
                stride,
            })
            .collect();
        let output = if has_bottleneck { widened } else { width };
        let downsample = (stride != 1 || input != output).then(|| Convolution {
            name: format!("{name}.downsample.0"),
            norm: format!("{name}.downsample.1"),
            input,
            output,
            kernel: 1,
            stride,
        });
        Self { name, branch, downsample }
    }

    /// Channels out.
    fn output(&self) -> usize {
        self.branch.last().map_or(0, |convolution| convolution.output)
    }
}

/// What batch norms add to variances (PyTorch's default).
pub(crate) const BATCH_NORM_EPSILON: f64 = 1e-5;

/// Tensors of a batch norm besides its convolution, each of one value per channel.
pub(crate) const NORM_LEAVES: [&str; 4] = ["weight", "bias", "running_mean", "running_var"];

/// Name and shape of every tensor of an encoder, as torchvision has them, running statistics
/// included, without the classifier (`fc.*`) and the batch counters (`num_batches_tracked`).
///
/// # Source
/// torchvision 0.29, `models/resnet.py`; a test compares all five sizes with its state dicts.
pub fn expected(config: &EncoderConfig) -> BTreeMap<String, Vec<usize>> {
    let mut shapes = BTreeMap::new();
    for convolution in Architecture::new(config).convolutions() {
        shapes.insert(format!("{}.weight", convolution.name), convolution.shape().to_vec());
        for leaf in NORM_LEAVES {
            shapes.insert(format!("{}.{leaf}", convolution.norm), vec![convolution.output]);
        }
    }
    shapes
}

#[cfg(test)]
mod tests {
    use barlow_testing::data_folder;

    use super::*;
    use crate::EncoderName;

    #[test]
    fn names_and_shapes_of_all_sizes_are_torchvisions() {
        for name in EncoderName::ALL {
            let size = name.as_str();
            let path = data_folder().join(format!("encoder/{size}_names.json"));
            let file: serde_json::Value =
                serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            let torchvision: Vec<(String, Vec<usize>)> =
                serde_json::from_value(file["tensors"].clone()).unwrap();
            let count = torchvision.len();
            let torchvision: BTreeMap<_, _> = torchvision.into_iter().collect();
            assert_eq!(torchvision.len(), count, "{size}: a name stands twice");
            let config = EncoderConfig { name, ..EncoderConfig::default() };
            assert_eq!(expected(&config), torchvision, "{size}");
        }
    }

    #[test]
    fn stem_width_and_channels_change_shapes_and_nothing_else() {
        let standard = EncoderConfig { name: EncoderName::ResNet18, ..EncoderConfig::default() };
        let small = EncoderConfig { width: 16, stem: Stem::Small, channels: 1, ..standard.clone() };
        let (standard, small) = (expected(&standard), expected(&small));
        assert!(standard.keys().eq(small.keys()));
        assert_eq!(small["conv1.weight"], [16, 1, 3, 3]);
        assert_eq!(small["layer4.1.conv2.weight"], [128, 128, 3, 3]);
        assert_eq!(small["layer2.0.downsample.0.weight"], [32, 16, 1, 1]);
    }

    #[test]
    fn a_width_beyond_counting_saturates() {
        let config = EncoderConfig { width: usize::MAX / 2, ..EncoderConfig::default() };
        assert_eq!(expected(&config)["layer4.2.bn3.weight"], [usize::MAX]);
    }
}
