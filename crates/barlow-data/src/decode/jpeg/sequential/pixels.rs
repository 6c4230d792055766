//! Rows of samples of each component to rows of pixels.

use barlow_kernels::Isa;
use barlow_kernels::jpeg::{
    BlockSide, double_columns, double_columns_smoothly, double_smoothly, mix_rows, rgb_of_ycbcr,
    transform_blocks,
};

use super::coefficients::Coefficients;
use super::layout::{Layout, Plane};

/// The samples of a component in one row of units, and the row above them.
#[derive(Debug, Default)]
pub(super) struct Samples {
    samples: Vec<u8>,
}

impl Samples {
    /// Makes room for rows of units.
    pub(super) fn reset(&mut self, plane: &Plane) {
        self.samples.clear();
        self.samples.resize((1 + plane.unit_rows()) * plane.pitch(), 0);
    }

    /// Transforms a row of units; what was its last row of samples becomes the one above.
    pub(super) fn transform(
        &mut self,
        isa: Isa,
        plane: &Plane,
        coefficients: &mut Coefficients,
        steps: &[i16; 64],
    ) {
        let (pitch, rows) = (plane.pitch(), plane.unit_rows());
        self.samples.copy_within(rows * pitch..(rows + 1) * pitch, 0);
        let blocks = coefficients
            .groups
            .chunks_exact_mut(plane.groups)
            .zip(coefficients.reaches.chunks_exact(plane.groups));
        let lines = self.samples[pitch..].chunks_exact_mut(plane.side.samples() * pitch);
        for ((groups, reaches), lines) in blocks.zip(lines) {
            transform_blocks(isa, plane.side, groups, reaches, steps, lines, pitch);
        }
    }

    /// Copies row `y` of the image, which is complete in row `unit_row` of units.
    pub(super) fn copy_row(&self, layout: &Layout, unit_row: usize, y: usize, out: &mut [u8]) {
        let plane = &layout.planes[0];
        out.copy_from_slice(self.row(plane, y, unit_row * plane.unit_rows()));
    }

    /// Row `y` of the plane, where `first` is the first of the row of units.
    fn row(&self, plane: &Plane, y: usize, first: usize) -> &[u8] {
        &self.samples[(y + 1 - first) * plane.pitch()..][..plane.width]
    }
}

/// The rows of pixels that are complete once a row of units is.
///
/// Where chroma has half the rows, the last row of pixels waits for the row of chroma below.
pub(super) fn complete_rows(layout: &Layout, unit_row: usize) -> usize {
    let is_last = unit_row + 1 == layout.units[1];
    let end = (unit_row + 1) * layout.planes[0].unit_rows();
    let waits = layout.planes[1].factors[1] == 2;
    if is_last { layout.height } else { end - usize::from(waits) }
}

/// Chroma at the size of luma.
#[derive(Debug, Default)]
pub(super) struct Chroma {
    rows: [Vec<u8>; 2],
}

impl Chroma {
    /// Writes row `y` of the image, which is complete in row `unit_row` of units, as pixels.
    pub(super) fn write_row(
        &mut self,
        isa: Isa,
        layout: &Layout,
        samples: &[Samples; 3],
        unit_row: usize,
        y: usize,
        pixels: &mut [u8],
    ) {
        let [luma, ..] = &layout.planes;
        let luma = samples[0].row(luma, y, unit_row * luma.unit_rows());
        for ((enlarged, samples), plane) in
            self.rows.iter_mut().zip(&samples[1..]).zip(&layout.planes[1..])
        {
            // Half of an odd number of columns is rounded up.
            enlarged.resize(plane.width * plane.factors[0], 0);
            enlarge(isa, plane, samples, unit_row, y, layout.planes[0].side, enlarged);
        }
        let [cb, cr] = self.rows.each_ref().map(|row| &row[..luma.len()]);
        rgb_of_ycbcr(isa, [luma, cb, cr], pixels);
    }
}

/// Writes the chroma that belongs to row `y` of luma.
fn enlarge(
    isa: Isa,
    plane: &Plane,
    samples: &Samples,
    unit_row: usize,
    y: usize,
    luma_side: BlockSide,
    out: &mut [u8],
) {
    let first = unit_row * plane.unit_rows();
    let near = y / plane.factors[1];
    // Above the first and below the last row, these again.
    let is_above = y.is_multiple_of(2);
    let far = if is_above { near.saturating_sub(1) } else { (near + 1).min(plane.height - 1) };
    let near_row = samples.row(plane, near, first);
    let far_row = || samples.row(plane, far, first);
    // What libjpeg holds to be worth a filter.
    let is_smooth = luma_side > BlockSide::One;
    let is_wide = plane.width > 2;
    match plane.factors {
        [2, 2] if is_smooth && is_wide => double_smoothly(isa, near_row, far_row(), out),
        [2, 1] if is_smooth && is_wide => double_columns_smoothly(isa, near_row, out),
        [1, 2] if is_smooth => {
            let bias = if is_above { 1 } else { 2 };
            mix_rows(isa, near_row, far_row(), bias, out);
        }
        [2, _] => double_columns(isa, near_row, out),
        _ => out.copy_from_slice(near_row),
    }
}
