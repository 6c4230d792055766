//! Which format a file has, by its first bytes.

use super::ImageError;

/// A format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Jpeg,
    Png,
    Tiff,
    WebP,
    Bmp,
    Gif,
    Pnm,
    Npy,
}

const JPEG: &[u8] = b"\xff\xd8\xff";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
const NPY: &[u8] = b"\x93NUMPY";

impl Format {
    /// The format of a file that begins with `bytes` (16 are enough).
    ///
    /// # Errors
    /// If it is none, or one that is not read, or too short to tell.
    pub(super) fn of(bytes: &[u8]) -> Result<Self, ImageError> {
        const BEGINNINGS: [(&[u8], Format); 10] = [
            (JPEG, Format::Jpeg),
            (PNG, Format::Png),
            (b"II*\0", Format::Tiff),
            (b"MM\0*", Format::Tiff),
            (b"II+\0", Format::Tiff),
            (b"MM\0+", Format::Tiff),
            (b"BM", Format::Bmp),
            (b"GIF87a", Format::Gif),
            (b"GIF89a", Format::Gif),
            (NPY, Format::Npy),
        ];
        const OTHERS: [(&[u8], &str); 7] = [
            (b"\0\0\x01\0", "ICO"),
            (b"8BPS", "Photoshop"),
            (b"\0\0\0\x0cjP  ", "JPEG 2000"),
            (b"\xff\x0a", "JPEG XL"),
            (b"\x89HDF", "HDF5"),
            (b"SIMPLE  ", "FITS"),
            (b"qoif", "QOI"),
        ];
        const SOME_BYTES: usize = 8;
        if let Some((_, format)) = BEGINNINGS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
            return Ok(*format);
        }
        match bytes {
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => {
                return Ok(Self::WebP);
            }
            [b'P', b'1'..=b'7', b' ' | b'\t' | b'\r' | b'\n' | b'#', ..] => return Ok(Self::Pnm),
            _ => {}
        }
        if [JPEG, PNG, NPY].iter().any(|magic| magic.starts_with(bytes)) {
            return Err(ImageError::Truncated { bytes: bytes.len() });
        }
        let other = OTHERS.iter().find(|(magic, _)| bytes.starts_with(magic));
        let format = match (other, bytes) {
            (Some((_, format)), _) => format,
            (None, [_, _, _, _, b'f', b't', b'y', b'p', ..]) => "HEIF",
            (None, _) => {
                let first_bytes = bytes[..bytes.len().min(SOME_BYTES)].to_vec();
                return Err(ImageError::NotAnImage { first_bytes });
            }
        };
        Err(ImageError::UnsupportedFormat { format })
    }

    /// The name, for messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Tiff => "TIFF",
            Self::WebP => "WebP",
            Self::Bmp => "BMP",
            Self::Gif => "GIF",
            Self::Pnm => "PNM",
            Self::Npy => "npy",
        }
    }

    /// The data contradict the format.
    pub(super) fn corrupt(self, source: impl Into<super::DecoderError>) -> ImageError {
        ImageError::Corrupt { format: self.name(), source: source.into() }
    }

    /// The data use something that is not read here.
    pub(super) fn unsupported(self, source: impl Into<super::DecoderError>) -> ImageError {
        ImageError::UnsupportedFeature { format: self.name(), source: source.into() }
    }
}
