//! The contact sheet: what training will see, for a person to judge.
//!
//! Each row of the sheet holds several groups side by side; a group is one image followed by its
//! views, every one in a cell of its own. Small images are enlarged by a whole factor so that their
//! pixels stay visible as they are; large ones shrink to fit, each view by itself. One channel, or
//! the first of two, is shown as grey, the first three of more as red, green and blue.

use super::crop::CropBox;
use super::filter::Filter;
use super::resize::{Region, ResizeScratch, resize};
use crate::Image;

/// One image and its views.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SheetRow {
    /// The image as decoded, 8-bit, of any number of channels.
    pub original: Image,
    /// Its views, 8-bit, in order, each of its own size.
    pub views: Vec<Image>,
}

/// Paper.
pub(super) const BACKGROUND: u8 = 255;
/// Lines between groups.
pub(super) const SEPARATOR: u8 = 190;
/// Behind images that do not fill their cell.
const CELL: u8 = 236;
/// Between a group's cells.
pub(super) const GAP_PX: usize = 4;
/// Between the lines of the sheet.
pub(super) const LINE_GAP_PX: usize = 8;
/// Between an original and its views: enough to tell them apart.
pub(super) const ORIGINAL_GAP_PX: usize = 10;
/// Between groups, and around all; the separator runs in its middle.
pub(super) const MARGIN_PX: usize = 16;

/// Draws originals and views in square cells of `cell_px` pixels, in so many columns that the sheet
/// comes out about as wide as high, or somewhat wider.
///
/// # Range
/// 3 channels. One row without views, or no row at all, still gives an image.
///
/// # Panics
/// If `cell_px` is 0, or an image has no pixel.
pub fn contact_sheet(rows: &[SheetRow], cell_px: usize) -> Image {
    assert!(cell_px > 0, "a cell of no pixels shows nothing");
    let views = rows.iter().map(|row| row.views.len()).max().unwrap_or(0);
    let views_width = match views {
        0 => 0,
        _ => ORIGINAL_GAP_PX + views * (cell_px + GAP_PX) - GAP_PX,
    };
    let group_width = cell_px + views_width;
    let pitch = [group_width + MARGIN_PX, cell_px + LINE_GAP_PX];
    let columns = columns(rows.len(), pitch);
    let lines = rows.len().div_ceil(columns);
    let width = columns * pitch[0] + MARGIN_PX;
    let height = lines * pitch[1] + 2 * MARGIN_PX - if lines > 0 { LINE_GAP_PX } else { 0 };
    let mut sheet = Image::new(width, height, 3);
    sheet.pixels.fill(BACKGROUND);

    for column in 1..columns {
        let x = column * pitch[0] + MARGIN_PX / 2;
        fill(&mut sheet, [x, MARGIN_PX], [1, height - 2 * MARGIN_PX], SEPARATOR);
    }
    for (number, row) in rows.iter().enumerate() {
        let x = MARGIN_PX + number % columns * pitch[0];
        let y = MARGIN_PX + number / columns * pitch[1];
        place(&mut sheet, &row.original, [x, y], cell_px);
        for (view, image) in row.views.iter().enumerate() {
            let x = x + cell_px + ORIGINAL_GAP_PX + view * (cell_px + GAP_PX);
            place(&mut sheet, image, [x, y], cell_px);
        }
    }
    sheet
}

/// The fewest columns that make the sheet at least as wide as high.
fn columns(rows: usize, [width, height]: [usize; 2]) -> usize {
    (1..=rows.max(1))
        .find(|&columns| columns * width >= rows.div_ceil(columns) * height)
        .unwrap_or(1)
}

/// Draws an image into the middle of the cell whose corner is given.
pub(super) fn place(sheet: &mut Image, image: &Image, [x, y]: [usize; 2], cell_px: usize) {
    fill(sheet, [x, y], [cell_px, cell_px], CELL);
    let fitted = fit(&shown(image), cell_px);
    let (x, y) = (x + (cell_px - fitted.width) / 2, y + (cell_px - fitted.height) / 2);
    for (row, pixels) in fitted.pixels.chunks_exact(fitted.width * 3).enumerate() {
        let start = ((y + row) * sheet.width + x) * 3;
        sheet.pixels[start..start + pixels.len()].copy_from_slice(pixels);
    }
}

