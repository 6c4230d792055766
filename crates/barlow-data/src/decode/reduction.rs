//! Images at a half, a quarter or an eighth of their width and height, decoded so at once.

use barlow_kernels::jpeg::BlockSide;

use crate::DecodedImage;

/// By what an image's width and height are divided while it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Reduction {
    /// By 1.
    #[default]
    None,
    /// By 2.
    Half,
    /// By 4.
    Quarter,
    /// By 8.
    Eighth,
}

/// Says for an image's width and height, upright, how far it may be reduced.
pub type ChooseReduction<'a> = dyn Fn([usize; 2]) -> Reduction + 'a;

impl Reduction {
    /// All, the strongest first.
    pub const ALL: [Self; 4] = [Self::Eighth, Self::Quarter, Self::Half, Self::None];

    /// The divisor.
    pub fn divisor(self) -> usize {
        8 / self.block_side().samples()
    }

    /// What becomes of a block of 8 x 8 samples.
    pub(super) fn block_side(self) -> BlockSide {
        match self {
            Self::None => BlockSide::Eight,
            Self::Half => BlockSide::Four,
            Self::Quarter => BlockSide::Two,
            Self::Eighth => BlockSide::One,
        }
    }
}

/// An image, possibly at a part of its size.
#[derive(Debug, Clone, PartialEq)]
pub struct ReducedImage {
    /// The image. A pixel stands for a square of [`Reduction::divisor`] pixels of the whole one; where
    /// that does not divide the size, the last ones reach beyond the end.
    pub image: DecodedImage,
    /// Width and height of the whole image.
    pub whole_size: [usize; 2],
    /// What the image was reduced by.
    pub reduction: Reduction,
}

impl ReducedImage {
    /// An image that is not reduced.
    pub fn whole(image: DecodedImage) -> Self {
        let whole_size = [image.width(), image.height()];
        Self { image, whole_size, reduction: Reduction::None }
    }
}
