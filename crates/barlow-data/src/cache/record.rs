//! One decoded image on disk: a header with a check sum of its own, then the samples.
//!
//! All numbers are little-endian. Check sums are CRC-32 as in gzip; the header's covers the bytes
//! before it, so that headers can be believed without reading samples.
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | `bdi1`: kind and version |
//! | 4..12 | id: position in the source |
//! | 12 | depth: bytes of a sample; 1 is `u8`, 2 is `u16`, 4 is `f32` |
//! | 13..17, 17..21, 21..25 | channels, width, height |
//! | 25..33 | length of the samples in bytes: the product of the four numbers before it |
//! | 33..37 | check sum of the samples |
//! | 37..41 | check sum of the header |
//! | 41.. | samples, `[height, width, channels]` |

use std::borrow::Cow;

use flate2::Crc;

use crate::{DecodedImage, Image};

/// Bytes before the samples.
pub(super) const HEADER_BYTES: usize = 41;

const MAGIC: [u8; 4] = *b"bdi1";

/// The most bytes of samples that are written, or believed: eight times what the default limits of
/// decoding let through.
const MAX_LENGTH: u64 = 4 << 30;

/// An image as it is written.
#[derive(Debug)]
pub(super) struct Record<'a> {
    pub(super) header: [u8; HEADER_BYTES],
    pub(super) samples: Cow<'a, [u8]>,
}

/// What a header says of its record.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) id: u64,
    depth: u8,
    channels: u32,
    width: u32,
    height: u32,
    /// Of the samples, in bytes; 1 to [`MAX_LENGTH`].
    pub(super) length: u64,
    samples_crc: u32,
}

/// The bytes of an image's record.
pub(super) fn bytes(image: &DecodedImage) -> u64 {
    let samples = match image {
        DecodedImage::U8(image) => image.pixels.len(),
        DecodedImage::U16(image) => 2 * image.pixels.len(),
        DecodedImage::F32(image) => 4 * image.pixels.len(),
    };
    (HEADER_BYTES + samples) as u64
}

impl<'a> Record<'a> {
    /// The record of an image; none of images without samples or with more than can be written.
    pub(super) fn new(id: usize, image: &'a DecodedImage) -> Option<Self> {
        let (depth, samples) = match image {
            DecodedImage::U8(image) => (1, Cow::Borrowed(image.pixels.as_slice())),
            DecodedImage::U16(image) => {
                (2, image.pixels.iter().flat_map(|sample| sample.to_le_bytes()).collect())
            }
            DecodedImage::F32(image) => {
                (4, image.pixels.iter().flat_map(|sample| sample.to_le_bytes()).collect())
            }
        };
        let [channels, height, width] = image.shape();
        let header = Header {
            id: id as u64,
            depth,
            channels: u32::try_from(channels).ok()?,
            width: u32::try_from(width).ok()?,
            height: u32::try_from(height).ok()?,
            length: samples.len() as u64,
            samples_crc: crc(&samples),
        };
        header.is_credible().then(|| Self { header: header.to_bytes(), samples })
    }
}

impl Header {
    /// Reads a header; nothing if it is none, damaged, or of an image that cannot be.
    pub(super) fn parse(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let u32_at = |at| u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let u64_at = |at| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        if bytes[..4] != MAGIC || crc(&bytes[..37]) != u32_at(37) {
            return None;
        }
        let header = Self {
            id: u64_at(4),
            depth: bytes[12],
            channels: u32_at(13),
            width: u32_at(17),
            height: u32_at(21),
            length: u64_at(25),
            samples_crc: u32_at(33),
        };
        header.is_credible().then_some(header)
    }

    fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..12].copy_from_slice(&self.id.to_le_bytes());
        bytes[12] = self.depth;
        bytes[13..17].copy_from_slice(&self.channels.to_le_bytes());
        bytes[17..21].copy_from_slice(&self.width.to_le_bytes());
        bytes[21..25].copy_from_slice(&self.height.to_le_bytes());
        bytes[25..33].copy_from_slice(&self.length.to_le_bytes());
        bytes[33..37].copy_from_slice(&self.samples_crc.to_le_bytes());
        let header_crc = crc(&bytes[..37]);
        bytes[37..].copy_from_slice(&header_crc.to_le_bytes());
        bytes
    }

    /// Whether the length is the image's and within the limit.
    fn is_credible(&self) -> bool {
        let factors = [self.channels, self.width, self.height].map(u64::from);
        let length = factors.iter().try_fold(u64::from(self.depth), |a, &b| a.checked_mul(b));
        matches!(self.depth, 1 | 2 | 4)
            && (1..=MAX_LENGTH).contains(&self.length)
            && length == Some(self.length)
    }

    /// The image of these samples; nothing if they are not the ones that were written.
    pub(super) fn image(&self, samples: Vec<u8>) -> Option<DecodedImage> {
        if samples.len() as u64 != self.length || crc(&samples) != self.samples_crc {
            return None;
        }
        Some(match self.depth {
            1 => DecodedImage::U8(self.shaped(samples)),
            2 => DecodedImage::U16(self.shaped(numbers(&samples, u16::from_le_bytes))),
            _ => DecodedImage::F32(self.shaped(numbers(&samples, f32::from_le_bytes))),
        })
    }

    fn shaped<T>(&self, pixels: Vec<T>) -> Image<T> {
        let [width, height, channels] =
            [self.width, self.height, self.channels].map(|number| number as usize);
        Image { width, height, channels, pixels }
    }
}

fn numbers<T, const BYTES: usize>(samples: &[u8], number: fn([u8; BYTES]) -> T) -> Vec<T> {
    let (chunks, _) = samples.as_chunks::<BYTES>();
    chunks.iter().map(|&bytes| number(bytes)).collect()
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[cfg(test)]
mod tests;
