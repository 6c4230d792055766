//! What a decoder finds in a file, and the way from there to an image: alpha away, upright, finite.

use ::image::metadata::Orientation;

use super::alpha::{self, Transparency};
use super::{DecodeOptions, ImageError, orientation};
use crate::{DecodedImage, Image};

/// An image as its file stores it.
pub(super) struct Stored {
    /// The samples, alpha among them.
    pub(super) image: DecodedImage,
    /// Which channel is alpha.
    pub(super) transparency: Option<Transparency>,
    /// How the image is to be turned to stand upright.
    pub(super) orientation: Orientation,
}

impl Stored {
    /// An image without alpha that stands upright.
    pub(super) fn plain(image: DecodedImage) -> Self {
        Self { image, transparency: None, orientation: Orientation::NoTransforms }
    }

    /// The image as `options` want it.
    ///
    /// # Errors
    /// If samples are not finite.
    pub(super) fn finish(self, options: &DecodeOptions) -> Result<DecodedImage, ImageError> {
        let Self { image, transparency, orientation } = self;
        if let DecodedImage::F32(image) = &image {
            check_finite(image)?;
        }
        let image = match transparency {
            None => image,
            Some(alpha) => match image {
                DecodedImage::U8(image) => alpha::resolve(&image, alpha, options).into(),
                DecodedImage::U16(image) => {
                    DecodedImage::U16(alpha::resolve(&image, alpha, options))
                }
                DecodedImage::F32(image) => {
                    DecodedImage::F32(alpha::resolve(&image, alpha, options))
                }
            },
        };
        if !options.orientation {
            return Ok(image);
        }
        Ok(match image {
            DecodedImage::U8(image) => orientation::apply(image, orientation).into(),
            DecodedImage::U16(image) => DecodedImage::U16(orientation::apply(image, orientation)),
            DecodedImage::F32(image) => DecodedImage::F32(orientation::apply(image, orientation)),
        })
    }
}

fn check_finite(image: &Image<f32>) -> Result<(), ImageError> {
    match image.pixels.iter().filter(|v| !v.is_finite()).count() {
        0 => Ok(()),
        count => Err(ImageError::NotFinite { count, samples: image.pixels.len() }),
    }
}
