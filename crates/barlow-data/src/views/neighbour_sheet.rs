//! Images beside the images that an encoder finds most similar, for a person to judge.
//!
//! Each line holds one query, a gap, and its neighbours, most similar first. The bar below a
//! neighbour is as long as its similarity: the width of the cell at 1, nothing at 0 and below.

use super::sheet::{
    BACKGROUND, GAP_PX, LINE_GAP_PX, MARGIN_PX, ORIGINAL_GAP_PX, SEPARATOR, fill, place,
};
use crate::Image;

/// One image and its neighbours.
#[derive(Debug, Clone, PartialEq)]
pub struct NeighbourRow {
    /// The image whose neighbours these are, 8-bit, of any number of channels.
    pub query: Image,
    /// Images with their similarity (cosine, -1..1), most similar first.
    pub neighbours: Vec<(Image, f64)>,
}

/// The bar, and what is left free above it.
const BAR_PX: usize = 4;
/// Filled part of a bar.
const BAR: u8 = 60;

/// Draws every query with its neighbours, one line each, in square cells of `cell_px` pixels.
///
/// # Range
/// 3 channels. No row at all still gives an image. Similarities that are not finite have no bar.
///
/// # Panics
/// If `cell_px` is 0, or an image has no pixel.
pub fn neighbour_sheet(rows: &[NeighbourRow], cell_px: usize) -> Image {
    assert!(cell_px > 0, "a cell of no pixels shows nothing");
    let most = rows.iter().map(|row| row.neighbours.len()).max().unwrap_or(0);
    let neighbours_width = match most {
        0 => 0,
        _ => ORIGINAL_GAP_PX + most * (cell_px + GAP_PX) - GAP_PX,
    };
    let pitch = cell_px + 2 * BAR_PX + LINE_GAP_PX;
    let width = cell_px + neighbours_width + 2 * MARGIN_PX;
    let height = (rows.len() * pitch + 2 * MARGIN_PX).saturating_sub(LINE_GAP_PX);
    let mut sheet = Image::new(width, height, 3);
    sheet.pixels.fill(BACKGROUND);

    for (line, row) in rows.iter().enumerate() {
        let y = MARGIN_PX + line * pitch;
        place(&mut sheet, &row.query, [MARGIN_PX, y], cell_px);
        for (rank, (image, similarity)) in row.neighbours.iter().enumerate() {
            let x = MARGIN_PX + cell_px + ORIGINAL_GAP_PX + rank * (cell_px + GAP_PX);
            place(&mut sheet, image, [x, y], cell_px);
            let bar = y + cell_px + BAR_PX;
            // A NaN becomes 0 in the cast.
            let length = (similarity.clamp(0.0, 1.0) * cell_px as f64).round() as usize;
            fill(&mut sheet, [x, bar], [cell_px, BAR_PX], SEPARATOR);
            fill(&mut sheet, [x, bar], [length, BAR_PX], BAR);
        }
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(value: u8) -> Image {
        Image { width: 10, height: 10, channels: 1, pixels: vec![value; 100] }
    }

    #[test]
    fn every_neighbour_is_on_the_line_of_its_query_in_order_of_rank() {
        let row = |first: u8| NeighbourRow {
            query: flat(first),
            neighbours: (1..=5).map(|rank| (flat(first + rank), 0.5)).collect(),
        };
        let cell = 20;
        let sheet = neighbour_sheet(&[row(100), row(110), row(120)], cell);
        let centre = |line: usize, x: usize| {
            let y = MARGIN_PX + line * (cell + 2 * BAR_PX + LINE_GAP_PX) + cell / 2;
            sheet.pixel(x, y)[0]
        };
        for line in 0..3 {
            let first = 100 + 10 * line as u8;
            assert_eq!(centre(line, MARGIN_PX + cell / 2), first);
            for rank in 0..5 {
                let x = MARGIN_PX + cell + ORIGINAL_GAP_PX + rank * (cell + GAP_PX) + cell / 2;
                assert_eq!(centre(line, x), first + 1 + rank as u8, "line {line}, rank {rank}");
            }
        }
    }

    #[test]
    fn bars_are_as_long_as_similarities() {
        let cell = 40;
        for (similarity, expected) in
            [(1.0, 40), (0.5, 20), (0.0, 0), (-0.7, 0), (1.2, 40), (f64::NAN, 0)]
        {
            let row = NeighbourRow { query: flat(9), neighbours: vec![(flat(9), similarity)] };
            let sheet = neighbour_sheet(&[row], cell);
            let dark = sheet.pixels.split(|&v| v == BAR).count() - 1;
            assert_eq!(dark, expected * BAR_PX * 3, "similarity {similarity}");
        }
    }

    #[test]
    fn no_query_and_no_neighbour_still_give_a_sheet() {
        let empty = neighbour_sheet(&[], 20);
        assert!(empty.pixels.iter().all(|&v| v == BACKGROUND));
        let alone = neighbour_sheet(&[NeighbourRow { query: flat(9), neighbours: vec![] }], 20);
        assert_eq!(alone.pixels.split(|&v| v == 9).count() - 1, 20 * 20 * 3);
    }
}
