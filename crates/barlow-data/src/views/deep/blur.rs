//! Gaussian blur of f32 planes: three extended box filters per direction, as on 8-bit images, but
//! with f64 sums and no rounding in between.
//!
//! Gwosdek, Grewenig, Bruhn, Weickert: Theoretical foundations of Gaussian convolution by extended
//! box filtering, SSVM 2011, equations 7, 11 and 14.

/// Passes per direction.
const PASSES: usize = 3;

/// Buffers of [`blur`], kept from image to image.
#[derive(Debug, Default)]
pub(super) struct BlurScratch {
    lines: Vec<f32>,
    sums: Vec<f64>,
}

/// Blurs one square plane of side `side` by a standard deviation of `sigma` pixels; 0 changes
/// nothing. The pixels at the edges are repeated outside.
pub(super) fn blur(plane: &mut [f32], side: usize, sigma: f64, scratch: &mut BlurScratch) {
    let filter = BoxFilter::new(sigma);
    if filter.outer == 0.0 && filter.radius == 0 {
        return;
    }
    let BlurScratch { lines, sums } = scratch;
    lines.resize(plane.len(), 0.0);
    // Down the columns, then, turned over, along the rows: a pass works on whole rows at a time.
    for _ in 0..2 {
        for _ in 0..PASSES {
            filter.run(plane, side, sums, lines);
            plane.copy_from_slice(lines);
        }
        transpose(lines, side, plane);
    }
}

fn transpose(plane: &[f32], side: usize, out: &mut [f32]) {
    for (x, column) in out.chunks_exact_mut(side).enumerate() {
        for (value, row) in column.iter_mut().zip(plane.chunks_exact(side)) {
            *value = row[x];
        }
    }
}

/// An extended box filter along columns.
#[derive(Debug, Clone, Copy)]
struct BoxFilter {
    /// Whole radius.
    radius: usize,
    /// Weight of the inner `2 radius + 1` rows.
    inner: f64,
    /// Weight of the two rows beside them.
    outer: f64,
}

impl BoxFilter {
    /// The box of which three in a row have variance `sigma` squared.
    fn new(sigma: f64) -> Self {
        let variance = sigma * sigma / PASSES as f64;
        let radius = (((12.0 * variance + 1.0).sqrt() - 1.0) / 2.0).floor();
        let next = radius + 1.0;
        let part = (2.0 * radius + 1.0) * (radius * next - 3.0 * variance)
            / (6.0 * (variance - next * next));
        let length = 2.0 * (radius + part) + 1.0;
        Self { radius: radius as usize, inner: 1.0 / length, outer: part / length }
    }

    /// Filters every column of rows that are `width` long.
    fn run(self, rows: &[f32], width: usize, sums: &mut Vec<f64>, out: &mut [f32]) {
        let last = rows.len() / width - 1;
        let row = |y: usize| &rows[y.min(last) * width..][..width];
        let above = |y: usize, by: usize| row(y.saturating_sub(by));
        // The sum of the box around the row above the first, all outside rows being the first.
        let repeated = self.radius as f64 + 1.0;
        sums.clear();
        sums.extend(row(0).iter().map(|&v| f64::from(v) * repeated));
        for y in 0..self.radius {
            for (sum, &v) in sums.iter_mut().zip(row(y)) {
                *sum += f64::from(v);
            }
        }
        for (y, out) in out.chunks_exact_mut(width).enumerate() {
            // Row y-r-1 leaves the box and becomes its upper neighbour; row y+r enters.
            let (leaving, entering, next) =
                (above(y, self.radius + 1), row(y + self.radius), row(y + self.radius + 1));
            let samples = leaving.iter().zip(entering).zip(next);
            for ((out, sum), ((&leaving, &entering), &next)) in
                out.iter_mut().zip(&mut *sums).zip(samples)
            {
                *sum += f64::from(entering) - f64::from(leaving);
                let outside = f64::from(leaving) + f64::from(next);
                *out = (*sum * self.inner + outside * self.outer) as f32;
            }
        }
    }
}
