//! A trained encoder opened for evaluation: its device, how it sees images, and what it makes of
//! them.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail};
use barlow_data::decode::DecodeOptions;
use barlow_data::source::{OpenOptions, Source};
use barlow_data::views::{RangeConfig, ViewConfig, ViewPipeline, ViewPipelineConfig};
use barlow_eval::{Features, align_labels};
use barlow_nn::{Encoder, Precision};
use barlow_train::interrupt::Interrupt;
use barlow_train::represent::{RepresentConfig, represent};
use barlow_weights::EncoderFacts;
use burn::tensor::Device;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::arguments::EncoderChoice;
use crate::commands::output;
use crate::commands::progress::Progress;
use crate::devices::DeviceChoice;
use crate::exit::{Advised, Interrupted};
use crate::images;
use crate::weights_file::WeightsFile;

/// The fewest images that keep a processor busy; results do not depend on it.
const BATCH_SIZE: usize = 256;

/// Whether this process was asked to end; it takes over the signals when it is first called.
pub(crate) fn interrupt() -> anyhow::Result<Interrupt> {
    static INTERRUPT: Mutex<Option<Interrupt>> = Mutex::new(None);
    let mut installed = INTERRUPT.lock().unwrap_or_else(PoisonError::into_inner);
    if installed.is_none() {
        *installed = Some(Interrupt::install().context("signals cannot be caught")?);
    }
    installed.clone().context("signals cannot be caught")
}

/// The names of the classes that some image has.
fn classes_of(source: &dyn Source) -> BTreeSet<&str> {
    let labels: BTreeSet<usize> = (0..source.len()).filter_map(|id| source.label(id)).collect();
    labels.iter().filter_map(|&label| source.classes().get(label)).map(String::as_str).collect()
}

/// SHA-256 of a file, in hexadecimal.
fn checksum(path: &Path) -> io::Result<String> {
    let digest = Sha256::digest(std::fs::read(path)?);
    Ok(digest.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")))
}

/// How images become what an encoder sees.
pub(crate) fn evaluation_pipeline(
    facts: &EncoderFacts,
    image_size: usize,
    resize: usize,
    range: RangeConfig,
    views: &[ViewConfig],
) -> anyhow::Result<ViewPipeline> {
    let channels = facts.encoder.channels;
    Ok(ViewPipeline::new(ViewPipelineConfig {
        image_size,
        channels,
        mean: facts.mean.clone(),
        std: facts.std.clone(),
        resize: Some(resize),
        range,
        evaluation_shuffle: None,
        views: views.iter().map(|view| view.for_channels(channels)).collect(),
    })?)
}

/// An encoder, ready to see images.
#[derive(Debug)]
pub(crate) struct Frozen {
    pub(crate) encoder: Encoder,
    pub(crate) facts: EncoderFacts,
    pub(crate) device: Device,
    pub(crate) precision: Precision,
    pub(crate) workers: usize,
    /// SHA-256 of the file of the weights, in hexadecimal.
    checksum: String,
    image_size: usize,
    resize: usize,
    decode: DecodeOptions,
    range: RangeConfig,
    max_images: usize,
    batch_size: usize,
}

/// Labelled images to learn from and others to be judged by; classes are numbered alike.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) train: Arc<dyn Source>,
    pub(crate) test: Arc<dyn Source>,
}

impl Frozen {
    /// Opens the encoder of some options.
    ///
    /// # Errors
    /// If its file cannot be used.
    pub(crate) fn open(choice: &EncoderChoice) -> anyhow::Result<Self> {
        let device = choice.device.parse::<DeviceChoice>()?.open();
        let unusable = || format!("`{}` cannot be used", choice.weights.display());
        let file = WeightsFile::open(&choice.weights, None)?;
        let encoder = file.encoder_on(&device).with_context(unusable)?;
        let facts = file.facts;
        let files = images::files_of(&facts).with_context(unusable)?;
        let image_size = choice.image_size.unwrap_or(facts.image_size);
        let resize = match (choice.resize, choice.image_size) {
            (Some(resize), _) => resize.max(image_size),
            (None, Some(size)) => size,
            (None, None) => facts.resize,
        };
        let frozen = Self {
            encoder,
            precision: Precision::of(&choice.precision, &device),
            device,
            workers: images::workers(choice.workers),
            checksum: checksum(&choice.weights).with_context(unusable)?,
            image_size,
            resize,
            decode: files.decode,
            range: files.range,
            max_images: choice.max_images.unwrap_or(0),
            batch_size: choice.batch_size.unwrap_or(BATCH_SIZE),
            facts,
        };
        frozen.pipeline(&[])?;
        Ok(frozen)
    }

