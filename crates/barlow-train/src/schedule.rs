//! The learning rate at every step: linear warm-up from 0, then half a cosine.
//!
//! Source: official main.py, `adjust_learning_rate`. Step 0 of a warm-up has rate 0 exactly. Rates
//! are stated for 256 images and scale with the batch (Goyal et al., 2017).

use crate::settings::{OptimizerSettings, ScheduleSettings};

/// Images in the batch that base rates are stated for.
const BASE_BATCH: f64 = 256.0;

/// The rates of a whole run.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    base: Rates,
    warmup_steps: u64,
    total_steps: u64,
    final_fraction: f64,
}

/// The rates of one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Of tensors with two dimensions or more.
    pub weights: f64,
    /// Of tensors with one dimension.
    pub biases_and_norms: f64,
}

/// The rates of one step, and the highest of the run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepRates {
    /// Of this step.
    pub now: Rates,
    /// The highest; what has a constant rate takes these.
    pub peak: Rates,
}

impl Schedule {
    /// The schedule of `schedule.epochs` epochs of `steps_per_epoch` steps, `batch_size` images each.
    pub fn new(
        schedule: &ScheduleSettings,
        optimizer: &OptimizerSettings,
        batch_size: usize,
        steps_per_epoch: u64,
    ) -> Self {
        let scale = batch_size as f64 / BASE_BATCH;
        Self {
            base: Rates {
                weights: optimizer.base_learning_rate * scale,
                biases_and_norms: optimizer.base_learning_rate_biases * scale,
            },
            warmup_steps: schedule.warmup_epochs * steps_per_epoch,
            total_steps: schedule.epochs * steps_per_epoch,
            final_fraction: schedule.final_fraction,
        }
    }

    /// Steps in the run.
    pub fn total_steps(&self) -> u64 {
        self.total_steps
    }

    /// The rates of a step, counted from 0.
    pub fn at(&self, step: u64) -> Rates {
        let share = self.share(step);
        Rates {
            weights: self.base.weights * share,
            biases_and_norms: self.base.biases_and_norms * share,
        }
    }

    /// The rates of a step, and the highest.
    pub fn rates(&self, step: u64) -> StepRates {
        StepRates { now: self.at(step), peak: self.base }
    }

    /// The rate as a share of the highest.
    fn share(&self, step: u64) -> f64 {
        if step < self.warmup_steps {
            return step as f64 / self.warmup_steps as f64;
        }
        let done = (step - self.warmup_steps) as f64;
        let length = (self.total_steps - self.warmup_steps) as f64;
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * done / length).cos());
        cosine + self.final_fraction * (1.0 - cosine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use barlow_testing::Fixture;

    #[test]
    fn every_step_matches_the_fixtures() {
        for case in ["official", "small_batch", "no_warm_up"] {
            let fixture = Fixture::open(&format!("schedule/{case}"));
            let base = fixture.parameter("base_learning_rate");
            let base = |key: &str| base[key].as_f64().unwrap();
            let optimizer = OptimizerSettings {
                base_learning_rate: base("weights"),
                base_learning_rate_biases: base("biases_and_norms"),
                ..OptimizerSettings::default()
            };
            let settings = ScheduleSettings {
                epochs: fixture.number("epochs") as u64,
                warmup_epochs: fixture.number("warm_up_epochs") as u64,
                final_fraction: fixture.number("final_fraction"),
            };
            let steps_per_epoch = fixture.number("steps_per_epoch") as u64;
            let batch_size = fixture.number("batch_size") as usize;
            let schedule = Schedule::new(&settings, &optimizer, batch_size, steps_per_epoch);
            let rates: Vec<Rates> = (0..schedule.total_steps()).map(|s| schedule.at(s)).collect();
            fixture.assert_close("weights", rates.iter().map(|r| r.weights));
            fixture.assert_close("biases_and_norms", rates.iter().map(|r| r.biases_and_norms));
        }
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "the first rate is 0 by definition")]
    fn warm_up_begins_at_zero() {
        let schedule =
            Schedule::new(&ScheduleSettings::default(), &OptimizerSettings::default(), 2048, 10);
        assert_eq!(schedule.at(0).weights, 0.0);
        assert!((schedule.at(100).weights - 1.6).abs() < 1e-12);
        assert!((schedule.rates(0).peak.weights - 1.6).abs() < 1e-12, "the highest of the run");
    }
}
