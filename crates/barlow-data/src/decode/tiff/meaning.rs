//! What the channels of a TIFF page mean: grey, colour, palette, ink or alpha.

use std::io::{Read, Seek};

use ::image::metadata::Orientation;
use tiff::TiffError;
use tiff::decoder::Decoder;
use tiff::tags::{CompressionMethod, Tag};

use super::TiffProblem;
use crate::decode::ImageError;
use crate::decode::alpha::Transparency;
use crate::decode::format::Format;
use crate::decode::stored::Stored;
use crate::{DecodedImage, Image};

/// Values of the photometric interpretation (TIFF 6.0, section 8).
const WHITE_IS_ZERO: u16 = 0;
const BLACK_IS_ZERO: u16 = 1;
const RGB: u16 = 2;
const PALETTE: u16 = 3;
const MASK: u16 = 4;
const CMYK: u16 = 5;
const YCBCR: u16 = 6;

/// Values of extra samples: alpha that colour is multiplied by, and alpha that it is not.
const ASSOCIATED_ALPHA: u16 = 1;
const UNASSOCIATED_ALPHA: u16 = 2;

/// What a page says of its channels.
pub(super) struct Tags {
    photometric: u16,
    palette: Vec<u16>,
    extra_samples: Vec<u16>,
    orientation: Orientation,
    is_subsampled: bool,
}

impl Tags {
    /// Reads the tags of the page that `decoder` is at, whose photometric interpretation was
    /// `photometric`.
    pub(super) fn read<R: Read + Seek>(
        decoder: &mut Decoder<R>,
        photometric: u16,
    ) -> Result<Self, TiffError> {
        let numbers = |decoder: &mut Decoder<R>, tag| decoder.find_tag_unsigned_vec::<u16>(tag);
        let palette = match photometric {
            PALETTE => numbers(decoder, Tag::ColorMap)?.unwrap_or_default(),
            _ => Vec::new(),
        };
        let compression: Option<u16> = decoder.find_tag_unsigned(Tag::Compression)?;
        // 2 x 2 is the default.
        let subsampling = numbers(decoder, Tag::ChromaSubsampling)?.unwrap_or(vec![2, 2]);
        let orientation = decoder.find_tag_unsigned::<u8>(Tag::Orientation).ok().flatten();
        Ok(Self {
            photometric,
            palette,
            extra_samples: numbers(decoder, Tag::ExtraSamples)?.unwrap_or_default(),
            orientation: orientation
                .and_then(Orientation::from_exif)
                .unwrap_or(Orientation::NoTransforms),
            is_subsampled: photometric == YCBCR
                && compression != Some(CompressionMethod::ModernJPEG.to_u16())
                && subsampling != [1, 1],
        })
    }

    /// The error for colours that are not read.
    pub(super) fn unsupported(&self, samples: usize, bits: u8) -> ImageError {
        let photometric = self.photometric;
        Format::Tiff.unsupported(TiffProblem::Colours { photometric, samples, bits })
    }

    /// The image that samples of `bits` bits mean.
    pub(super) fn apply(&self, image: DecodedImage, bits: u8) -> Result<Stored, ImageError> {
        let stored_channels = image.channels();
        let image = match image {
            DecodedImage::U8(image) => self.apply_to_bytes(image, bits)?,
            DecodedImage::U16(image) => self.apply_to_words(image)?,
            DecodedImage::F32(image) => {
                if !matches!(self.photometric, WHITE_IS_ZERO | BLACK_IS_ZERO | RGB) {
                    return Err(self.unsupported(image.channels, bits));
                }
                DecodedImage::F32(image)
            }
        };
        let is_alpha = |&kind: &u16| matches!(kind, ASSOCIATED_ALPHA | UNASSOCIATED_ALPHA);
        let extra = &self.extra_samples[..self.extra_samples.len().min(stored_channels - 1)];
        let transparency = extra.iter().position(is_alpha).map(|at| Transparency {
            channel: image.channels() - extra.len() + at,
            is_premultiplied: extra[at] == ASSOCIATED_ALPHA,
        });
        Ok(Stored { image, transparency, orientation: self.orientation })
    }