    /// How images become what the encoder sees; without views there is the evaluation's only.
    pub(crate) fn pipeline(&self, views: &[ViewConfig]) -> anyhow::Result<Arc<ViewPipeline>> {
        let Self { facts, image_size, resize, range, .. } = self;
        Ok(Arc::new(evaluation_pipeline(facts, *image_size, *resize, *range, views)?))
    }

    /// How a source is opened for this encoder.
    pub(crate) fn options(&self) -> OpenOptions {
        images::whole(self.decode.clone(), self.max_images, 0)
    }

    /// Opens images.
    pub(crate) fn source(&self, spec: &str) -> anyhow::Result<Arc<dyn Source>> {
        images::open(spec, &self.options())
    }

    /// Opens images to learn from and images to be judged by.
    ///
    /// # Errors
    /// If either has no labels, or no class is in both.
    pub(crate) fn pair(&self, train: &str, test: &str) -> anyhow::Result<Pair> {
        let options = self.options();
        let pair = Pair {
            train: images::open_labelled(train, &options)?,
            test: images::open_labelled(test, &options)?,
        };
        let known = classes_of(&*pair.train);
        if classes_of(&*pair.test).is_disjoint(&known) {
            bail!(Advised::new(
                format!("no image of `{test}` has a class of the images of `{train}`"),
                "classes are compared by name: see both with `barlow data`"
            ));
        }
        if self.max_images > 0 && known.len() < pair.train.classes().len() {
            output::message(&format!(
                "warning: the first {} images of `{train}` show {} of its {} classes",
                self.max_images,
                known.len(),
                pair.train.classes().len()
            ));
        }
        Ok(pair)
    }

    /// How the encoder runs over a source.
    pub(crate) fn config(&self) -> RepresentConfig {
        let Self { batch_size, workers, precision, .. } = *self;
        RepresentConfig { batch_size, workers, precision }
    }

    /// The representations of a source; images that cannot be decoded are named and left out.
    pub(crate) fn represent(
        &self,
        source: &Arc<dyn Source>,
        progress: &Progress,
    ) -> anyhow::Result<Features> {
        let (source, total) = (Arc::clone(source), source.len());
        let interrupt = interrupt()?;
        let mut show = |done| {
            progress.evaluating(done, total);
            interrupt.requested().is_none()
        };
        let pipeline = self.pipeline(&[])?;
        let (encoder, device) = (&self.encoder, &self.device);
        let (features, bad) =
            represent(encoder, source, pipeline, device, self.config(), &mut show)?;
        if let Some(signal) = interrupt.requested() {
            progress.clear();
            bail!(Interrupted(signal));
        }
        output::skipped(&bad);
        Ok(features)
    }

    /// The representations of both sources of a pair, the classes of the second numbered as the
    /// first has them.
    pub(crate) fn represent_pair(
        &self,
        pair: &Pair,
        progress: &Progress,
    ) -> anyhow::Result<[Features; 2]> {
        let train = self.represent(&pair.train, progress)?;
        let mut test = self.represent(&pair.test, progress)?;
        align_labels(&mut test, pair.test.classes(), pair.train.classes());
        Ok([train, test])
    }

    /// The facts of the file with the size of images as they are seen here.
    pub(crate) fn seen_facts(&self) -> EncoderFacts {
        let Self { image_size, resize, .. } = *self;
        EncoderFacts { image_size, resize, ..self.facts.clone() }
    }

    /// How images were seen, for a protocol that is printed beside a number.
    pub(crate) fn protocol(&self) -> Value {
        json!({
            "weights": self.checksum,
            "encoder": self.facts.encoder.name.as_str(),
            "width": self.facts.encoder.width,
            "objective": self.facts.objective,
            "epoch": self.facts.epoch,
            "image_size": self.image_size,
            "resize": self.resize,
            "precision": self.precision.name(),
        })
    }

    /// The same in words: how an image is brought to its size.
    pub(crate) fn seen_in_words(&self) -> String {
        let Self { resize, image_size, precision, .. } = self;
        let precision = precision.name();
        format!("shorter side to {resize} px, centre crop of {image_size} px, {precision}")
    }
}
