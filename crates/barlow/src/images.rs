//! From sources as named to sources opened, and what only the images can tell.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use barlow_data::source::{OpenOptions, Source, SourceSpec, is_spread};
use barlow_data::views::{RangeConfig, ViewPipeline, ViewPipelineConfig};
use barlow_train::settings::Settings;

use crate::exit::Advised;

/// Where to look for known data sets before the system's own folders.
const DATA_FOLDER_VARIABLE: &str = "BARLOW_DATA";

/// ImageNet's mean and deviation by channel (torchvision), for colour.
const IMAGENET: ([f32; 3], [f32; 3]) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);

/// Their means, for grey.
const IMAGENET_GREY: ([f32; 1], [f32; 1]) = ([0.449], [0.226]);

/// Images that are looked at to find out whether a source is grey.
const LOOKED_AT: usize = 32;

/// Opens a source; 0 for `max_images` means all.
pub(crate) fn open(spec: &str, max_images: usize) -> anyhow::Result<Arc<dyn Source>> {
    let folder = std::env::var_os(DATA_FOLDER_VARIABLE).map(PathBuf::from);
    let options = OpenOptions {
        max_images: (max_images > 0).then_some(max_images),
        data_folders: folder.into_iter().collect(),
        ..OpenOptions::default()
    };
    // The grammar first, so that a mistake in it is wrong usage.
    let spec = SourceSpec::parse(spec)?;
    spec.open(&options).with_context(|| format!("the images of `{spec}` cannot be opened"))
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
    if views.mean.is_empty() {
        views.mean = if channels == 1 { IMAGENET_GREY.0.to_vec() } else { IMAGENET.0.to_vec() };
    }
    if views.std.is_empty() {
        views.std = if channels == 1 { IMAGENET_GREY.1.to_vec() } else { IMAGENET.1.to_vec() };
    }
    for (key, values) in [("views.mean", &views.mean), ("views.std", &views.std)] {
        if values.len() != channels {
            bail!(Advised::new(
                format!("`{key}` is for {} channels, the images have {channels}", values.len()),
                format!(
                    "set `{key}` to {channels} numbers, or `data.channels` to {}",
                    values.len()
                )
            ));
        }
    }
    views.resize = views.resize.max(views.image_size);
    views.a = views.a.for_channels(channels);
    views.b = views.b.for_channels(channels);
    Ok(())
}

/// Threads that decode: as many as asked for, 0 standing for one a core.
pub(crate) fn workers(asked: usize) -> usize {
    match asked {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        asked => asked,
    }
}

/// 1 if all of some images spread over the source are grey, else 3.
fn channels(source: &dyn Source) -> anyhow::Result<usize> {
    let len = source.len();
    let mut first_problem = None;
    let mut most = 0;
    for id in (0..len).filter(|&id| is_spread(id, len, LOOKED_AT)) {
        match source.load(id) {
            Ok(image) => most = most.max(image.channels()),
            Err(error) => {
                first_problem.get_or_insert((id, error));
            }
        }
    }
    match (most, first_problem) {
        (0, Some((id, error))) => Err(anyhow::Error::new(error).context(Advised::new(
            format!(
                "none of {} images looked at can be decoded, the first being `{}`",
                len.min(LOOKED_AT),
                source.name(id)
            ),
            "check that these are JPEG or PNG images",
        ))),
        (most, _) => Ok(most.max(1)),
    }
}

/// The pipeline of settled settings.
pub(crate) fn pipeline(settings: &Settings) -> anyhow::Result<Arc<ViewPipeline>> {
    let views = &settings.views;
    let config = ViewPipelineConfig {
        image_size: views.image_size,
        channels: settings.data.channels,
        mean: views.mean.clone(),
        std: views.std.clone(),
        resize: Some(views.resize),
        range: RangeConfig::Full,
        evaluation_shuffle: None,
        views: vec![views.a.clone(), views.b.clone()],
    };
    Ok(Arc::new(ViewPipeline::new(config)?))
}

/// Labelled images for a k-NN.
///
/// # Errors
/// If they cannot be opened or have no labels.
pub(crate) fn open_labelled(spec: &str, max_images: usize) -> anyhow::Result<Arc<dyn Source>> {
    let source = open(spec, max_images)?;
    if source.classes().is_empty() {
        bail!(Advised::new(
            format!("the images of `{spec}` have no labels, which k-NN needs"),
            "put the images of each class into a folder of its own, or list them with labels in a \
             .csv or .jsonl file"
        ));
    }
    Ok(source)
}
