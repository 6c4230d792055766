//! Our own decoder of the usual JPEG: one sequential scan of 8 bits by Huffman codes, grey, or YCbCr
//! with chroma at all or half of the columns and rows. Faster than the decoder of all kinds, and to
//! the bit what libjpeg (so Pillow) makes of such a file.
//!
//! Rows of units go one by one through coefficients, samples and pixels, so that what is between
//! stays in a cache. Each thread keeps its tables and buffers. Whatever is not quite right is left to
//! the decoder of all kinds, which says what is wrong with it: this one has no errors.

mod bits;
mod block;
mod coefficients;
mod header;
mod huffman;
mod layout;
mod pixels;

use std::cell::RefCell;

use ::image::metadata::Orientation;
use barlow_kernels::Isa;
use barlow_kernels::jpeg::BlockSide;

use self::bits::Intervals;
use self::coefficients::{Coefficients, Reader};
use self::header::{Header, SLOTS};
use self::huffman::{Definition, Kind, Table};
use self::layout::Layout;
use self::pixels::{Chroma, Samples, complete_rows};
use super::super::stored::Stored;
use super::super::{
    ChooseReduction, DecodeOptions, ImageError, ReducedImage, Reduction, orientation,
};
use super::BYTES_PER_PIXEL;
use crate::{DecodedImage, Image};

thread_local! {
    static DECODER: RefCell<Decoder> = RefCell::default();
}

/// Decodes an image, reduced as `choose` says where that is wanted; `None` if it is not of the usual
/// kind, or corrupt.
///
/// # Errors
/// If the image is larger than `options` allow.
pub(super) fn decode(
    bytes: &[u8],
    options: &DecodeOptions,
    choose: &ChooseReduction<'_>,
) -> Result<Option<ReducedImage>, ImageError> {
    let Some(header) = Header::read(bytes) else {
        return Ok(None);
    };
    options.check_size(header.width as u64, header.height as u64, BYTES_PER_PIXEL)?;
    let orientation = orientation::of_exif(header.exif);
    let is_turned = options.orientation && orientation != Orientation::NoTransforms;
    let mut whole_size = [header.width, header.height];
    if is_turned && orientation::exchanges_axes(orientation) {
        whole_size.reverse();
    }
    let reduction = if options.scale_down { choose(whole_size) } else { Reduction::None };
    // The last pixels, if they reach beyond the end, must not become the first.
    let is_even = |by: &Reduction| whole_size.iter().all(|length| length % by.divisor() == 0);
    let reduction = Reduction::ALL
        .into_iter()
        .find(|by| *by <= reduction && (!is_turned || is_even(by)))
        .unwrap_or_default();
    let decoded = DECODER.with_borrow_mut(|it| it.decode(&header, reduction.block_side()));
    let Some(image) = decoded else {
        return Ok(None);
    };
    let stored = Stored { orientation, ..Stored::plain(DecodedImage::U8(image)) };
    Ok(Some(ReducedImage { image: stored.finish(options)?, whole_size, reduction }))
}

/// Tables and buffers, kept from image to image.
#[derive(Debug, Default)]
struct Decoder {
    tables: [[Option<Table>; SLOTS]; 2],
    intervals: Intervals,
    coefficients: [Coefficients; 3],
    samples: [Samples; 3],
    chroma: Chroma,
}

impl Decoder {
    fn decode(&mut self, header: &Header<'_>, side: BlockSide) -> Option<Image> {
        for ((tables, definitions), kind) in
            self.tables.iter_mut().zip(&header.codes).zip([Kind::Dc, Kind::Ac])
        {
            for (table, definition) in tables.iter_mut().zip(definitions) {
                renew(table, definition.as_ref(), kind)?;
            }
        }
        self.intervals.fill(header.data)?;
        let layout = Layout::new(header, side);
        let channels = header.channels;
        for ((coefficients, samples), plane) in
            self.coefficients.iter_mut().zip(&mut self.samples).zip(&layout.planes[..channels])
        {
            coefficients.reset(plane.groups * plane.blocks[1]);
            samples.reset(plane);
        }
        let pixels = self.pixels(header, &layout);
        self.intervals.give_back();
        let Layout { width, height, .. } = layout;
        Some(Image { width, height, channels, pixels: pixels? })
    }

    fn pixels(&mut self, header: &Header<'_>, layout: &Layout) -> Option<Vec<u8>> {
        let isa = Isa::best();
        let components = &header.components[..header.channels];
        let [dc, ac] = &self.tables;
        let mut tables = Vec::with_capacity(components.len());
        for component in components {
            let [dc_slot, ac_slot] = component.slots;
            tables.push([dc[dc_slot].as_ref()?, ac[ac_slot].as_ref()?]);
        }
        let units = layout.units[0].saturating_mul(layout.units[1]);
        let interval = if header.restart_interval == 0 { units } else { header.restart_interval };
        let mut reader = Reader::new(&self.intervals, &tables, interval);
        let row_bytes = layout.width * header.channels;
        let mut pixels = vec![0; row_bytes * layout.height];
        let mut rows = pixels.chunks_exact_mut(row_bytes).enumerate();
        for unit_row in 0..layout.units[1] {
            reader.read_row(layout, &mut self.coefficients)?;
            for (((samples, plane), coefficients), component) in self
                .samples
                .iter_mut()
                .zip(&layout.planes)
                .zip(&mut self.coefficients)
                .zip(components)
            {
                samples.transform(isa, plane, coefficients, &component.steps);
            }
            let end = complete_rows(layout, unit_row);
            let done = layout.height - rows.len();
            for (y, pixels) in rows.by_ref().take(end - done) {
                if header.channels == 1 {
                    self.samples[0].copy_row(layout, unit_row, y, pixels);
                } else {
                    self.chroma.write_row(isa, layout, &self.samples, unit_row, y, pixels);
                }
            }
        }
        Some(pixels)
    }
}

/// Makes a table be of a definition; `None` if that is not one.
fn renew(table: &mut Option<Table>, definition: Option<&Definition>, kind: Kind) -> Option<()> {
    match definition {
        // Most files have the same tables.
        Some(definition) if table.as_ref().is_some_and(|table| table.is_of(definition)) => {}
        Some(definition) => *table = Some(Table::new(definition, kind)?),
        None => *table = None,
    }
    Some(())
}

#[cfg(test)]
mod tests;
