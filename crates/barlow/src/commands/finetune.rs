//! `barlow finetune`: encoder and classifier trained on labelled images.

mod folder;

use std::sync::Arc;

use anyhow::Context;
use barlow_data::source::{Source, Subset};
use barlow_nn::{Classifier, Encoder, Initializer, LinearClassifier, encoder_file};
use barlow_train::finetune::{
    FinetuneConfig, FinetuneEnd, FinetuneEvent, FinetuneHooks, Finetuned, crop_and_flip,
    finetune as train,
};
use barlow_train::interrupt::{Interrupt, Signal};
use barlow_train::supervised::{SupervisedConfig, SupervisedRates};
use barlow_weights::EncoderFacts;
use serde_json::{Value, json};

use self::folder::{CLASSIFIER, ENCODER, Folder};
use super::output;
use super::progress::Progress;
use crate::arguments::{FinetuneArguments, FinetuneChoice};
use crate::classified::{Classified, save_classifier};
use crate::exit::Exit;
use crate::frozen::{Frozen, Pair};

/// Official evaluate.py.
const MOMENTUM: f64 = 0.9;

/// Trains and judges a classifier.
///
/// # Errors
/// If an option is wrong, weights, images or the folder cannot be used, or training fails.
pub fn finetune(arguments: &FinetuneArguments) -> anyhow::Result<Exit> {
    let choice = arguments.check()?;
    let mut frozen = Frozen::open(&choice.encoder)?;
    let pair = frozen.pair(&arguments.train, &arguments.test)?;
    let labelled = Subset::labelled(Arc::clone(&pair.train));
    let part: Arc<dyn Source> =
        Arc::new(Subset::fraction(labelled, choice.percent / 100.0, choice.seed));
    let request = request(arguments, &choice, &frozen, &*part);
    let out = arguments.out.as_deref();
    let folder = Folder::open(out, &request, arguments.resume, arguments.overwrite)?;
    let unwritable = || format!("`{}` cannot be written", folder.path().display());
    folder.write_images((0..part.len()).map(|id| part.name(id))).with_context(unwritable)?;

    let trained = match train_on(&part, &frozen, &choice, arguments.from_scratch, &folder)? {
        FinetuneEnd::Interrupted(signal) => {
            let out = folder.path().display();
            output::message(&format!("interrupted, saved; go on with `--out {out} --resume`"));
            return Ok(match signal {
                Signal::Interrupt => Exit::Interrupted,
                Signal::Terminate => Exit::Terminated,
            });
        }
        FinetuneEnd::Finished(trained) => trained,
    };
    for image in &trained.bad_images {
        output::message(&format!("warning: `{}` is skipped: {}", image.name, image.reason));
    }
    let progress = Progress::new();
    frozen.encoder = trained.classifier.encoder.clone();
    let mut test = frozen.represent(&pair.test, &progress)?;
    progress.clear();
    barlow_eval::align_labels(&mut test, pair.test.classes(), pair.train.classes());
    let judged = Classified::new(&trained.classifier.fc, &test, pair.train.classes())?;

    let facts = facts(&frozen, &request);
    folder
        .write(ENCODER, |out| encoder_file::write(&frozen.encoder, &facts, out))
        .with_context(unwritable)?;
    folder
        .write(CLASSIFIER, |out| {
            save_classifier(&trained.classifier.fc, pair.train.classes(), &request, out)
        })
        .with_context(unwritable)?;
    report(arguments, &folder, &pair, &request, &trained, &judged)
}

/// What was asked for: the protocol that stands beside the score.
fn request(
    arguments: &FinetuneArguments,
    choice: &FinetuneChoice,
    frozen: &Frozen,
    part: &dyn Source,
) -> Value {
    json!({
        "from_scratch": arguments.from_scratch,
        "percent": choice.percent,
        "train_images": part.len(),
        "train": part.fingerprint(),
        "seed": choice.seed,
        "epochs": choice.epochs,
        "batch_size": choice.batch_size.min(part.len()),
        "optimizer": "sgd",
        "momentum": MOMENTUM,
        "encoder_learning_rate": choice.encoder_learning_rate,
        "classifier_learning_rate": choice.classifier_learning_rate,
        "weight_decay": choice.weight_decay,
        "schedule": choice.decay,
        "views": "random crop, mirror image",
        "seen": frozen.protocol(),
        "version": env!("CARGO_PKG_VERSION"),
    })
}

fn train_on(
    part: &Arc<dyn Source>,
    frozen: &Frozen,
    choice: &FinetuneChoice,
    from_scratch: bool,
    folder: &Folder,
) -> anyhow::Result<FinetuneEnd> {
    let device = frozen.device.clone().autodiff();
    let initializer = Initializer::new(choice.seed, &device);
    let config = &frozen.facts.encoder;
    let fresh = Encoder::new(config, &initializer.part("encoder"));
    let encoder = if from_scratch {
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
            is_frozen: false,
            momentum: MOMENTUM,
            weight_decay: choice.weight_decay,
            precision: frozen.precision,
        },
        seed: choice.seed,
        workers: frozen.workers,
        max_bad_image_fraction: 0.01,
    };
    let interrupt = Interrupt::install().context("signals cannot be caught")?;
    let progress = Progress::new();
    let state = folder.state()?;
    if state.step > 0 {
        output::message(&format!("going on behind step {}", state.step));
    }
    let end = train(
        Classifier { encoder, fc },
        part,
        frozen.pipeline(vec![crop_and_flip()])?,
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
fn facts(frozen: &Frozen, request: &Value) -> EncoderFacts {
    let by = if request["from_scratch"] == true { "supervised" } else { "finetuned" };
    let objective = match by {
        "supervised" => "cross-entropy".to_owned(),
        _ => format!("{}, then cross-entropy", frozen.facts.objective),
    };
    EncoderFacts { objective, ..frozen.facts.clone() }
}

fn report(
    arguments: &FinetuneArguments,
    folder: &Folder,
    pair: &Pair,
    request: &Value,
    trained: &Finetuned,
    judged: &Classified,
) -> anyhow::Result<Exit> {
    let mut document = judged.document();
    document["protocol"] = request.clone();
    document["training"] = json!(trained.epochs);
    document["test_images"] = json!(judged.images());
    document["out"] = json!(folder.path());
    folder.write_scores(&document)?;
    if arguments.json {
        output::json(&document)?;
        return Ok(Exit::Done);
    }
    let kind = if arguments.from_scratch { "from scratch" } else { "fine-tuned" };
    let number = |key: &str| request[key].to_string();
    output::text(&format!(
        "{kind}: {} ({} % of the labels: {} images, {} epochs, batches of {}, SGD at {} and {} for \
         encoder and classifier, momentum {MOMENTUM}, weight decay {}, seed {})\nfolder: {}",
        judged.in_words(pair.train.classes().len()),
        number("percent"),
        number("train_images"),
        number("epochs"),
        number("batch_size"),
        number("encoder_learning_rate"),
        number("classifier_learning_rate"),
        number("weight_decay"),
        number("seed"),
        folder.path().display(),
    ))?;
    Ok(Exit::Done)
}
