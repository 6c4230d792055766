//! Which samples of an image become 0 and which 1.

use serde::{Deserialize, Serialize};

use crate::{DecodedImage, Image};

/// Which samples of an image become 0 and which 1.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RangeConfig {
    /// The lowest and the highest that the file can hold: 0 and 255, 0 and 65,535. Numbers with a
    /// fraction stay as they are, in whatever range, and no operation cuts them off.
    #[default]
    Full,
    /// Two percentiles of the image's own samples, all channels together: `[low, high]` with
    /// `0 <= low < high <= 100`. What lies outside becomes 0 or 1.
    Percentiles([f64; 2]),
    /// Two given samples, `[low, high]` with `low < high`. What lies outside becomes 0 or 1.
    Limits([f64; 2]),
}

impl RangeConfig {
    /// What [`Self::is_valid`] asks for, in words.
    pub(super) const ALLOWED: &str =
        "full, percentiles with 0 <= low < high <= 100, or limits with low < high";

    pub(super) fn is_valid(&self) -> bool {
        match *self {
            Self::Full => true,
            Self::Percentiles([low, high]) => 0.0 <= low && low < high && high <= 100.0,
            Self::Limits([low, high]) => low < high && low.is_finite() && high.is_finite(),
        }
    }

    /// The samples of one image that become 0 and 1.
    pub(super) fn of(self, image: &DecodedImage, scratch: &mut RangeScratch) -> SampleRange {
        let (low, high) = match (self, image) {
            (Self::Full, DecodedImage::U8(_)) => (0.0, 255.0),
            (Self::Full, DecodedImage::U16(_)) => (0.0, 65_535.0),
            (Self::Full, DecodedImage::F32(_)) => {
                return SampleRange { low: 0.0, high: 1.0, is_bounded: false };
            }
            (Self::Limits([low, high]), _) => (low, high),
            (Self::Percentiles(of), DecodedImage::U8(image)) => scratch.percentiles(image, of),
            (Self::Percentiles(of), DecodedImage::U16(image)) => scratch.percentiles(image, of),
            (Self::Percentiles(of), DecodedImage::F32(Image { pixels, .. })) => {
                scratch.numbers.clear();
                scratch.numbers.extend_from_slice(pixels);
                let mut at = |percent| percentile(&mut scratch.numbers, percent);
                (at(of[0]), at(of[1]))
            }
        };
        SampleRange { low, high, is_bounded: true }
    }
}

/// The samples of one image that become 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampleRange {
    /// Becomes 0.
    pub low: f64,
    /// Becomes 1.
    pub high: f64,
    /// Whether what lies outside becomes 0 or 1, and operations keep to 0 to 1.
    pub is_bounded: bool,
}

impl SampleRange {
    /// `(sample - low) / (high - low)` in f64, rounded once; a step where both are equal.
    pub(super) fn map(self, sample: f64) -> f32 {
        if !self.is_bounded {
            return sample as f32;
        }
        let width = self.high - self.low;
        if width > 0.0 {
            ((sample - self.low) / width).clamp(0.0, 1.0) as f32
        } else {
            f32::from(u8::from(sample > self.low))
        }
    }
}

/// Buffers of [`RangeConfig::of`], kept from image to image.
#[derive(Debug, Default)]
pub(super) struct RangeScratch {
    histogram: Vec<u64>,
    numbers: Vec<f32>,
}

impl RangeScratch {
    fn percentiles<T: Copy + Into<u16>>(
        &mut self,
        image: &Image<T>,
        percents: [f64; 2],
    ) -> (f64, f64) {
        self.histogram.clear();
        self.histogram.resize(1 << 16, 0);
        for &sample in &image.pixels {
            self.histogram[usize::from(sample.into())] += 1;
        }
        // The sample at a place in the sorted order.
        let at = |place: u64| {
            let mut before = 0;
            self.histogram.iter().position(|count| {
                before += count;
                before > place
            })
        };
        let percentile = |percent| {
            let (place, fraction) = place(image.pixels.len(), percent);
            let low = at(place as u64).unwrap_or(0) as f64;
            let high = at(place as u64 + 1).map_or(low, |level| level as f64);
            low + (high - low) * fraction
        };
        (percentile(percents[0]), percentile(percents[1]))
    }
}

/// Where a percentile lies in a sorted list: between this index and the next, and how far.
///
/// # Source
/// NumPy's `percentile` by its default method, linear.
fn place(len: usize, percent: f64) -> (usize, f64) {
    let place = percent / 100.0 * (len as f64 - 1.0);
    (place as usize, place.fract())
}

