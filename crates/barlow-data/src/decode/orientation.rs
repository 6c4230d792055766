//! Images turned and mirrored as EXIF says, all eight ways.

use ::image::metadata::Orientation;

use crate::Image;

/// The orientation that an EXIF block states; upright where it states none.
///
/// WebP files have the block with or without the six bytes that open it in JPEG.
pub(super) fn of_exif(exif: Option<&[u8]>) -> Orientation {
    let block = exif.map(|block| block.strip_prefix(b"Exif\0\0").unwrap_or(block));
    block.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms)
}

/// Whether rows become columns.
pub(super) fn exchanges_axes(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90FlipH
            | Orientation::Rotate90
            | Orientation::Rotate270FlipH
            | Orientation::Rotate270
    )
}

/// The image turned as `orientation` says.
pub(super) fn apply<T: Copy + Default>(image: Image<T>, orientation: Orientation) -> Image<T> {
    let (w, h) = (image.width, image.height);
    match orientation {
        Orientation::NoTransforms => image,
        Orientation::FlipHorizontal => turned(&image, w, h, |x, y| (w - 1 - x, y)),
        Orientation::Rotate180 => turned(&image, w, h, |x, y| (w - 1 - x, h - 1 - y)),
        Orientation::FlipVertical => turned(&image, w, h, |x, y| (x, h - 1 - y)),
        Orientation::Rotate90FlipH => turned(&image, h, w, |x, y| (y, x)),
        Orientation::Rotate90 => turned(&image, h, w, |x, y| (y, h - 1 - x)),
        Orientation::Rotate270FlipH => turned(&image, h, w, |x, y| (w - 1 - y, h - 1 - x)),
        Orientation::Rotate270 => turned(&image, h, w, |x, y| (w - 1 - y, x)),
    }
}

/// An image of the size given whose pixel (x, y) is the pixel `from(x, y)` of another.
fn turned<T: Copy + Default>(
    image: &Image<T>,
    width: usize,
    height: usize,
    from: impl Fn(usize, usize) -> (usize, usize),
) -> Image<T> {
    let mut pixels = Vec::with_capacity(image.pixels.len());
    for y in 0..height {
        for x in 0..width {
            let (from_x, from_y) = from(x, y);
            pixels.extend_from_slice(image.pixel(from_x, from_y));
        }
    }
    Image { width, height, channels: image.channels, pixels }
}
