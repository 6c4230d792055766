//! Gaussian blur as Pillow does it, bit for bit: three extended box filters per direction.
//!
//! A box of fractional radius is a box of whole radius r whose two next neighbours count in part,
//! with weights of 24 fractional bits and the edge pixel repeated outside. Three of them come close
//! to a Gaussian at a cost that does not grow with its width. Both directions run as vertical
//! passes, the horizontal one between two transpositions, because a vertical pass works on whole
//! rows at a time. The tests compare with Pillow.
//!
//! Gwosdek, Grewenig, Bruhn, Weickert: Theoretical foundations of Gaussian convolution by extended
//! box filtering, SSVM 2011, equations 7, 11 and 14.

/// Passes per direction.
const PASSES: usize = 3;

/// Buffers of [`blur`], kept from image to image.
#[derive(Debug, Default)]
pub(super) struct BlurScratch {
    turned: Vec<u8>,
    other: Vec<u8>,
    sums: Vec<u32>,
}

/// Blurs interleaved pixels of 1 or 3 channels by a standard deviation of `sigma` pixels; 0 changes
/// nothing.
///
/// # Source
/// Pillow's `ImageFilter.GaussianBlur`.
pub(super) fn blur(
    pixels: &mut Vec<u8>,
    [width, height]: [usize; 2],
    channels: usize,
    sigma: f64,
    scratch: &mut BlurScratch,
) {
    let radius = box_radius(sigma as f32);
    if radius == 0.0 {
        return;
    }
    let BlurScratch { turned, other, sums } = scratch;
    turned.resize(pixels.len(), 0);
    other.resize(pixels.len(), 0);
    transpose(pixels, [width, height], channels, turned);
    let filter = BoxFilter::new(radius);
    for _ in 0..PASSES {
        filter.run(turned, height * channels, sums, other);
        std::mem::swap(turned, other);
    }
    transpose(turned, [height, width], channels, pixels);
    for _ in 0..PASSES {
        filter.run(pixels, width * channels, sums, other);
        std::mem::swap(pixels, other);
    }
}

/// The radius of the extended box of which three in a row have variance `sigma` squared.
fn box_radius(sigma: f32) -> f32 {
    let variance = sigma * sigma / PASSES as f32;
    let length = (12.0 * f64::from(variance) + 1.0).sqrt() as f32;
    let whole = ((f64::from(length) - 1.0) / 2.0).floor() as f32;
    let next = whole + 1.0;
    let part =
        (2.0 * whole + 1.0) * (whole * next - 3.0 * variance) / (6.0 * (variance - next * next));
    whole + part
}

/// Rows to columns, pixels kept whole.
fn transpose(pixels: &[u8], [width, height]: [usize; 2], channels: usize, out: &mut [u8]) {
    match channels {
        1 => transpose_pixels::<1>(pixels, [width, height], out),
        _ => transpose_pixels::<3>(pixels, [width, height], out),
    }
}

fn transpose_pixels<const CHANNELS: usize>(
    pixels: &[u8],
    [width, height]: [usize; 2],
    out: &mut [u8],
) {
    let (pixels, _) = pixels.as_chunks::<CHANNELS>();
    let (out, _) = out.as_chunks_mut::<CHANNELS>();
    for (x, column) in out.chunks_exact_mut(height).enumerate() {
        for (y, pixel) in column.iter_mut().enumerate() {
            *pixel = pixels[y * width + x];
        }
    }
}

/// An extended box filter along columns.
#[derive(Debug, Clone, Copy)]
struct BoxFilter {
    /// Whole radius.
    radius: usize,
    /// Weight of the inner `2 radius + 1` rows, 24 fractional bits.
    inner: u32,
    /// Weight of the two rows beside them.
    outer: u32,
}

impl BoxFilter {
    fn new(radius: f32) -> Self {
        let one = 1u32 << 24;
        let whole = radius as u32;
        let inner = (one as f32 / (radius * 2.0 + 1.0)) as u32;
        let outer = (one - (whole * 2 + 1) * inner) / 2;
        Self { radius: whole as usize, inner, outer }
    }

    /// Filters every column of `rows`, which are `samples` long.
    fn run(self, rows: &[u8], samples: usize, sums: &mut Vec<u32>, out: &mut [u8]) {
        let last = rows.len() / samples - 1;
        let row = |y: usize| &rows[y * samples..][..samples];
        let below = |y: usize| row(y.min(last));
        let above = |y: usize, by: usize| row(y.saturating_sub(by));
        // The sum of the box around the row above the first, all outside rows being the first.
        let repeated = self.radius as u32 + 1;
        sums.clear();
        sums.extend(row(0).iter().map(|&v| u32::from(v) * repeated));
        for y in 0..self.radius {
            for (sum, &v) in sums.iter_mut().zip(below(y)) {
                *sum += u32::from(v);
            }
        }
        for (y, out) in out.chunks_exact_mut(samples).enumerate() {
            // Row y-r-1 leaves the box and becomes its upper neighbour; row y+r enters.
            let (leaving, entering, next) =
                (above(y, self.radius + 1), below(y + self.radius), below(y + self.radius + 1));
            for ((((out, sum), &leaving), &entering), &next) in
                out.iter_mut().zip(&mut *sums).zip(leaving).zip(entering).zip(next)
            {
                *sum = *sum + u32::from(entering) - u32::from(leaving);
                let outside = u32::from(leaving) + u32::from(next);
                *out = ((*sum * self.inner + outside * self.outer + (1 << 23)) >> 24) as u8;
            }
        }
    }
}
