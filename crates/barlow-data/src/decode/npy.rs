//! NumPy's `.npy`: arrays of two dimensions (`[height, width]`) or three, in C or Fortran order.
//!
//! 8 and 16 bits without sign keep their depth; all else becomes single precision. The format:
//! <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

mod header;

use half::f16;

use self::header::{Header, SampleType};
use super::format::Format;
use super::stored::Stored;
use super::{DecodeOptions, ImageError, NpyLayout};
use crate::{DecodedImage, Image};

/// What is wrong with an array.
#[derive(Debug, thiserror::Error)]
enum NpyError {
    #[error("version {version} of the format")]
    Version { version: u8 },
    #[error("the header has {found} bytes, at most {allowed} are read")]
    HeaderTooLong { found: usize, allowed: usize },
    #[error("the header does not say `{key}`")]
    Missing { key: &'static str },
    #[error("samples of type `{found}`")]
    SampleType { found: String },
    #[error("an array of shape {shape:?}; 2 or 3 dimensions, none of them 0, make an image")]
    Shape { shape: Vec<u64> },
}

/// Where the samples of an image are in an array: the step from one row, pixel or channel to the
/// next, in samples.
struct Layout {
    height: usize,
    width: usize,
    channels: usize,
    row: usize,
    column: usize,
    channel: usize,
}

pub(super) fn decode(bytes: &[u8], options: &DecodeOptions) -> Result<Stored, ImageError> {
    let (header, data) = Header::read(bytes)?;
    let sample = header.sample;
    let kept_bytes = match sample {
        SampleType::U8 => 1,
        SampleType::U16 => 2,
        _ => 4,
    };
    let [h, w, c] = axes(&header.shape, options.npy_layout)?.map(|axis| match axis {
        Some(axis) => header.shape[axis],
        None => 1,
    });
    options.check_size(w, h, c.saturating_mul(kept_bytes))?;
    let layout = Layout::of(&header, options.npy_layout)?;
    let count = layout.height * layout.width * layout.channels;
    let data =
        data.get(..count * sample.bytes()).ok_or(ImageError::Truncated { bytes: bytes.len() })?;
    let is_big_endian = header.is_big_endian;
    Ok(Stored::plain(match sample {
        SampleType::U8 => DecodedImage::U8(layout.gather(data, |[v]| v)),
        SampleType::U16 => {
            DecodedImage::U16(layout.gather(data, ordered(is_big_endian, u16::from_le_bytes)))
        }
        other => DecodedImage::F32(match other {
            SampleType::U8 | SampleType::U16 => unreachable!("matched above"),
            SampleType::I8 => layout.gather(data, |[v]| f32::from(v.cast_signed())),
            SampleType::I16 => {
                layout.gather(data, ordered(is_big_endian, |b| f32::from(i16::from_le_bytes(b))))
            }
            SampleType::I32 => {
                layout.gather(data, ordered(is_big_endian, |b| i32::from_le_bytes(b) as f32))
            }
            SampleType::U32 => {
                layout.gather(data, ordered(is_big_endian, |b| u32::from_le_bytes(b) as f32))
            }
            SampleType::I64 => {
                layout.gather(data, ordered(is_big_endian, |b| i64::from_le_bytes(b) as f32))
            }
            SampleType::U64 => {
                layout.gather(data, ordered(is_big_endian, |b| u64::from_le_bytes(b) as f32))
            }
            SampleType::F16 => {
                layout.gather(data, ordered(is_big_endian, |b| f16::from_le_bytes(b).to_f32()))
            }
            SampleType::F32 => layout.gather(data, ordered(is_big_endian, f32::from_le_bytes)),
            SampleType::F64 => {
                layout.gather(data, ordered(is_big_endian, |b| f64::from_le_bytes(b) as f32))
            }
        }),
    }))
}

/// Reads a sample of either byte order by what reads it in little-endian order.
fn ordered<const N: usize, T>(
    is_big_endian: bool,
    little: impl Fn([u8; N]) -> T,
) -> impl Fn([u8; N]) -> T {
    move |mut bytes| {
        if is_big_endian {
            bytes.reverse();
        }
        little(bytes)
    }
}

/// Which axis of the array is height, width, channels.
fn axes(shape: &[u64], layout: NpyLayout) -> Result<[Option<usize>; 3], ImageError> {
    const HWC: [Option<usize>; 3] = [Some(0), Some(1), Some(2)];
    const CHW: [Option<usize>; 3] = [Some(1), Some(2), Some(0)];
    const HCW: [Option<usize>; 3] = [Some(0), Some(2), Some(1)];
    match *shape {
        [h, w] if h.min(w) > 0 => Ok([Some(0), Some(1), None]),
        [a, b, c] if a.min(b).min(c) > 0 => Ok(match layout {
            NpyLayout::Hwc => HWC,
            NpyLayout::Auto if c <= a && c <= b => HWC,
            NpyLayout::Auto if b <= a => HCW,
            NpyLayout::Auto | NpyLayout::Chw => CHW,
        }),
        _ => Err(Format::Npy.unsupported(NpyError::Shape { shape: shape.to_vec() })),
    }
}

impl Layout {
    fn of(header: &Header, layout: NpyLayout) -> Result<Self, ImageError> {
        let shape: Vec<usize> = header.shape.iter().map(|&n| n as usize).collect();
        // C order: the last axis is contiguous. Fortran order: the first one is.
        let step = |axis: usize| -> usize {
            if header.is_fortran { &shape[..axis] } else { &shape[axis + 1..] }.iter().product()
        };
        let [height, width, channels] = axes(&header.shape, layout)?.map(|axis| match axis {
            Some(axis) => (shape[axis], step(axis)),
            None => (1, 0),
        });
        Ok(Self {
            height: height.0,
            width: width.0,
            channels: channels.0,
            row: height.1,
            column: width.1,
            channel: channels.1,
        })
    }

    fn gather<const N: usize, T>(&self, data: &[u8], read: impl Fn([u8; N]) -> T) -> Image<T> {
        let (samples, _) = data.as_chunks();
        let Self { height, width, channels, .. } = *self;
        let mut pixels = Vec::with_capacity(samples.len());
        for y in 0..height {
            for x in 0..width {
                let first = y * self.row + x * self.column;
                pixels.extend((0..channels).map(|c| read(samples[first + c * self.channel])));
            }
        }
        Image { width, height, channels, pixels }
    }
}
