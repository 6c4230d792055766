//! From numbers to pixels, and the round numbers in between.

/// An axis: a range of numbers on a range of pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    is_log: bool,
    /// From one round number to the next.
    step: f64,
    /// Where `low` and `high` lie.
    pixels: [f64; 2],
}

impl Scale {
    /// Round ends around all values, equally spaced; a range of its own where there are none.
    pub(super) fn around(values: &[f64], pixels: [f64; 2]) -> Self {
        let (low, high) = ends(values);
        let span = (high - low).max(1e-9);
        let step = round_step(span / 5.0);
        let floor = |x: f64| (x / step + 1e-9).floor() * step;
        let ceil = |x: f64| (x / step - 1e-9).ceil() * step;
        let (low, high) = (floor(low), ceil(high));
        let high = if high > low { high } else { low + step };
        Self { low, high, is_log: false, step, pixels }
    }

    /// The values themselves with a margin; logarithmic where they span more than a decade.
    pub(super) fn through(values: &[f64], pixels: [f64; 2]) -> Self {
        let (low, high) = ends(values);
        let is_log = low > 0.0 && high / low > 10.0;
        let (low, high) = if is_log {
            let margin = (high / low).powf(0.05);
            (low / margin, high * margin)
        } else {
            let margin = if high > low { 0.05 * (high - low) } else { low.abs().max(1.0) };
            (low - margin, high + margin)
        };
        let step = round_step((high - low) / 5.0);
        Self { low, high, is_log, step, pixels }
    }

    /// Where a number lies.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = if self.is_log {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.pixels[0] + share.clamp(0.0, 1.0) * (self.pixels[1] - self.pixels[0])
    }

    /// The pixel of the highest number.
    pub(super) fn end(&self) -> f64 {
        self.pixels[1]
    }

    /// Round numbers over the range, about five.
    pub(super) fn ticks(&self) -> Vec<f64> {
        let first = (self.low / self.step - 1e-9).ceil();
        let last = (self.high / self.step + 1e-9).floor();
        let count = (last - first).clamp(0.0, 50.0) as usize;
        (0..=count).map(|index| (first + index as f64) * self.step).collect()
    }
}

/// The smallest and the largest.
fn ends(values: &[f64]) -> (f64, f64) {
    let finite = values.iter().copied().filter(|value| value.is_finite());
    let ends = finite.fold(None, |ends: Option<(f64, f64)>, value| {
        Some(ends.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
    });
    ends.unwrap_or((0.0, 1.0))
}

/// The next of 1, 2, 5, 10, ... from here on.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|f| f * power >= step * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

/// A number of an axis with as few digits as it needs.
pub(super) fn tick_text(value: f64) -> String {
    let rounded = (value * 1e9).round() / 1e9;
    // No minus before a zero.
    (rounded + 0.0).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_ends_enclose_all_values() {
        let scale = Scale::around(&[13.0, 71.4], [0.0, 100.0]);
        assert_eq!(scale.ticks(), [0.0, 20.0, 40.0, 60.0, 80.0]);
        assert!((scale.at(40.0) - 50.0).abs() < 1e-9);
        let scale = Scale::around(&[-27.0, 0.0], [0.0, 90.0]);
        assert_eq!(scale.ticks(), [-30.0, -20.0, -10.0, 0.0]);
        for values in [&[][..], &[5.0], &[0.0, 0.0], &[1e-300, 1e300]] {
            let scale = Scale::around(values, [0.0, 1.0]);
            assert!(scale.at(0.5).is_finite() && scale.ticks().len() <= 51, "{values:?}");
        }
    }

    #[test]
    fn more_than_a_decade_is_logarithmic() {
        let scale = Scale::through(&[32.0, 2048.0], [0.0, 100.0]);
        assert!((scale.at(256.0) - 50.0).abs() < 1e-9, "the middle of six doublings");
        let scale = Scale::through(&[2.0, 10.0], [0.0, 100.0]);
        assert!((scale.at(6.0) - 50.0).abs() < 1e-9);
        assert!(Scale::through(&[0.0, 1.0], [0.0, 1.0]).at(0.5).is_finite());
    }

    #[test]
    fn ticks_have_no_more_digits_than_they_need() {
        let texts: Vec<String> = [0.1 + 0.2, -0.0, 2048.0, 0.005].map(tick_text).into();
        assert_eq!(texts, ["0.3", "0", "2048", "0.005"]);
    }
}
