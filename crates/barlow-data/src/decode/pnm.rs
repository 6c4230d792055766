//! PNM (netpbm): bitmaps, greymaps and pixmaps, plain (P1 to P3) and raw (P4 to P6), and PAM (P7).
//!
//! Samples are stretched so that the file's own maximum becomes 255 or, if it is larger than that,
//! 65,535, rounding to the nearest. Of a file with several images the first is read.

mod header;

use std::num::ParseIntError;

use self::header::{Header, Tokens};
use super::alpha::Transparency;
use super::format::Format;
use super::stored::Stored;
use super::{DecodeOptions, ImageError};
use crate::{DecodedImage, Image};

/// What is wrong with a PNM file.
#[derive(Debug, thiserror::Error)]
enum PnmError {
    #[error("the header does not say `{key}`")]
    Missing { key: &'static str },
    #[error("`{found}` is not a number")]
    NotANumber { found: String, source: ParseIntError },
    #[error("a bitmap has a pixel `{found}`, neither 0 nor 1")]
    NotABit { found: char },
    #[error("the header's `{key}` is {found}, allowed are {allowed}")]
    OutOfRange { key: &'static str, found: u32, allowed: &'static str },
    #[error("the maximum is {maximum}, but there is a sample of {found}")]
    AboveMaximum { found: u32, maximum: u32 },
}

pub(super) fn decode(bytes: &[u8], options: &DecodeOptions) -> Result<Stored, ImageError> {
    let mut tokens = Tokens::new(bytes);
    let header = Header::read(&mut tokens, bytes)?;
    let Header { width, height, channels, maximum, has_alpha, .. } = header;
    let sample_bytes = if maximum > 255 { 2 } else { 1 };
    options.check_size(width.into(), height.into(), u64::from(channels) * sample_bytes)?;
    let (width, height, channels) = (width as usize, height as usize, channels as usize);
    let count = width * height * channels;
    let samples = match header.kind {
        b'1' => plain_bits(&mut tokens, count)?,
        b'2' | b'3' => plain(&mut tokens, count, maximum)?,
        b'4' => bits(tokens.rest(), width, height),
        _ => raw(tokens.rest(), count, maximum),
    };
    if samples.len() < count {
        return Err(ImageError::Truncated { bytes: bytes.len() });
    }
    if let Some(&found) = samples.iter().find(|&&v| u32::from(v) > maximum) {
        return Err(corrupt(PnmError::AboveMaximum { found: found.into(), maximum }));
    }
    let image = if maximum > 255 {
        let pixels = stretched(&samples, maximum, u16::MAX.into()).collect();
        DecodedImage::U16(Image { width, height, channels, pixels })
    } else {
        let pixels = stretched(&samples, maximum, u8::MAX.into()).map(|v| v as u8).collect();
        DecodedImage::U8(Image { width, height, channels, pixels })
    };
    let alpha = Transparency { channel: channels - 1, is_premultiplied: false };
    Ok(Stored { transparency: has_alpha.then_some(alpha), ..Stored::plain(image) })
}

fn corrupt(error: PnmError) -> ImageError {
    Format::Pnm.corrupt(error)
}

fn stretched(samples: &[u16], from: u32, to: u32) -> impl Iterator<Item = u16> {
    samples.iter().map(move |&v| ((u32::from(v) * to + from / 2) / from) as u16)
}

fn number(token: &[u8]) -> Result<u32, ImageError> {
    let text = String::from_utf8_lossy(token);
    text.parse().map_err(|source| {
        // Long ones are cut: the message is for people.
        corrupt(PnmError::NotANumber { found: text.chars().take(20).collect(), source })
    })
}

fn plain(tokens: &mut Tokens<'_>, count: usize, maximum: u32) -> Result<Vec<u16>, ImageError> {
    let sample = |token| match number(token)? {
        found if found > maximum => Err(corrupt(PnmError::AboveMaximum { found, maximum })),
        sample => Ok(sample as u16),
    };
    tokens.take(count).map(sample).collect()
}

/// Ones and zeros with or without space between them; 1 is black.
fn plain_bits(tokens: &mut Tokens<'_>, count: usize) -> Result<Vec<u16>, ImageError> {
    let digits = tokens.flatten().take(count);
    digits
        .map(|&digit| match digit {
            b'0' => Ok(1),
            b'1' => Ok(0),
            other => Err(corrupt(PnmError::NotABit { found: other.into() })),
        })
        .collect()
}

/// Eight pixels a byte, the first in its highest bit, rows in whole bytes; 1 is black.
fn bits(data: &[u8], width: usize, height: usize) -> Vec<u16> {
    let rows = data.chunks_exact(width.div_ceil(8)).take(height);
    rows.flat_map(|row| (0..width).map(|x| u16::from(row[x / 8] >> (7 - x % 8) & 1 == 0))).collect()
}

fn raw(data: &[u8], count: usize, maximum: u32) -> Vec<u16> {
    if maximum > 255 {
        data.as_chunks().0.iter().take(count).map(|&pair| u16::from_be_bytes(pair)).collect()
    } else {
        data.iter().take(count).map(|&v| u16::from(v)).collect()
    }
}
