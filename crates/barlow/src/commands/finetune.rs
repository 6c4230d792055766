//! `barlow finetune`: encoder and classifier trained on labelled images.

mod folder;

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use barlow_data::source::{Source, Subset};
use barlow_eval::align_labels;
use barlow_nn::{Classifier, Encoder, Initializer, LinearClassifier, encoder_file};
use barlow_train::finetune::{
    Decay, FinetuneConfig, FinetuneEnd, FinetuneEvent, FinetuneHooks, crop_and_flip, even_batches,
    finetune as train,
};
use barlow_train::supervised::{SupervisedConfig, SupervisedRates};
use barlow_weights::EncoderFacts;
use serde_json::{Value, json};

use self::folder::{CLASSIFIER, ENCODER, Folder};
use super::output;
use super::progress::Progress;
use crate::arguments::{FinetuneArguments, FinetuneChoice};
use crate::classified::{Classified, of_layer, write_classifier};
use crate::exit::Exit;
use crate::frozen::{Frozen, interrupt};

/// Official evaluate.py.
const MOMENTUM: f64 = 0.9;

/// Trains and judges a classifier.
///
/// # Errors
/// If an option is wrong, weights, images or the folder cannot be used, or training fails.
pub fn finetune(arguments: &FinetuneArguments) -> anyhow::Result<Exit> {
    let place = Place {
        out: arguments.out.as_deref(),
        resume: arguments.resume,
        overwrite: arguments.overwrite,
    };
    match run(&arguments.check()?, [&arguments.train, &arguments.test], &place)? {
        Ended::Interrupted(exit) => return Ok(exit),
        Ended::Done { document, .. } if arguments.json => output::json(&document)?,
        Ended::Done { words, .. } => output::text(&words)?,
    }
    Ok(Exit::Done)
}

/// Where the result goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) out: Option<&'a Path>,
    pub(super) resume: bool,
    pub(super) overwrite: bool,
}

/// How it ended.
pub(super) enum Ended {
    Interrupted(Exit),
    Done { document: Value, words: String },
}

/// Trains on the images of the first source and judges on those of the second.
pub(super) fn run(
    choice: &FinetuneChoice,
    [train, test]: [&str; 2],
    place: &Place,
) -> anyhow::Result<Ended> {
    let mut frozen = Frozen::open(&choice.encoder)?;
    let pair = frozen.pair(train, test)?;
    let labelled = Subset::labelled(Arc::clone(&pair.train));
    let part: Arc<dyn Source> =
        Arc::new(Subset::fraction(labelled, choice.percent / 100.0, choice.seed));
    let request = request(choice, &frozen, &*part, &*pair.test);
    let folder =
        Folder::open(place, if choice.is_frozen { "probe" } else { "finetune" }, &request)?;
    let unwritable = || format!("`{}` cannot be written", folder.path().display());
    folder.write_images((0..part.len()).map(|id| part.name(id))).with_context(unwritable)?;

    let trained = match train_on(&part, &frozen, choice, &folder)? {
        FinetuneEnd::Interrupted(signal) => {
            let out = folder.path().display();
            output::message(&format!("interrupted, saved; go on with `--out {out} --resume`"));
            return Ok(Ended::Interrupted(signal.into()));
        }
        FinetuneEnd::Finished(trained) => trained,
    };
    output::skipped(&trained.bad_images);
    let progress = Progress::new();
    frozen.encoder = trained.classifier.encoder.clone();
    let mut features = frozen.represent(&pair.test, &progress)?;
    progress.clear();
    let classes = pair.train.classes();
    align_labels(&mut features, pair.test.classes(), classes);
    let classifier = of_layer(&trained.classifier.fc);
    let judged = Classified::new(&classifier, &features, classes)?;

    if !choice.is_frozen {
        let facts = facts(&frozen, choice);
        folder
            .write(ENCODER, |out| encoder_file::write(&frozen.encoder, &facts, out))
            .with_context(unwritable)?;
    }
    folder
        .write(CLASSIFIER, |out| write_classifier(&classifier, classes, &request, out))
        .with_context(unwritable)?;
    let mut document = judged.document();
    document["protocol"] = request;
    document["training"] = json!(trained.epochs);
    document["train"] = json!(train);
    document["test"] = json!(test);
    document["out"] = json!(folder.path());
    folder.write_scores(&document)?;
    let words = in_words(choice, &frozen, &judged, &document);
    Ok(Ended::Done { document, words })
}

