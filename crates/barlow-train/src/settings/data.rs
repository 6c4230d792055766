//! `[data]` and `[views]`: which images, and what is done to them before the network sees them.

use barlow_data::decode::DecodeOptions;
use barlow_data::views::{RangeConfig, ViewConfig};
use serde::{Deserialize, Serialize};

/// `[data]`: which images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSettings {
    /// A source, as on the command line.
    pub source: String,
    /// Patterns of the paths that are wanted; empty for all.
    pub include: Vec<String>,
    /// Patterns of the paths that are not wanted.
    pub exclude: Vec<String>,
    /// The share of each class's images that is taken, more than 0, at most 1.
    pub fraction: f64,
    /// The first so many images of what is left; 0 for all.
    pub max_images: usize,
    /// Channels of the network's input; 0 to take what the images have.
    pub channels: usize,
    /// Threads that decode and distort; 0 for one a core.
    pub workers: usize,
    /// The share of unreadable images (0..1) above which the run ends.
    pub max_bad_image_fraction: f64,
    /// Folder where decoded images are kept for later epochs and runs; empty for nowhere.
    pub cache_folder: String,
    /// Most bytes that one source may take there.
    pub cache_max_bytes: u64,
    /// Version of the synthetic images' generator; written by the program, so that a run whose
    /// images would now come out differently is not resumed.
    pub synthetic_version: u32,
    /// `[data.decode]`: how files become samples.
    pub decode: DecodeOptions,
}

impl Default for DataSettings {
    fn default() -> Self {
        Self {
            source: "synthetic".to_owned(),
            include: vec![],
            exclude: vec![],
            fraction: 1.0,
            max_images: 0,
            channels: 0,
            workers: 0,
            max_bad_image_fraction: 0.01,
            cache_folder: String::new(),
            // Some 40,000 photographs of 500×333 pixels.
            cache_max_bytes: 20_000_000_000,
            synthetic_version: barlow_data::source::Synthetic::VERSION,
            decode: DecodeOptions::default(),
        }
    }
}

/// A number for each channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ChannelValues {
    /// These; none for ImageNet's, or measured ones where there are not 1 or 3 channels.
    Given(Vec<f32>),
    /// Measured on a sample of the images.
    Measured(Auto),
}

/// The word `auto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auto {
    /// `auto`.
    Auto,
}

impl ChannelValues {
    /// The numbers; none where they are still to be found.
    pub fn values(&self) -> &[f32] {
        match self {
            Self::Given(values) => values,
            Self::Measured(Auto::Auto) => &[],
        }
    }
}

/// Which samples of an image become 0 and which 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RangeKind {
    /// What files of this depth can hold.
    Full,
    /// Two percentiles of each image's own samples.
    Percentiles,
    /// Two given samples.
    Limits,
}

/// `[views]`: what is done to an image before the network sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewsSettings {
    /// Side of the views, pixels.
    pub image_size: usize,
    /// Shorter side before the centre crop of the evaluation view, pixels; 0 for `image_size`.
    pub resize: usize,
    /// Which samples become 0 and 1.
    pub range: RangeKind,
    /// The two percentiles, or the two limits; unused with `full`.
    pub range_ends: [f64; 2],
    /// Subtracted from each channel (of values 0..1).
    pub mean: ChannelValues,
    /// Divides each channel.
    pub std: ChannelValues,
    /// How many small views there are beside the two large ones (multi-crop).
    pub small_views: usize,
    /// Side of the small views, pixels.
    pub small_image_size: usize,
    /// Distribution of the first view.
    pub a: ViewConfig,
    /// Distribution of the second view.
    pub b: ViewConfig,
    /// Distribution of each small view.
    pub small: ViewConfig,
}

impl Default for ViewsSettings {
    /// The official views (main.py): 224 px. Small views as SwAV's (Caron et al., 2020, section
    /// 4.1): 96 px, crops of 5 to 14 % of the image.
    fn default() -> Self {
        Self {
            image_size: 224,
            resize: 0,
            range: RangeKind::Full,
            range_ends: [0.0, 100.0],
            mean: ChannelValues::Given(vec![]),
            std: ChannelValues::Given(vec![]),
            small_views: 0,
            small_image_size: 96,
            a: ViewConfig::official_a(),
            b: ViewConfig::official_b(),
            small: ViewConfig { crop_scale: [0.05, 0.14], ..ViewConfig::official_a() },
        }
    }
}

impl ViewsSettings {
    /// Which samples become 0 and 1, as the views take it.
    pub fn range_config(&self) -> RangeConfig {
        match self.range {
            RangeKind::Full => RangeConfig::Full,
            RangeKind::Percentiles => RangeConfig::Percentiles(self.range_ends),
            RangeKind::Limits => RangeConfig::Limits(self.range_ends),
        }
    }

    /// The distribution of every view, large ones first.
    pub fn distributions(&self) -> Vec<ViewConfig> {
        let small = ViewConfig { image_size: Some(self.small_image_size), ..self.small.clone() };
        let mut views = vec![self.a.clone(), self.b.clone()];
        views.extend(std::iter::repeat_n(small, self.small_views));
        views
    }
}

/// How an encoder's image files become values 0..1: what an `encoder.safetensors` keeps of a run's
/// settings beside sizes, mean and std.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FileSettings {
    /// How files become samples.
    pub decode: DecodeOptions,
    /// Which samples become 0 and 1.
    pub range: RangeConfig,
}

impl FileSettings {
    /// Those of a run.
    pub fn of(data: &DataSettings, views: &ViewsSettings) -> Self {
        Self { decode: data.decode.clone(), range: views.range_config() }
    }
}
