//! How files become samples, as a user sets it, and what is refused.

use serde::{Deserialize, Serialize};

/// How files become samples.
///
/// All numbers are limits on what one file may ask for; they are checked before memory is taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DecodeOptions {
    /// What becomes of alpha (default: dropped, as by PIL's `convert("RGB")`).
    pub alpha: Alpha,
    /// The grey that [`Alpha::Composite`] lays images over, 0 (black) to 1 (white, the default,
    /// what pages and slides show behind images); numbers of no fixed range take it as it is.
    pub alpha_background: f32,
    /// Whether an EXIF or TIFF orientation is applied, so that images stand as their makers saw
    /// them (default: yes; torchvision's `ImageFolder` does not).
    pub orientation: bool,
    /// Whether JPEGs are decoded at a half, a quarter or an eighth of their width and height where
    /// no view needs more, which is faster (default: no, because views are then no longer those of
    /// Pillow to the bit; see
    /// [`ViewPipeline::reduction`](crate::views::ViewPipeline::reduction)). Of no effect on
    /// evaluation, and where decoded images are kept.
    pub scale_down: bool,
    /// What becomes of the pages of a TIFF (default: the first one is read).
    pub pages: Pages,
    /// How the axes of `.npy` arrays lie (default: found out).
    pub npy_layout: NpyLayout,
    /// The largest file that is read, in bytes (default 64 MiB).
    pub max_file_bytes: u64,
    /// The largest image that is decoded, in pixels as its header declares them (default 64
    /// million). Samples may take [`BYTES_PER_PIXEL`] times as many bytes.
    pub max_pixels: u64,
    /// The most scans of a progressive JPEG (default 100; encoders make about 10), because each
    /// costs as much time as the whole image.
    pub max_scans: usize,
    /// The most pages of a TIFF that are looked for (default 4096, a long stack of slices).
    pub max_pages: usize,
}

/// What becomes of alpha.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alpha {
    /// Colour as it is stored, also where it is transparent.
    #[default]
    Drop,
    /// Colour over a background: `alpha * colour + (1 - alpha) * background`.
    Composite,
}

/// What becomes of the pages of a TIFF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pages {
    /// The first is the image.
    #[default]
    First,
    /// All together are one image: channels side by side, first page first. Pages must agree in
    /// size and depth.
    Channels,
    /// Each is an image of its own: see [`count_pages`](super::count_pages).
    Samples,
}

/// How the axes of a `.npy` array of three dimensions lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NpyLayout {
    /// The smallest dimension is the channels; the last, where several are.
    #[default]
    Auto,
    /// `[height, width, channels]`.
    Hwc,
    /// `[channels, height, width]`.
    Chw,
}

/// Samples of a decoded image take at most this many bytes for each pixel of
/// [`DecodeOptions::max_pixels`]: 16-bit RGBA. Images with more in a pixel must have fewer pixels.
pub const BYTES_PER_PIXEL: u64 = 8;

impl Default for DecodeOptions {
    fn default() -> Self {
        Self {
            alpha: Alpha::Drop,
            alpha_background: 1.0,
            orientation: true,
            scale_down: false,
            pages: Pages::First,
            npy_layout: NpyLayout::Auto,
            max_file_bytes: 64 << 20,
            max_pixels: 64_000_000,
            max_scans: 100,
            max_pages: 4096,
        }
    }
}