/// What was asked for: the protocol that stands beside the score.
fn request(
    choice: &FinetuneChoice,
    frozen: &Frozen,
    part: &dyn Source,
    test: &dyn Source,
) -> Value {
    let [batch_size, steps_per_epoch] = even_batches(part.len(), choice.batch_size);
    let mut seen = frozen.protocol();
    if choice.from_scratch {
        seen["objective"] = json!("none");
        seen["epoch"] = json!(0);
    }
    json!({
        "encoder": match choice {
            FinetuneChoice { is_frozen: true, .. } => "frozen",
            FinetuneChoice { from_scratch: true, .. } => "from scratch",
            _ => "fine-tuned",
        },
        "percent": choice.percent,
        "train_images": part.len(),
        "train": part.fingerprint(),
        "test": test.fingerprint(),
        "seed": choice.seed,
        "epochs": choice.epochs,
        "batch_size": batch_size,
        "steps_per_epoch": steps_per_epoch,
        "optimizer": "sgd",
        "momentum": MOMENTUM,
        "encoder_learning_rate": choice.encoder_learning_rate,
        "classifier_learning_rate": choice.classifier_learning_rate,
        "weight_decay": choice.weight_decay,
        "schedule": choice.decay,
        "views": "random crop, mirror image",
        "seen": seen,
        "version": env!("CARGO_PKG_VERSION"),
    })
}

fn train_on(
    part: &Arc<dyn Source>,
    frozen: &Frozen,
    choice: &FinetuneChoice,
    folder: &Folder,
) -> anyhow::Result<FinetuneEnd> {
    let device = frozen.device.clone().autodiff();
    let initializer = Initializer::new(choice.seed, &device);
    let config = &frozen.facts.encoder;
    let fresh = Encoder::new(config, &initializer.part("encoder"));
    let encoder = if choice.from_scratch {
        fresh
    } else {
        let weights = barlow_nn::named::arrays(&frozen.encoder, "");
        barlow_nn::named::load(fresh, &weights, "")?
    };
    let classes = part.classes().len();
    let fc = LinearClassifier::new(config.representation_dim(), classes, &initializer.part("fc"));
    let config = FinetuneConfig {
        epochs: choice.epochs,
        batch_size: choice.batch_size,
        rates: SupervisedRates {
            encoder: choice.encoder_learning_rate,
            classifier: choice.classifier_learning_rate,
        },
        decay: choice.decay.clone(),
        supervised: SupervisedConfig {
            is_frozen: choice.is_frozen,
            momentum: MOMENTUM,
            weight_decay: choice.weight_decay,
            precision: frozen.precision,
        },
        seed: choice.seed,
        workers: frozen.workers,
        max_bad_image_fraction: 0.01,
    };
    let interrupt = interrupt()?;
    let progress = Progress::new();
    let state = folder.state()?;
    if state.step > 0 {
        output::message(&format!("going on behind step {}", state.step));
    }
    let end = train(
        Classifier { encoder, fc },
        part,
        frozen.pipeline(&[crop_and_flip()])?,
        &frozen.device,
        &config,
        state,
        FinetuneHooks {
            observe: &mut |event| match event {
                FinetuneEvent::Step(step, of) => progress.training(step, of),
                FinetuneEvent::Epoch(epoch) => progress.line(&format!(
                    "epoch {}: cross-entropy {:.4}, {:.2} % of the training images right",
                    epoch.epoch,
                    epoch.loss,
                    100.0 * epoch.accuracy
                )),
            },
            save: &mut |state| folder.save(state),
            interrupted: &|| interrupt.requested(),
        },
    );
    progress.clear();
    Ok(end?)
}

/// What the trained encoder's file says of itself.
fn facts(frozen: &Frozen, choice: &FinetuneChoice) -> EncoderFacts {
    let objective = if choice.from_scratch {
        "cross-entropy".to_owned()
    } else {
        format!("{}, then cross-entropy", frozen.facts.objective)
    };
    EncoderFacts { objective, epoch: choice.epochs, ..frozen.seen_facts() }
}

fn in_words(
    choice: &FinetuneChoice,
    frozen: &Frozen,
    judged: &Classified,
    document: &Value,
) -> String {
    let protocol = &document["protocol"];
    let rates = if choice.is_frozen {
        format!("SGD at {}", choice.classifier_learning_rate)
    } else {
        format!(
            "SGD at {} and {} for encoder and classifier",
            choice.encoder_learning_rate, choice.classifier_learning_rate
        )
    };
    format!(
        "{}: {} ({} % of the labels: {} images, {} epochs, batches of {}, {rates}, momentum \
         {MOMENTUM}, weight decay {}, {}, random crop and mirror image, seed {}; judged: {})\nfolder: {}",
        protocol["encoder"].as_str().unwrap_or_default(),
        judged.in_words(),
        choice.percent,
        protocol["train_images"],
        choice.epochs,
        protocol["batch_size"],
        choice.weight_decay,
        match &choice.decay {
            Decay::Cosine => "cosine",
            Decay::Steps { .. } => "the paper's steps",
        },
        choice.seed,
        frozen.seen_in_words(),
        document["out"].as_str().unwrap_or_default(),
    )
}
