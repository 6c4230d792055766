//! The settings of a pipeline, and what can be wrong with them.

use serde::{Deserialize, Serialize};

use super::{RangeConfig, ViewConfig};

/// Everything that makes views of images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewPipelineConfig {
    /// Side of the evaluation view, and of every view without one of its own, in pixels; 1 to
    /// 16,384.
    pub image_size: usize,
    /// Channels of every view, 1 to 64. Grey images become colour and colour becomes grey; with
    /// these exceptions an image must have as many.
    pub channels: usize,
    /// Mean per channel that is taken away, on a scale where samples are 0 to 1.
    pub mean: Vec<f32>,
    /// Standard deviation per channel that is divided by, on the same scale; above 0.
    pub std: Vec<f32>,
    /// Shorter side of the evaluation image before its centre crop; `image_size` or more, which is
    /// also the default.
    pub resize: Option<usize>,
    /// Which samples become 0 and 1; the full range by default.
    #[serde(default)]
    pub range: RangeConfig,
    /// Seed of the permutation that the pixels of the evaluation view are put into, the one that
    /// [`super::PixelShuffle::Fixed`] has under this seed; none, the default, leaves them in place.
    /// For networks that were trained on shuffled pixels of either kind.
    #[serde(default)]
    pub evaluation_shuffle: Option<u64>,
    /// One distribution per view, up to 256.
    pub views: Vec<ViewConfig>,
}

impl ViewPipelineConfig {
    /// The most channels that views have.
    pub const MAX_CHANNELS: usize = 64;
    /// The largest side of a view, pixels.
    pub const MAX_SIZE_PX: usize = 1 << 14;

    /// Everything that is wrong with these settings.
    pub fn problems(&self) -> Vec<ViewProblem> {
        let mut found = Problems::below(String::new());
        let sides = 1..=Self::MAX_SIZE_PX;
        let check = &mut found;
        check.that(sides.contains(&self.image_size), "image_size", &self.image_size, "1 to 16384");
        let is_channels = (1..=Self::MAX_CHANNELS).contains(&self.channels);
        check.that(is_channels, "channels", &self.channels, "1 to 64");
        let is_mean = self.mean.len() == self.channels && self.mean.iter().all(|m| m.is_finite());
        check.that(is_mean, "mean", &self.mean, "one finite number per channel");
        let is_std =
            self.std.len() == self.channels && self.std.iter().all(|&s| s > 0.0 && s.is_finite());
        check.that(is_std, "std", &self.std, "one number above 0 per channel");
        if let Some(resize) = self.resize {
            let is_resize = resize >= self.image_size && sides.contains(&resize);
            check.that(is_resize, "resize", &resize, "image_size to 16384");
        }
        check.that(self.range.is_valid(), "range", &self.range, RangeConfig::ALLOWED);
        check.that(self.views.len() <= 256, "views", &self.views.len(), "at most 256 views");
        for (number, view) in self.views.iter().enumerate() {
            found.list.extend(view.problems(&format!("views.{number}.")));
        }
        found.list
    }
}

/// One setting of the views that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` is {value}, allowed: {allowed}")]
pub struct ViewProblem {
    /// The setting, as `views.0.hue` or `image_size`.
    pub key: String,
    /// What it was set to.
    pub value: String,
    /// What it may be set to.
    pub allowed: &'static str,
}

/// Settings of the views that cannot be used, all of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the views cannot be made: {}", list(.problems))]
pub struct ViewConfigError {
    /// What is wrong, at least one.
    pub problems: Vec<ViewProblem>,
}

fn list(problems: &[ViewProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Problems as they are found.
pub(super) struct Problems {
    prefix: String,
    pub(super) list: Vec<ViewProblem>,
}

impl Problems {
    /// None yet; keys will begin with `prefix`.
    pub(super) fn below(prefix: String) -> Self {
        Self { prefix, list: Vec::new() }
    }

    /// Notes the setting where it is not right.
    pub(super) fn that(
        &mut self,
        is_right: bool,
        key: &str,
        value: &dyn std::fmt::Debug,
        allowed: &'static str,
    ) {
        if !is_right {
            let key = format!("{}{key}", self.prefix);
            self.list.push(ViewProblem { key, value: format!("{value:?}"), allowed });
        }
    }
}
