//! `barlow inspect`: the health of a representation, without labels.

mod pictures;

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use barlow_data::loader::{Loader, LoaderConfig};
use barlow_data::source::{Source, Subset};
use barlow_data::views::ViewConfig;
use barlow_eval::{
    Agreement, Bottleneck, CrossCorrelation, Diagnosis, Dimensions, Features, Measure, Pairs, Rows,
    Spectrum, TotalCorrelation, diagnose, noise_variance,
};
use barlow_nn::{Initializer, Pass, Projector, named};
use barlow_objectives::{BarlowTwins, ConstantValue, ObjectiveConfig};
use barlow_train::finetune::even_batches;
use barlow_train::represent::rows;
use burn::tensor::{Tensor, TensorData};
use serde_json::{Value, json};

use super::output;
use super::progress::Progress;
use crate::arguments::{InspectArguments, InspectChoice};
use crate::exit::Exit;
use crate::frozen::Frozen;
use crate::settings::from_config_toml;
use crate::weights_file::{WeightsFile, projector_config, projector_of};

/// More images than this say little more, and cost more.
const MOST_IMAGES: usize = 4096;
/// Images that are computed together in several views; a few are left out where it does not divide.
const BATCH_SIZE: usize = 64;
/// Eigenvalues that are printed for people; a program gets all.
const PRINTED_EIGENVALUES: usize = 8;

/// Prints measures of the representation and, on request, of the embedding.
///
/// # Errors
/// If an option is wrong, weights or images cannot be used, or a picture cannot be written.
pub fn inspect(arguments: &InspectArguments) -> anyhow::Result<Exit> {
    let choice = arguments.check()?;
    let folder = arguments.out.as_deref();
    if let Some(folder) = folder {
        pictures::refuse_existing(folder, arguments.overwrite)?;
    }
    let frozen = Frozen::open(&choice.encoder)?;
    let projector =
        if arguments.projector { Some(projector(&frozen, &choice.encoder.weights)?) } else { None };
    let whole = frozen.source(&arguments.data)?;
    let source: Arc<dyn Source> =
        if choice.encoder.max_images.is_none() && whole.len() > MOST_IMAGES {
            Arc::new(Subset::sample(Arc::clone(&whole), MOST_IMAGES, choice.seed))
        } else {
            Arc::clone(&whole)
        };
    let (views, origin, lambda) = distributions(&choice);
    let progress = Progress::new();
    let centre = frozen.represent(&source, &progress)?;
    let seen = seen(&frozen, &source, &views, &choice, &progress)?;
    progress.clear();

    let mut parts = vec![Part::of("representation", &centre, &seen, choice.beta, lambda)?];
    if let Some(projector) = &projector {
        let project = |features: &Features| -> anyhow::Result<Features> {
            let view = rows(features, 0..features.len(), &frozen.device);
            let embedding = projector.forward(view, &Pass::evaluation(frozen.precision))?;
            let dim = embedding.dims()[1];
            let values = embedding.into_data().iter::<f32>().collect();
            Ok(Features { values, dim, ..features.clone() })
        };
        let views = seen.iter().map(project).collect::<Result<Vec<_>, _>>()?;
        parts.push(Part::of("embedding", &project(&centre)?, &views, choice.beta, lambda)?);
    }
    let mut written = Vec::new();
    if let Some(folder) = folder {
        written = pictures::draw(folder, &parts, &frozen, &*source, &centre)?;
    }
    let protocol = json!({
        "images": centre.len(),
        "images_in_views": seen[0].len(),
        "of": whole.len(),
        "views": choice.views,
        "view_distributions": origin,
        "beta": choice.beta,
        "lambda": lambda,
        "seed": choice.seed,
        "seen": frozen.protocol(),
    });
    report(&parts, &protocol, &written, arguments.json)
}

/// The projector, on the encoder's device.
fn projector(frozen: &Frozen, weights: &Path) -> anyhow::Result<Projector> {
    let tensors = projector_of(weights, &WeightsFile::open(weights, None)?)?;
    let input = frozen.facts.encoder.representation_dim();
    let projector = projector_config(&tensors)?.init(input, &Initializer::new(0, &frozen.device));
    Ok(named::load(projector, &tensors, "")?)
}

/// The views of each image by turns, where they come from, and the run's λ.
fn distributions(choice: &InspectChoice) -> (Vec<ViewConfig>, &'static str, f64) {
    let path = choice.encoder.weights.with_file_name("config.toml");
    let run = std::fs::read_to_string(&path).ok();
    let settings = run.and_then(|text| from_config_toml(&text, &path).ok());
    let (two, origin, lambda) = match settings {
        Some(settings) => {
            let (a, b) = (settings.views.a, settings.views.b);
            ([a, b], "those of the run", run_lambda(&settings.objective))
        }
        None => (
            [ViewConfig::official_a(), ViewConfig::official_b()],
            "those of the official code",
            run_lambda(&ObjectiveConfig::default()),
        ),
    };
    (two.into_iter().cycle().take(choice.views).collect(), origin, lambda)
}

/// λ of an objective that has one; otherwise Barlow Twins' own.
fn run_lambda(objective: &ObjectiveConfig) -> f64 {
    match objective.constants.get("lambda") {
        Some(&ConstantValue::Number(lambda)) => lambda,
        _ => BarlowTwins::LAMBDA,
    }
}