    fn apply_to_bytes(&self, mut image: Image, bits: u8) -> Result<DecodedImage, ImageError> {
        if bits < 8 && self.photometric != PALETTE {
            let largest = (1 << bits) - 1;
            image.pixels.iter_mut().for_each(|v| *v = (u16::from(*v) * 255 / largest) as u8);
        }
        Ok(match (self.photometric, image.channels) {
            (WHITE_IS_ZERO, channels) => {
                image.pixels.chunks_exact_mut(channels).for_each(|pixel| pixel[0] = !pixel[0]);
                image.into()
            }
            (BLACK_IS_ZERO | MASK, 1..) | (RGB, 3..) => image.into(),
            (PALETTE, 1..) => self.coloured(&image, bits)?.into(),
            (CMYK, 4..) => recoloured(&image, |[c, m, y, k]: [u8; 4]| {
                [c, m, y].map(|ink| {
                    let product = u32::from(255 - ink) * u32::from(255 - k);
                    ((product + 127) / 255) as u8
                })
            })
            .into(),
            (YCBCR, 3..) if self.is_subsampled => {
                return Err(Format::Tiff.unsupported(TiffProblem::Subsampled));
            }
            (YCBCR, 3..) => recoloured(&image, rgb_of_ycbcr).into(),
            (_, channels) => return Err(self.unsupported(channels, bits)),
        })
    }

    fn apply_to_words(&self, mut image: Image<u16>) -> Result<DecodedImage, ImageError> {
        Ok(match (self.photometric, image.channels) {
            (WHITE_IS_ZERO, channels) => {
                image.pixels.chunks_exact_mut(channels).for_each(|pixel| pixel[0] = !pixel[0]);
                DecodedImage::U16(image)
            }
            (BLACK_IS_ZERO | MASK, 1..) | (RGB, 3..) => DecodedImage::U16(image),
            (CMYK, 4..) => DecodedImage::U16(recoloured(&image, |[c, m, y, k]: [u16; 4]| {
                [c, m, y].map(|ink| {
                    let product = u64::from(65_535 - ink) * u64::from(65_535 - k);
                    ((product + 32_767) / 65_535) as u16
                })
            })),
            (_, channels) => return Err(self.unsupported(channels, 16)),
        })
    }

    /// The colours that indices stand for: all reds of the palette, all greens, all blues. They
    /// have 16 bits, of which the high ones count, but for files that were written with 8.
    fn coloured(&self, image: &Image, bits: u8) -> Result<Image, ImageError> {
        let entries = 1 << bits;
        if self.palette.len() != 3 * entries {
            let (found, expected) = (self.palette.len(), 3 * entries);
            return Err(Format::Tiff.corrupt(TiffProblem::Palette { found, expected }));
        }
        let shift = if self.palette.iter().all(|&v| v < 256) { 0 } else { 8 };
        let colour = |[index]: [u8; 1]| {
            [0, 1, 2].map(|c| (self.palette[c * entries + usize::from(index)] >> shift) as u8)
        };
        Ok(recoloured(image, colour))
    }
}

/// The image with its first `N` channels replaced by three; extra channels stay.
fn recoloured<T: Copy, const N: usize>(
    image: &Image<T>,
    colour: impl Fn([T; N]) -> [T; 3],
) -> Image<T> {
    let Image { width, height, channels, .. } = *image;
    let channels_after = channels - N + 3;
    let mut pixels = Vec::with_capacity(width * height * channels_after);
    for pixel in image.pixels.chunks_exact(channels) {
        if let Some((first, extra)) = pixel.split_first_chunk() {
            pixels.extend_from_slice(&colour(*first));
            pixels.extend_from_slice(extra);
        }
    }
    Image { width, height, channels: channels_after, pixels }
}

/// ITU-R 601 with full range, as JPEG has it (JFIF 1.02).
fn rgb_of_ycbcr([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb].map(|v| (v + 0.5) as u8)
}
