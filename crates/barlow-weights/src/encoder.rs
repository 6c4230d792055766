//! Which encoder a file holds.

use serde::{Deserialize, Serialize};

/// The encoders there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EncoderName {
    /// Blocks 2-2-2-2 of two convolutions.
    ResNet18,
    /// Blocks 3-4-6-3 of two convolutions.
    ResNet34,
    /// Blocks 3-4-6-3 with bottleneck.
    ResNet50,
    /// Blocks 3-4-23-3 with bottleneck.
    ResNet101,
    /// Blocks 3-8-36-3 with bottleneck.
    ResNet152,
}

impl EncoderName {
    /// Every encoder.
    pub const ALL: [Self; 5] =
        [Self::ResNet18, Self::ResNet34, Self::ResNet50, Self::ResNet101, Self::ResNet152];

    /// The name as torchvision spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ResNet18 => "resnet18",
            Self::ResNet34 => "resnet34",
            Self::ResNet50 => "resnet50",
            Self::ResNet101 => "resnet101",
            Self::ResNet152 => "resnet152",
        }
    }

    /// Blocks in each of the four stages (He et al., 2016, table 1).
    pub fn stages(self) -> [usize; 4] {
        match self {
            Self::ResNet18 => [2, 2, 2, 2],
            Self::ResNet34 | Self::ResNet50 => [3, 4, 6, 3],
            Self::ResNet101 => [3, 4, 23, 3],
            Self::ResNet152 => [3, 8, 36, 3],
        }
    }

    /// Whether blocks narrow before and widen after their 3×3 convolution.
    pub fn has_bottleneck(self) -> bool {
        !matches!(self, Self::ResNet18 | Self::ResNet34)
    }
}

/// How an image enters the encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stem {
    /// 7×7 convolution at stride 2 and max-pool: torchvision's, for images of 100 px and more.
    Standard,
    /// 3×3 convolution at stride 1, no pooling: for images of 32 px or so.
    Small,
}

/// What an encoder is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderConfig {
    /// Which one.
    pub name: EncoderName,
    /// Channels of the first stage; 64 is torchvision's, every other width scales with it.
    pub width: usize,
    /// How the image enters.
    pub stem: Stem,
    /// Channels of the image.
    pub channels: usize,
    /// Whether each residual branch starts at zero (official: yes).
    pub zero_init_residual: bool,
}

impl Default for EncoderConfig {
    /// The official encoder (main.py): ResNet-50, `zero_init_residual=True`.
    fn default() -> Self {
        Self {
            name: EncoderName::ResNet50,
            width: 64,
            stem: Stem::Standard,
            channels: 3,
            zero_init_residual: true,
        }
    }
}

impl EncoderConfig {
    /// Length of the representation.
    pub fn representation_dim(&self) -> usize {
        8 * self.width * if self.name.has_bottleneck() { 4 } else { 1 }
    }
}
