//! Verdicts on real runs of the loop, seconds each, that differ in one thing.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use barlow_data::DecodedImage;
use barlow_data::decode::ImageError;
use barlow_data::source::{Source, Synthetic};
use barlow_data::views::{RangeConfig, ViewConfig, ViewPipeline, ViewPipelineConfig};
use barlow_nn::collective::SingleRank;
use barlow_nn::{EncoderName, Stem};
use barlow_objectives::{ConstantValue, Finding, ObjectiveConfig, Registry, Verdict};
use barlow_train::event::{Event, Observer};
use barlow_train::probe::Probe;
use barlow_train::run::{End, Run, TrainError, train};
use barlow_train::run_directory::{OpenMode, RunDirectory};
use barlow_train::settings::{OptimizerName, Settings};
use burn::tensor::Device;

/// A run that learns within seconds: 5 epochs of 8 steps, λ a few times 1/d.
fn ordinary() -> Settings {
    let mut settings = Settings::default();
    settings.data.channels = 3;
    settings.data.workers = 2;
    settings.views.image_size = 16;
    settings.encoder.name = EncoderName::ResNet18;
    settings.encoder.width = 8;
    settings.encoder.stem = Stem::Small;
    settings.projector.widths = "64-64".parse().expect("widths");
    settings.objective.constants.set("lambda", ConstantValue::Number(0.05));
    settings.optimizer.base_learning_rate = 5.0;
    settings.optimizer.base_learning_rate_biases = 0.1;
    settings.schedule.epochs = 5;
    settings.schedule.warmup_epochs = 1;
    settings.train.batch_size = 64;
    // The same run on every machine.
    "f32".clone_into(&mut settings.train.precision);
    settings.probe.every_epochs = 0;
    for view in [&mut settings.views.a, &mut settings.views.b] {
        view.crop_scale = [0.2, 1.0];
        view.blur_sigma = [0.1, 1.0];
    }
    settings
}

#[derive(Debug, Default)]
struct Verdicts(Vec<Finding>);

impl Observer for Verdicts {
    fn event(&mut self, event: &Event) {
        if let Event::Epoch { health, epoch: 1.., .. } = event {
            self.0.push(health.clone());
        }
    }
}

/// The verdict after each epoch but epoch 0.
fn verdicts(
    settings: &Settings,
    source: Arc<dyn Source>,
    folder: &Path,
) -> (Vec<Finding>, Result<End, TrainError>) {
    let pipeline = ViewPipeline::new(ViewPipelineConfig {
        image_size: settings.views.image_size,
        channels: 3,
        mean: vec![0.5; 3],
        std: vec![0.25; 3],
        resize: None,
        range: RangeConfig::Full,
        evaluation_shuffle: None,
        views: vec![settings.views.a.clone(), settings.views.b.clone()],
    });
    let directory = RunDirectory::open(folder, OpenMode::New).expect("a new directory");
    let run = Run {
        settings,
        source: Arc::clone(&source),
        pipeline: Arc::new(pipeline.expect("views that can be made")),
        probe: Probe::new(source, None, &settings.probe, 0),
        registry: &Registry::default(),
        collective: &SingleRank,
        initial: None,
        device: Device::flex(),
        directory: &directory,
        version: "test",
        environment: String::new(),
    };
    let mut observer = Verdicts::default();
    let result = train(&run, &mut observer, &|| None);
    (observer.0, result.map(|outcome| outcome.end))
}

fn verdicts_of(settings: &Settings) -> Vec<Finding> {
    let folder = tempfile::tempdir().expect("a folder");
    let (verdicts, end) =
        verdicts(settings, Arc::new(Synthetic::new(512, 0)), &folder.path().join("run"));
    assert_eq!(end.expect("a run that ends well"), End::Finished);
    verdicts
}

fn assert_all(verdicts: &[Finding], expected: Verdict) {
    assert!(verdicts.iter().all(|found| found.verdict == expected), "{verdicts:#?}");
}

#[test]
fn an_ordinary_run_is_healthy_throughout() {
    let mut settings = ordinary();
    settings.schedule.epochs = 12;
    let verdicts = verdicts_of(&settings);
    assert_eq!(verdicts.len(), 12);
    assert_all(&verdicts, Verdict::Healthy);
}

#[test]
fn a_rate_a_hundred_times_too_high_is_diverging() {
    let mut settings = ordinary();
    settings.optimizer.base_learning_rate *= 100.0;
    settings.optimizer.base_learning_rate_biases *= 100.0;
    // The rate stays where the warm-up takes it: a falling one may save the run in the end.
    settings.schedule.final_fraction = 1.0;
    let verdicts = verdicts_of(&settings);
    assert_all(&verdicts[1..], Verdict::Diverging);
}

#[test]
fn without_the_redundancy_reduction_term_dimensions_become_redundant() {
    let mut settings = ordinary();
    settings.objective.constants.set("lambda", ConstantValue::Number(0.0));
    settings.schedule.epochs = 12;
    let verdicts = verdicts_of(&settings);
    assert_all(&verdicts[9..], Verdict::Redundant);
}

