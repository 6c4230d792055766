//! Equalise: each channel's histogram spread evenly, in place.

/// Samples that a byte can be.
const LEVELS: usize = 256;

/// Spreads each channel's histogram, on interleaved pixels of 1 or 3 channels.
///
/// # Source
/// Pillow's `ImageOps.equalize`, bit for bit, with its whole-number steps: a channel of one level,
/// or with fewer than 255 samples below its highest level, stays as it is.
pub(super) fn equalize(pixels: &mut [u8], channels: usize) {
    for channel in 0..channels {
        let mut histogram = [0usize; LEVELS];
        for &sample in pixels[channel..].iter().step_by(channels) {
            histogram[usize::from(sample)] += 1;
        }
        let highest = histogram.iter().rfind(|&&count| count > 0).copied().unwrap_or(0);
        let step = (histogram.iter().sum::<usize>() - highest) / (LEVELS - 1);
        if step == 0 {
            continue;
        }
        let mut below = step / 2;
        let table = histogram.map(|count| {
            let level = (below / step).min(LEVELS - 1) as u8;
            below += count;
            level
        });
        for sample in pixels[channel..].iter_mut().step_by(channels) {
            *sample = table[usize::from(*sample)];
        }
    }
}