/// The channels that are shown.
fn shown(image: &Image) -> Image {
    let colour = |pixel: &[u8]| match *pixel {
        [red, green, blue, ..] => [red, green, blue],
        [grey, ..] => [grey; 3],
        [] => [0; 3],
    };
    let pixels = image.pixels.chunks_exact(image.channels).flat_map(colour).collect();
    Image { channels: 3, pixels, ..*image }
}

/// The image enlarged by the largest whole factor, or shrunk, to fit into a square.
fn fit(image: &Image, cell_px: usize) -> Image {
    let longer = image.width.max(image.height);
    let factor = cell_px / longer;
    if factor >= 1 {
        return enlarge(image, factor);
    }
    let scaled = |side: usize| (side * cell_px / longer).max(1);
    let (width, height) = (scaled(image.width), scaled(image.height));
    let region = Region::whole(&image.pixels, [image.width, image.height], 3);
    let mut shrunk = Image { width, height, channels: 3, pixels: Vec::new() };
    let window = CropBox { left: 0, top: 0, width, height };
    let mut scratch = ResizeScratch::default();
    resize(region, Filter::Bicubic, [width, height], window, &mut scratch, &mut shrunk.pixels);
    shrunk
}

/// Every pixel `factor` by `factor` times.
fn enlarge(image: &Image, factor: usize) -> Image {
    let mut large = Image::new(image.width * factor, image.height * factor, 3);
    let row_samples = large.width * 3;
    for (y, row) in large.pixels.chunks_exact_mut(row_samples).enumerate() {
        for (x, pixel) in row.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            pixel.copy_from_slice(image.pixel(x / factor, y / factor));
        }
    }
    large
}

/// Paints a rectangle grey.
pub(super) fn fill(sheet: &mut Image, [x, y]: [usize; 2], [width, height]: [usize; 2], grey: u8) {
    for row in y..y + height {
        let start = (row * sheet.width + x) * 3;
        sheet.pixels[start..start + width * 3].fill(grey);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(width: usize, height: usize, channels: usize, value: u8) -> Image {
        Image { width, height, channels, pixels: vec![value; width * height * channels] }
    }

    #[test]
    fn small_images_grow_by_whole_factors_and_large_ones_shrink_to_fit() {
        for (width, height, expected) in [
            (28, 28, [84, 84]),
            (32, 16, [96, 48]),
            (96, 96, [96, 96]),
            (97, 10, [96, 9]),
            (500, 333, [96, 63]),
            (3000, 2, [96, 1]),
            (1, 1, [96, 96]),
        ] {
            let fitted = fit(&flat(width, height, 3, 7), 96);
            assert_eq!([fitted.width, fitted.height], expected, "{width} by {height}");
            assert!(fitted.pixels.iter().all(|&v| v == 7));
        }
    }

    #[test]
    fn the_first_channels_are_shown_and_fewer_than_three_as_grey() {
        for (pixel, expected) in [
            (&[9][..], [9, 9, 9]),
            (&[9, 7], [9, 9, 9]),
            (&[9, 7, 5], [9, 7, 5]),
            (&[9, 7, 5, 3], [9, 7, 5]),
            (&[9, 7, 5, 3, 1, 0, 2], [9, 7, 5]),
        ] {
            let pixels = pixel.repeat(2);
            let image = Image { width: 2, height: 1, channels: pixel.len(), pixels };
            let sheet = contact_sheet(&[SheetRow { original: image, views: vec![] }], 2);
            // Enlarged to 2 by 1 in the middle of a cell of 2 by 2.
            let place = |x, y| sheet.pixel(MARGIN_PX + x, MARGIN_PX + y);
            assert_eq!([place(0, 0), place(1, 0)], [&expected; 2], "{pixel:?}");
        }
    }

    #[test]
    fn every_image_of_every_row_is_on_the_sheet() {
        let cell = 20;
        for rows in 0..12u8 {
            let rows: Vec<SheetRow> = (0..rows)
                .map(|n| SheetRow {
                    original: flat(10, 10, 1, 3 * n),
                    views: vec![flat(20, 20, 3, 3 * n + 1), flat(40, 40, 3, 3 * n + 2)],
                })
                .collect();
            let sheet = contact_sheet(&rows, cell);
            assert_eq!(sheet.pixels.len(), sheet.width * sheet.height * 3);
            for value in 0..3 * rows.len() as u8 {
                let count = sheet.pixels.split(|&v| v == value).count() - 1;
                assert_eq!(count, cell * cell * 3, "value {value} of {} rows", rows.len());
            }
        }
    }
}