#[test]
fn eight_images_for_8192_dimensions_are_too_small_a_batch() {
    let mut settings = ordinary();
    settings.objective.constants.set("lambda", ConstantValue::Number(0.0051));
    settings.projector.widths = "8192".parse().expect("widths");
    settings.train.batch_size = 8;
    settings.data.max_images = 32;
    settings.schedule.epochs = 1;
    let folder = tempfile::tempdir().expect("a folder");
    let source = Arc::new(Synthetic::new(32, 0));
    let (verdicts, _) = verdicts(&settings, source, &folder.path().join("run"));
    assert_all(&verdicts, Verdict::BatchTooSmall);
}

/// One picture, over and over.
#[derive(Debug)]
struct SameImage(Synthetic);

impl Source for SameImage {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn load(&self, _id: usize) -> Result<DecodedImage, ImageError> {
        self.0.load(0)
    }

    fn name(&self, id: usize) -> String {
        self.0.name(id)
    }

    fn label(&self, _id: usize) -> Option<usize> {
        None
    }

    fn classes(&self) -> &[String] {
        &[]
    }

    fn fingerprint(&self) -> String {
        "one image".to_owned()
    }
}

#[test]
fn constant_embeddings_are_collapsed() {
    let mut settings = ordinary();
    settings.schedule.epochs = 1;
    let still = ViewConfig {
        crop_scale: [1.0, 1.0],
        crop_ratio: [1.0, 1.0],
        flip_probability: 0.0,
        jitter_probability: 0.0,
        grayscale_probability: 0.0,
        blur_probability: 0.0,
        solarize_probability: 0.0,
        ..ViewConfig::official_a()
    };
    settings.views.a = still.clone();
    settings.views.b = still;
    let folder = tempfile::tempdir().expect("a folder");
    let source = Arc::new(SameImage(Synthetic::new(128, 0)));
    let (verdicts, _) = verdicts(&settings, source, &folder.path().join("run"));
    assert_all(&verdicts, Verdict::Collapsed);
}

/// `SimSiam` at a rate that shows within seconds what comes of it; the last batch norm keeps
/// embeddings apart by force.
fn simsiam(stop_gradient: bool, final_norm: bool) -> Vec<Finding> {
    let mut settings = ordinary();
    settings.projector.final_norm = final_norm;
    settings.objective = ObjectiveConfig { name: "simsiam".to_owned(), ..Default::default() };
    let constants = &mut settings.objective.constants;
    constants.set("predictor", ConstantValue::Text("16-64".into()));
    constants.set("stop_gradient", ConstantValue::Boolean(stop_gradient));
    settings.optimizer.name = OptimizerName::Sgd;
    settings.optimizer.base_learning_rate = 2.0;
    settings.optimizer.base_learning_rate_biases = 2.0;
    settings.schedule.epochs = 4;
    verdicts_of(&settings)
}

/// The last verdict is a collapse that began at one of these steps, and its reason has these words.
fn assert_collapsed(verdicts: &[Finding], since: Range<u64>, words: &[&str]) {
    let last = verdicts.last().expect("an epoch");
    assert_eq!(last.verdict, Verdict::Collapsed, "{verdicts:#?}");
    assert!(last.since_step.is_some_and(|step| since.contains(&step)), "{last:#?}");
    for said in words {
        assert!(last.reason.contains(said), "{last:#?}");
    }
}

#[test]
fn simsiam_without_stop_gradient_is_collapsed_since_a_step_that_is_named() {
    assert_collapsed(&simsiam(false, false), 8..32, &["set `objective.stop_gradient` to true"]);
}

#[test]
fn simsiam_without_stop_gradient_collapses_onto_a_line_where_the_last_norm_forbids_a_point() {
    let words = ["of 64 directions only", "set `objective.stop_gradient` to true"];
    assert_collapsed(&simsiam(false, true), 1..32, &words);
    assert_all(&simsiam(true, true), Verdict::Healthy);
}

#[test]
fn simsiam_with_stop_gradient_is_healthy_where_it_collapses_without() {
    assert_all(&simsiam(true, false), Verdict::Healthy);
}

#[test]
fn numbers_that_are_not_finite_end_the_run_with_the_last_good_state_kept() {
    let mut settings = ordinary();
    settings.optimizer.name = OptimizerName::Sgd;
    settings.optimizer.base_learning_rate = 1e30;
    settings.schedule.warmup_epochs = 0;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run");
    let (_, end) = verdicts(&settings, Arc::new(Synthetic::new(512, 0)), &path);
    assert!(matches!(end, Err(TrainError::Skipped { steps: 3, .. })), "{end:?}");
    let (arrays, _) = barlow_nn::tensor_file::read(&path.join("encoder.safetensors"))
        .expect("the encoder of the last good step");
    for (name, array) in arrays {
        let values = array.to_f32().expect("f32");
        assert!(values.iter().all(|value| value.is_finite()), "{name}");
    }
}
