//! From sources as named to sources opened, and what only the images can tell.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use barlow_data::cache::{CacheConfig, Cached};
use barlow_data::decode::DecodeOptions;
use barlow_data::source::{OpenOptions, Source, SourceSpec, is_spread};
use barlow_data::summary::ChannelStatistics;
use barlow_data::views::{PixelShuffle, ViewPipeline, ViewPipelineConfig};
use barlow_nn::encoder_file::EncoderFacts;
use barlow_train::settings::{Auto, ChannelValues, DataSettings, FileSettings, Settings};

use crate::commands::progress::Finding;
use crate::exit::Advised;

/// Where to look for known data sets before the system's own folders.
const DATA_FOLDER_VARIABLE: &str = "BARLOW_DATA";

/// ImageNet's mean and deviation by channel (torchvision), for colour.
const IMAGENET: ([f32; 3], [f32; 3]) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);

/// Their means, for grey.
const IMAGENET_GREY: ([f32; 1], [f32; 1]) = ([0.449], [0.226]);

/// ImageNet's mean and deviation for so many channels: of colour, else their means.
pub(crate) fn imagenet(channels: usize) -> (Vec<f32>, Vec<f32>) {
    if channels == 3 {
        return (IMAGENET.0.to_vec(), IMAGENET.1.to_vec());
    }
    let ([mean], [std]) = IMAGENET_GREY;
    (vec![mean; channels], vec![std; channels])
}

/// Images that are looked at to find out how many channels a source has.
const LOOKED_AT: usize = 32;

/// Images that mean and deviation are measured on: enough for the third digit.
const MEASURED_ON: usize = 1000;

/// How a run's settings open its images; sources of a probe are opened whole.
pub(crate) fn options(settings: &Settings) -> OpenOptions {
    let DataSettings { include, exclude, fraction, max_images, decode, .. } = &settings.data;
    OpenOptions {
        include: include.clone(),
        exclude: exclude.clone(),
        fraction: (*fraction < 1.0).then_some(*fraction),
        ..whole(decode.clone(), *max_images, settings.train.seed)
    }
}

/// How all images of a source are opened; 0 for `max_images` means no limit.
pub(crate) fn whole(decode: DecodeOptions, max_images: usize, seed: u64) -> OpenOptions {
    let folder = std::env::var_os(DATA_FOLDER_VARIABLE).map(PathBuf::from);
    OpenOptions {
        max_images: (max_images > 0).then_some(max_images),
        seed,
        data_folders: folder.into_iter().collect(),
        cache_folder: cache_folder(),
        decode,
        ..OpenOptions::default()
    }
}

/// Where listings are kept: the user's folder for what can be made again.
fn cache_folder() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let folder = match variable("XDG_CACHE_HOME").or_else(|| variable("LOCALAPPDATA")) {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(variable("HOME")?).join(".cache"),
    };
    Some(folder.join("barlow"))
}

/// Opens a source.
pub(crate) fn open(spec: &str, options: &OpenOptions) -> anyhow::Result<Arc<dyn Source>> {
    // The grammar first, so that a mistake in it is wrong usage.
    let spec = SourceSpec::parse(spec)?;
    let finding = Finding::new();
    let options = OpenOptions { progress: finding.progress(), ..options.clone() };
    let source = spec.open(&options);
    finding.clear();
    source.with_context(|| format!("the images of `{spec}` cannot be opened"))
}

/// The images of a run, decoded ones kept on disk where the settings ask for it.
pub(crate) fn cached(
    settings: &Settings,
    source: Arc<dyn Source>,
) -> anyhow::Result<Arc<dyn Source>> {
    let DataSettings { cache_folder, cache_max_bytes, decode, .. } = &settings.data;
    if cache_folder.is_empty() {
        return Ok(source);
    }
    let config = CacheConfig { folder: cache_folder.into(), max_bytes: *cache_max_bytes };
    let key = serde_json::to_string(decode)?;
    let cached = Cached::open(source, &key, &config)
        .with_context(|| format!("decoded images cannot be kept in `{cache_folder}`"))?;
    Ok(Arc::new(cached))
}

/// Fills in what the settings leave to the images and the machine: channels, mean and deviation,
/// threads, and views that make sense on so many channels.
///
/// # Errors
/// If no image can be decoded, or mean and deviation are of another number of channels.
pub(crate) fn settle(settings: &mut Settings, source: &dyn Source) -> anyhow::Result<()> {
    settings.data.workers = workers(settings.data.workers);
    if settings.data.channels == 0 {
        settings.data.channels = channels(source)?;
    }
    let channels = settings.data.channels;
    let views = &mut settings.views;
    views.resize = views.resize.max(views.image_size);
    for view in [&mut views.a, &mut views.b, &mut views.small] {
        *view = view.for_channels(channels);
    }
    settle_statistics(settings, source)?;
    let views = &settings.views;
    for (key, values) in [("views.mean", &views.mean), ("views.std", &views.std)] {
        let length = values.values().len();
        if length != channels {
            bail!(Advised::new(
                format!("`{key}` is for {length} channels, the images have {channels}"),
                format!(
                    "set `{key}` to {channels} numbers or `auto`, or `data.channels` to {length}"
                )
            ));
        }
    }
    Ok(())
}

