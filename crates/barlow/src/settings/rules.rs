//! What values must be to each other.

use barlow_data::source::{SourceKind, SourceSpec, Synthetic};

use barlow_objectives::{ObjectiveError, Registry, Scope, Unfit};
use barlow_train::networks::output_dim;
use burn::tensor::Device;

use super::layers::Judged;
use super::problem::Problem;
use super::vocabulary::constant_name;

/// Adds every disagreement between values that are right by themselves.
pub(super) fn check(judged: &Judged<'_>, problems: &mut Vec<Problem>) {
    problems.extend(
        [
            range(judged),
            per_channel(judged, "views.mean"),
            per_channel(judged, "views.std"),
            mean_and_std(judged),
            resize(judged),
            image_size(judged),
            max_images(judged),
            synthetic_version(judged),
        ]
        .into_iter()
        .flatten(),
    );
}

/// Adds what the objective cannot work with of networks, batches and its own constants; what only the
/// images can tell is left to the run.
pub(super) fn objective(judged: &Judged<'_>, registry: &Registry, problems: &mut Vec<Problem>) {
    let settings = judged.settings();
    let Some(entry) = registry.find(&settings.objective.name) else { return };
    let dim = output_dim(&settings.encoder.config(1), &settings.projector, entry.layer);
    let batch_size = settings.train.batch_size;
    let scope =
        Scope { dim, batch_size, images: batch_size, classes: 2, seed: 0, device: &Device::flex() };
    let views = settings.views.distributions().len();
    let mut config = settings.objective.clone();
    let mut refused = Vec::new();
    // An objective names one key at a time; with a default in that place it names the next one.
    loop {
        let checked = registry
            .create(&config, &scope)
            .and_then(|objective| Ok(objective.needs().check_views(views)?));
        let Err(ObjectiveError::Unfit(Unfit::Key { key, allowed })) = checked else { return };
        if refused.contains(&key) || !judged.has(key) {
            // The default that stands there does not fit either.
            return;
        }
        refused.push(key);
        problems.push(judged.problem(key, allowed, None));
        let constant = constant_name(key).and_then(|name| entry.constant(name));
        let Some(constant) = constant else { return };
        config.constants.set(constant.name, constant.default.clone());
    }
}

/// Percentiles and limits need two different ends.
fn range(judged: &Judged<'_>) -> Option<Problem> {
    let [low, high] = judged.numbers("views.range_ends")?[..] else { return None };
    let allowed = match judged.text("views.range")? {
        "percentiles" if !(0.0 <= low && low < high && high <= 100.0) => {
            "two percentiles, 0 <= low < high <= 100, as `views.range` is \"percentiles\""
        }
        "limits" if low >= high => "two samples, low < high, as `views.range` is \"limits\"",
        _ => return None,
    };
    Some(judged.problem("views.range_ends", allowed.to_owned(), None))
}

/// A list with a number per channel has as many as there are channels.
fn per_channel(judged: &Judged<'_>, key: &str) -> Option<Problem> {
    let channels = usize::try_from(judged.integer("data.channels")?).ok()?;
    let length = judged.length(key)?;
    let is_right = length == 0 || channels == 0 || length == channels;
    (!is_right).then(|| {
        let allowed = format!("{channels} number(s), as `data.channels` is {channels}, or []");
        judged.problem(key, allowed, None)
    })
}

fn mean_and_std(judged: &Judged<'_>) -> Option<Problem> {
    let (mean, std) = (judged.length("views.mean")?, judged.length("views.std")?);
    (mean != std && mean > 0 && std > 0).then(|| {
        judged.problem("views.std", format!("as many numbers as `views.mean` has: {mean}"), None)
    })
}

fn resize(judged: &Judged<'_>) -> Option<Problem> {
    let image_size = judged.integer("views.image_size")?;
    let resize = judged.integer("views.resize")?;
    (resize != 0 && resize < image_size).then(|| {
        let allowed = format!("0, or at least `views.image_size`, which is {image_size}");
        judged.problem("views.resize", allowed, None)
    })
}

/// After the last stage something must be left: the small stem shrinks a side 8 times, the standard
/// one 32 times.
fn image_size(judged: &Judged<'_>) -> Option<Problem> {
    let is_standard = judged.text("encoder.stem")? == "standard";
    let image_size = judged.integer("views.image_size")?;
    (is_standard && image_size < 32).then(|| {
        judged.problem(
            "views.image_size",
            "at least 32 with `encoder.stem` \"standard\"".to_owned(),
            Some("for small images use `--set encoder.stem=small`"),
        )
    })
}

fn max_images(judged: &Judged<'_>) -> Option<Problem> {
    let (images, batch) = (judged.integer("data.max_images")?, judged.integer("train.batch_size")?);
    (images != 0 && images < batch).then(|| {
        let allowed = format!("0, or at least one batch: `train.batch_size` is {batch}");
        judged.problem("data.max_images", allowed, None)
    })
}

/// Images of another version are other images; a run that began with them cannot go on here.
fn synthetic_version(judged: &Judged<'_>) -> Option<Problem> {
    let version = judged.integer("data.synthetic_version")?;
    let is_synthetic = ["data.source", "probe.train", "probe.test"].into_iter().any(|key| {
        let spec = judged.text(key).and_then(|text| SourceSpec::parse(text).ok());
        spec.is_some_and(|spec| spec.has_kind(SourceKind::Synthetic))
    });
    (is_synthetic && version != i64::from(Synthetic::VERSION)).then(|| {
        let allowed = format!("{}, which this version of the program draws", Synthetic::VERSION);
        judged.problem("data.synthetic_version", allowed, None)
    })
}
