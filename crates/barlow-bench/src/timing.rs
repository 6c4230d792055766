//! How long something takes: warm-up by time, repetitions, median and spread.

use std::time::{Duration, Instant};

use serde::Serialize;

/// Work shorter than this is called several times in one repetition, so that the clock and a
/// thread's waking do not count.
const SHORTEST_REPETITION: Duration = Duration::from_millis(20);

/// How to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Calls are made until this has passed, at least one.
    pub warm_up: Duration,
    /// Timed repetitions, 1 or more.
    pub repetitions: usize,
}

impl Plan {
    /// Times `work` by itself.
    pub(crate) fn time(&self, mut work: impl FnMut()) -> Timing {
        let calls = self.warm_up(&mut work);
        let seconds = (0..self.repetitions).map(|_| seconds_of(calls, &mut work)).collect();
        Timing { seconds }
    }

    /// Warms up; how many calls make a repetition.
    pub(crate) fn warm_up(&self, mut work: impl FnMut()) -> u32 {
        let begin = Instant::now();
        let mut done = 0_u32;
        while done == 0 || begin.elapsed() < self.warm_up {
            work();
            done += 1;
        }
        // The first calls are slower than the others, which makes repetitions longer, not shorter.
        let call = begin.elapsed().as_secs_f64() / f64::from(done);
        (SHORTEST_REPETITION.as_secs_f64() / call).ceil().clamp(1.0, 1e6) as u32
    }
}

/// Seconds of one call, as the mean of so many.
pub(crate) fn seconds_of(calls: u32, mut work: impl FnMut()) -> f64 {
    let begin = Instant::now();
    for _ in 0..calls {
        work();
    }
    begin.elapsed().as_secs_f64() / f64::from(calls)
}

/// Seconds of each repetition, in the order in which they ran.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Timing {
    seconds: Vec<f64>,
}

impl Timing {
    /// One more repetition.
    pub(crate) fn push(&mut self, seconds: f64) {
        self.seconds.push(seconds);
    }

    /// The middle repetition, or the mean of the middle two; not a number without any.
    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.seconds.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => f64::NAN,
            n if n % 2 == 1 => sorted[middle],
            _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
        }
    }

    /// The fastest repetition; infinite without any.
    pub(crate) fn fastest(&self) -> f64 {
        self.seconds.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// Slowest minus fastest repetition, as a share of the median.
    pub(crate) fn spread(&self) -> f64 {
        let slowest = self.seconds.iter().copied().fold(0.0, f64::max);
        (slowest - self.fastest()) / self.median()
    }
}

impl FromIterator<f64> for Timing {
    fn from_iter<I: IntoIterator<Item = f64>>(seconds: I) -> Self {
        Self { seconds: seconds.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_and_spread_are_those_of_the_sorted_repetitions() {
        for (seconds, median, spread) in [
            (vec![2.0], 2.0, 0.0),
            (vec![3.0, 1.0], 2.0, 1.0),
            (vec![9.0, 1.0, 4.0], 4.0, 2.0),
            (vec![4.0, 1.0, 3.0, 5.0, 9.0], 4.0, 2.0),
        ] {
            let timing: Timing = seconds.into_iter().collect();
            assert!((timing.median() - median).abs() < 1e-12, "{timing:?}");
            assert!((timing.spread() - spread).abs() < 1e-12, "{timing:?}");
        }
        assert!(Timing::default().median().is_nan());
    }

    #[test]
    fn short_work_is_repeated_within_a_repetition() {
        let mut calls = 0_u64;
        let plan = Plan { warm_up: Duration::from_millis(5), repetitions: 5 };
        let timing = plan.time(|| calls += 1);
        assert!(calls > 1000 && timing.seconds.len() == 5, "{calls}");
        assert!(timing.median() < 1e-3);
    }
}