/// The percentile of some numbers, at least one, which are put into another order.
fn percentile(numbers: &mut [f32], percent: f64) -> f64 {
    let (place, fraction) = place(numbers.len(), percent);
    let (_, &mut low, above) = numbers.select_nth_unstable_by(place, f32::total_cmp);
    let next = above.iter().copied().min_by(f32::total_cmp).unwrap_or(low);
    f64::from(low) + (f64::from(next) - f64::from(low)) * fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By sorting, after NumPy's documentation of its linear method.
    fn sorted_percentile(numbers: &[f64], percent: f64) -> f64 {
        let mut sorted = numbers.to_vec();
        sorted.sort_by(f64::total_cmp);
        let place = percent / 100.0 * (sorted.len() - 1) as f64;
        let next = sorted[(place.ceil() as usize).min(sorted.len() - 1)];
        let low = sorted[place.floor() as usize];
        low + (next - low) * (place - place.floor())
    }

    #[test]
    fn percentiles_are_numpys_for_every_kind_of_sample() {
        let samples: Vec<u16> = (0..301u32).map(|n| (n * n * 7919 % 60_013) as u16).collect();
        let deep = Image { width: 43, height: 7, channels: 1, pixels: samples };
        let bytes = deep.map(|v| (v >> 8) as u8);
        let numbers = deep.map(|v| f32::from(v) * -0.37 + 1000.0);
        let mut scratch = RangeScratch::default();
        for percents in [[0.0, 100.0], [1.0, 99.0], [2.5, 50.0], [33.3, 99.97]] {
            for image in [
                DecodedImage::U16(deep.clone()),
                DecodedImage::U8(bytes.clone()),
                DecodedImage::F32(numbers.clone()),
            ] {
                let values: Vec<f64> = match &image {
                    DecodedImage::U8(image) => image.pixels.iter().map(|&v| v.into()).collect(),
                    DecodedImage::U16(image) => image.pixels.iter().map(|&v| v.into()).collect(),
                    DecodedImage::F32(image) => image.pixels.iter().map(|&v| v.into()).collect(),
                };
                let range = RangeConfig::Percentiles(percents).of(&image, &mut scratch);
                for (found, percent) in [(range.low, percents[0]), (range.high, percents[1])] {
                    let expected = sorted_percentile(&values, percent);
                    assert!((found - expected).abs() < 1e-9, "{percent} %: {found}, {expected}");
                }
            }
        }
    }

    #[test]
    fn a_range_maps_its_ends_to_0_and_1_and_cuts_off_what_lies_outside() {
        let limits = SampleRange { low: -100.0, high: 300.0, is_bounded: true };
        for (sample, value) in
            [(-1e30, 0.0), (-100.0, 0.0), (0.0, 0.25), (100.0, 0.5), (300.0, 1.0), (301.0, 1.0)]
        {
            assert_eq!(limits.map(sample).to_bits(), f32::to_bits(value), "{sample}");
        }
        let flat = SampleRange { low: 7.0, high: 7.0, is_bounded: true };
        assert_eq!(
            [flat.map(7.0), flat.map(7.5)].map(f32::to_bits),
            [0.0f32, 1.0].map(f32::to_bits)
        );
        let free = SampleRange { low: 0.0, high: 1.0, is_bounded: false };
        assert_eq!(free.map(-1000.0).to_bits(), (-1000.0f32).to_bits());
    }

    #[test]
    fn the_three_kinds_are_written_as_in_the_documentation() {
        for (text, range) in [
            ("\"full\"", RangeConfig::Full),
            (r#"{"percentiles":[1.0,99.5]}"#, RangeConfig::Percentiles([1.0, 99.5])),
            (r#"{"limits":[0.0,4095.0]}"#, RangeConfig::Limits([0.0, 4095.0])),
        ] {
            assert_eq!(serde_json::from_str::<RangeConfig>(text).expect("a range"), range);
            assert_eq!(serde_json::to_string(&range).expect("plain data"), text);
        }
        assert!(RangeConfig::Limits([0.0, 1.0]).is_valid());
        for wrong in [
            RangeConfig::Limits([1.0, 1.0]),
            RangeConfig::Limits([0.0, f64::NAN]),
            RangeConfig::Limits([f64::NEG_INFINITY, 0.0]),
            RangeConfig::Percentiles([50.0, 50.0]),
            RangeConfig::Percentiles([-1.0, 50.0]),
            RangeConfig::Percentiles([0.0, 100.1]),
        ] {
            assert!(!wrong.is_valid(), "{wrong:?}");
        }
    }
}
