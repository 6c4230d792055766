//! Residual networks (He et al., 2016) in torchvision's form and names.
//!
//! Version 1.5, as torchvision: in a bottleneck the 3×3 convolution carries the stride.

use barlow_weights::{EncoderConfig, Stem};
use burn::module::Module;
use burn::tensor::Tensor;

use crate::collective::CollectiveError;
use crate::init::Initializer;
use crate::layers::{
    Activation, BatchNorm, Convolution, ConvolutionConfig, Finish, global_average_pool,
    max_pool_3x3,
};
use crate::pass::Pass;

/// A residual network without its classifier.
#[derive(Module, Debug)]
pub struct ResNet {
    conv1: Convolution,
    bn1: BatchNorm,
    layer1: Vec<Block>,
    layer2: Vec<Block>,
    layer3: Vec<Block>,
    layer4: Vec<Block>,
    has_max_pool: bool,
}

impl ResNet {
    /// An encoder with its first weights.
    pub fn new(config: &EncoderConfig, initializer: &Initializer) -> Self {
        let (kernel, stride) = match config.stem {
            Stem::Standard => (7, 2),
            Stem::Small => (3, 1),
        };
        let conv1 =
            ConvolutionConfig { input: config.channels, output: config.width, kernel, stride };
        let mut channels = config.width;
        let mut stage = |number: usize| {
            let part = initializer.part(format!("layer{number}"));
            (0..config.name.stages()[number - 1])
                .map(|index| {
                    let block = BlockConfig {
                        input: channels,
                        width: config.width << (number - 1),
                        stride: if number > 1 && index == 0 { 2 } else { 1 },
                        has_bottleneck: config.name.has_bottleneck(),
                        last_weight: if config.zero_init_residual { 0.0 } else { 1.0 },
                    };
                    channels = block.output();
                    Block::new(&block, &part.part(index))
                })
                .collect()
        };
        Self {
            conv1: conv1.init(&initializer.part("conv1")),
            bn1: BatchNorm::new(config.width, 1.0, &initializer.part("bn1")),
            layer1: stage(1),
            layer2: stage(2),
            layer3: stage(3),
            layer4: stage(4),
            has_max_pool: config.stem == Stem::Standard,
        }
    }

    /// The representation of each image of a view.
    ///
    /// # Shapes
    /// - `view`: `[batch, channels, height, width]`
    /// - output: `[batch, representation_dim]`
    ///
    /// # Errors
    /// If a rank is gone or late.
    pub fn forward(&self, view: Tensor<4>, pass: &Pass) -> Result<Tensor<2>, CollectiveError> {
        let (x, sums) = self.conv1.forward(&view.into(), pass);
        let mut x = self.bn1.forward(&x, sums, pass, Finish::relu())?;
        if self.has_max_pool {
            x = max_pool_3x3(&x);
        }
        for block in [&self.layer1, &self.layer2, &self.layer3, &self.layer4].into_iter().flatten()
        {
            x = block.forward(&x, pass)?;
        }
        Ok(global_average_pool(&x))
    }
}

/// What one residual block is made of.
struct BlockConfig {
    input: usize,
    width: usize,
    stride: usize,
    has_bottleneck: bool,
    last_weight: f64,
}

impl BlockConfig {
    fn output(&self) -> usize {
        self.width * if self.has_bottleneck { 4 } else { 1 }
    }
}

/// A residual block: two 3×3 convolutions, or three with a bottleneck.
#[derive(Module, Debug)]
struct Block {
    conv1: Convolution,
    bn1: BatchNorm,
    conv2: Convolution,
    bn2: BatchNorm,
    conv3: Option<Convolution>,
    bn3: Option<BatchNorm>,
    downsample: Option<(Convolution, BatchNorm)>,
}

impl Block {
    fn new(config: &BlockConfig, initializer: &Initializer) -> Self {
        let &BlockConfig { input, width, stride, has_bottleneck, last_weight } = config;
        let output = config.output();
        let convolution = |leaf: &str, input, output, kernel, stride| {
            ConvolutionConfig { input, output, kernel, stride }.init(&initializer.part(leaf))
        };
        let norm = |leaf: &str, channels, weight| {
            BatchNorm::new(channels, weight, &initializer.part(leaf))
        };
        let downsample = (stride != 1 || input != output).then(|| {
            (
                convolution("downsample.0", input, output, 1, stride),
                norm("downsample.1", output, 1.0),
            )
        });
        if has_bottleneck {
            Self {
                conv1: convolution("conv1", input, width, 1, 1),
                bn1: norm("bn1", width, 1.0),
                conv2: convolution("conv2", width, width, 3, stride),
                bn2: norm("bn2", width, 1.0),
                conv3: Some(convolution("conv3", width, output, 1, 1)),
                bn3: Some(norm("bn3", output, last_weight)),
                downsample,
            }
        } else {
            Self {
                conv1: convolution("conv1", input, width, 3, stride),
                bn1: norm("bn1", width, 1.0),
                conv2: convolution("conv2", width, width, 3, 1),
                bn2: norm("bn2", width, last_weight),
                conv3: None,
                bn3: None,
                downsample,
            }
        }
    }

    fn forward(&self, x: &Activation, pass: &Pass) -> Result<Activation, CollectiveError> {
        let shortcut = match &self.downsample {
            Some((convolution, norm)) => {
                let (x, sums) = convolution.forward(x, pass);
                norm.forward(&x, sums, pass, Finish::default())?
            }
            None => x.clone(),
        };
        let finish = Finish { residual: Some(shortcut), relu: true };
        let (x, sums) = self.conv1.forward(x, pass);
        let x = self.bn1.forward(&x, sums, pass, Finish::relu())?;
        let (x, sums) = self.conv2.forward(&x, pass);
        match (&self.conv3, &self.bn3) {
            (Some(conv3), Some(bn3)) => {
                let x = self.bn2.forward(&x, sums, pass, Finish::relu())?;
                let (x, sums) = conv3.forward(&x, pass);
                bn3.forward(&x, sums, pass, finish)
            }
            _ => self.bn2.forward(&x, sums, pass, finish),
        }
    }
}