/// Mean and deviation: as given, ImageNet's, or measured.
fn settle_statistics(settings: &mut Settings, source: &dyn Source) -> anyhow::Result<()> {
    let channels = settings.data.channels;
    let imagenet = matches!(channels, 1 | 3).then(|| imagenet(channels));
    let is_open = |values: &ChannelValues| values.values().is_empty();
    let is_measured = |values: &ChannelValues| {
        is_open(values)
            && (imagenet.is_none() || matches!(values, ChannelValues::Measured(Auto::Auto)))
    };
    let views = &settings.views;
    let measured = if is_measured(&views.mean) || is_measured(&views.std) {
        Some(measure(settings, source)?)
    } else {
        None
    };
    let views = &mut settings.views;
    for (values, which) in [(&mut views.mean, 0), (&mut views.std, 1)] {
        let found = if is_measured(values) { &measured } else { &imagenet };
        if let (true, Some((mean, std))) = (is_open(values), found) {
            *values = ChannelValues::Given(if which == 0 { mean.clone() } else { std.clone() });
        }
    }
    Ok(())
}

/// Mean and deviation of the evaluation views of some images spread over the source.
pub(crate) fn measure(
    settings: &Settings,
    source: &dyn Source,
) -> anyhow::Result<(Vec<f32>, Vec<f32>)> {
    let pipeline = ViewPipeline::new(unit_pipeline(settings))?;
    let workers = settings.data.workers;
    let statistics = ChannelStatistics::measure(source, &pipeline, MEASURED_ON, workers);
    let statistics = statistics.with_context(|| {
        format!("none of {MEASURED_ON} images can be decoded, so nothing can be measured")
    })?;
    // A channel without any contrast would be divided by 0.
    let std = statistics.std.iter().map(|&std| if std > 0.0 { std as f32 } else { 1.0 });
    Ok((statistics.mean.iter().map(|&mean| mean as f32).collect(), std.collect()))
}

/// The pipeline of settings whose mean and deviation are not known: values stay 0..1.
fn unit_pipeline(settings: &Settings) -> ViewPipelineConfig {
    let (views, channels) = (&settings.views, settings.data.channels);
    ViewPipelineConfig {
        image_size: views.image_size,
        channels,
        mean: vec![0.0; channels],
        std: vec![1.0; channels],
        resize: Some(views.resize),
        range: views.range_config(),
        evaluation_shuffle: None,
        views: vec![],
    }
}

/// Threads that decode: as many as asked for, 0 standing for one a core.
pub(crate) fn workers(asked: usize) -> usize {
    match asked {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        asked => asked,
    }
}

/// What some images spread over the source have: 1 where all are grey, 3 where some are colour, any
/// other number where all have that.
fn channels(source: &dyn Source) -> anyhow::Result<usize> {
    let len = source.len();
    let mut first_problem = None;
    let mut found = BTreeMap::new();
    for id in (0..len).filter(|&id| is_spread(id, len, LOOKED_AT)) {
        match source.load(id) {
            Ok(image) => *found.entry(image.channels()).or_insert(0usize) += 1,
            Err(error) => {
                first_problem.get_or_insert((id, error));
            }
        }
    }
    let mut counts: Vec<usize> = found.keys().copied().collect();
    if counts == [1, 3] {
        counts = vec![3];
    }
    match (&counts[..], first_problem) {
        ([], Some((id, error))) => Err(anyhow::Error::new(error).context(Advised::new(
            format!(
                "none of {} images looked at can be decoded, the first being `{}`",
                len.min(LOOKED_AT),
                source.name(id)
            ),
            "see what the source holds with `barlow data`",
        ))),
        ([], None) => Ok(1),
        ([channels], _) => Ok(*channels),
        (counts, _) => bail!(Advised::new(
            format!("images have different numbers of channels: {counts:?}"),
            "set `data.channels` to the number that is wanted; images with another become bad \
             images, but grey and colour turn into each other",
        )),
    }
}

/// How the image files of an encoder become values; the defaults where its file does not say.
pub(crate) fn files_of(facts: &EncoderFacts) -> anyhow::Result<FileSettings> {
    if facts.files.is_null() {
        return Ok(FileSettings::default());
    }
    serde_json::from_value(facts.files.clone()).context("it does not say how to read images")
}

/// The pipeline of settled settings.
pub(crate) fn pipeline(settings: &Settings) -> anyhow::Result<Arc<ViewPipeline>> {
    let views = &settings.views;
    let distributions = views.distributions();
    let is_shuffled = distributions.iter().any(|view| view.shuffle != PixelShuffle::None);
    let config = ViewPipelineConfig {
        mean: views.mean.values().to_vec(),
        std: views.std.values().to_vec(),
        evaluation_shuffle: is_shuffled.then_some(settings.train.seed),
        views: distributions,
        ..unit_pipeline(settings)
    };
    Ok(Arc::new(ViewPipeline::new(config)?))
}

/// Labelled images to learn from or to be judged.
///
/// # Errors
/// If they cannot be opened or have no labels.
pub(crate) fn open_labelled(spec: &str, options: &OpenOptions) -> anyhow::Result<Arc<dyn Source>> {
    let source = open(spec, options)?;
    if source.classes().is_empty() {
        bail!(Advised::new(
            format!("the images of `{spec}` have no labels, which are needed here"),
            "put the images of each class into a folder of its own, or list them with labels in a \
             .csv or .jsonl file"
        ));
    }
    Ok(source)
}