/// The representation of each view of the images, an image in the same row of all.
fn seen(
    frozen: &Frozen,
    source: &Arc<dyn Source>,
    views: &[ViewConfig],
    choice: &InspectChoice,
    progress: &Progress,
) -> anyhow::Result<Vec<Features>> {
    let mut found = vec![Features::default(); views.len()];
    let [batch_size, _] = even_batches(source.len(), BATCH_SIZE);
    let config = LoaderConfig {
        batch_size,
        workers: frozen.workers,
        seed: choice.seed,
        prefetch: 1,
        max_bad_image_fraction: 1.0,
    };
    let loader = Loader::new(Arc::clone(source), frozen.pipeline(views)?, config)?;
    let pass = Pass::evaluation(frozen.precision);
    for batch in loader.batches(0, loader.steps_per_epoch()) {
        let batch = batch.context("the images cannot be loaded")?;
        for (found, view) in found.iter_mut().zip(batch.views) {
            let view = Tensor::from_data(TensorData::new(view.data, view.shape), &frozen.device);
            let representation = frozen.encoder.forward(view, &pass)?;
            found.dim = representation.dims()[1];
            found.values.extend(representation.into_data().iter::<f32>());
            found.ids.extend(&batch.ids);
            found.labels.extend(&batch.labels);
        }
        progress.evaluating(found[0].len(), source.len());
    }
    Ok(found)
}

/// Everything that is known of one layer.
struct Part {
    layer: &'static str,
    diagnosis: Diagnosis,
    dimensions: Dimensions,
    spectrum: Spectrum,
    cross_correlation: CrossCorrelation,
    measures: Vec<Measure>,
}

impl Part {
    /// Of the images in the evaluation's view, and in several views each.
    fn of(
        layer: &'static str,
        centre: &Features,
        views: &[Features],
        beta: f64,
        lambda: f64,
    ) -> anyhow::Result<Self> {
        let rows = Rows::new(&centre.values, centre.dim)?;
        let (dimensions, spectrum) = (Dimensions::of(rows), Spectrum::of(rows));
        let dim = centre.dim;
        let views: Vec<&[f32]> = views.iter().map(|view| &view.values[..]).collect();
        let pair = [views[0], views[1]];
        let cross_correlation = CrossCorrelation::of(pair, dim)?;
        let bottleneck = Bottleneck::of(&views, dim, noise_variance(&views, dim)?)?;
        let mut measures = dimensions.measures();
        measures.extend(spectrum.measures());
        measures.extend(Pairs::of(rows).measures());
        measures.extend(Agreement::of(pair, dim)?.measures());
        measures.extend(cross_correlation.measures(lambda));
        measures.extend(bottleneck.measures(beta));
        measures.extend(TotalCorrelation::of(rows).measures());
        let diagnosis = diagnose(&dimensions, &spectrum, Some(&cross_correlation));
        Ok(Self { layer, diagnosis, dimensions, spectrum, cross_correlation, measures })
    }

    fn document(&self) -> Value {
        let Self { diagnosis, dimensions, spectrum, measures, .. } = self;
        json!({
            "condition": diagnosis.condition.as_str(),
            "reasons": diagnosis.reasons,
            "deviation_deciles": dimensions.deviation_deciles,
            "eigenvalues": spectrum.eigenvalues,
            "measures": measures.iter().map(|measure| json!({
                "name": measure.name,
                "value": measure.value,
                "unit": measure.unit,
                "formula": measure.formula,
                "meaning": measure.meaning,
            })).collect::<Vec<_>>(),
        })
    }

    fn in_words(&self) -> String {
        let Self { layer, diagnosis, spectrum, measures, .. } = self;
        let mut lines = vec![format!(
            "{layer}: {}: {}",
            diagnosis.condition.as_str(),
            diagnosis.reasons.join("; ")
        )];
        let first = spectrum.explained().into_iter().take(PRINTED_EIGENVALUES);
        let shares: Vec<String> = first.map(|share| format!("{:.1}", 100.0 * share)).collect();
        lines.push(format!("  variance along the first directions, %: {}", shares.join(", ")));
        for measure in measures {
            let unit = if measure.unit.is_empty() { "" } else { " " };
            lines.push(format!(
                "  {} = {}{unit}{}\n      {}\n      {}",
                measure.name,
                in_digits(measure.value),
                measure.unit,
                measure.formula,
                measure.meaning
            ));
        }
        lines.join("\n")
    }
}

/// Counts as they are, other numbers to four digits or so.
fn in_digits(value: f64) -> String {
    if value.fract() == 0.0 {
        format!("{value}")
    } else if value.abs() < 1e-3 {
        format!("{value:.3e}")
    } else {
        format!("{value:.4}")
    }
}

fn report(
    parts: &[Part],
    protocol: &Value,
    written: &[String],
    as_json: bool,
) -> anyhow::Result<Exit> {
    if as_json {
        let mut document = json!({ "protocol": protocol, "pictures": written });
        for part in parts {
            document[part.layer] = part.document();
        }
        output::json(&document)?;
        return Ok(Exit::Done);
    }
    let mut lines: Vec<String> = parts.iter().map(Part::in_words).collect();
    lines.push(format!(
        "protocol: {} of {} images, {} of them in {} views each ({}), beta {}, lambda {}, seed {}",
        protocol["images"],
        protocol["of"],
        protocol["images_in_views"],
        protocol["views"],
        protocol["view_distributions"].as_str().unwrap_or_default(),
        protocol["beta"],
        protocol["lambda"],
        protocol["seed"]
    ));
    lines.extend(written.iter().map(|path| format!("picture: {path}")));
    output::text(&lines.join("\n"))?;
    Ok(Exit::Done)
}
