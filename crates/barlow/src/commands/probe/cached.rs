//! Classifiers of representations that are computed once: L-BFGS, or SGD.

use barlow_eval::{LinearConfig, LinearOptimizer, LinearOutcome, LinearSetting, Sgd, train_linear};
use serde_json::{Value, json};

use super::{Row, write_result};
use crate::arguments::{ProbeArguments, ProbeChoice, ProbeProtocol};
use crate::classified::Classified;
use crate::commands::progress::Progress;
use crate::frozen::Frozen;

/// Trains on the first source and judges on the second.
pub(super) fn judge(
    arguments: &ProbeArguments,
    choice: &ProbeChoice,
    frozen: &Frozen,
    [train, test]: [&String; 2],
) -> anyhow::Result<Row> {
    let out = arguments.out.as_deref();
    let pair = frozen.pair(train, test)?;
    let progress = Progress::new();
    let [learnt, judged] = frozen.represent_pair(&pair, &progress)?;
    progress.clear();
    let outcome = train_linear(&learnt, &config(choice))?;
    let classes = pair.train.classes();
    let classified = Classified::new(&outcome.classifier, &judged, classes)?;
    let protocol = protocol(choice, &outcome, learnt.labels.iter().flatten().count());
    let mut document = classified.document();
    document["protocol"] = protocol.clone();
    document["training_accuracy"] = json!(outcome.training_accuracy);
    document["train"] = json!(train);
    document["test"] = json!(test);
    document["seen"] = frozen.protocol();
    if let Some(folder) = out {
        write_result(folder, &outcome.classifier, classes, &document)?;
    }
    let mut lines = vec![format!(
        "linear probe: {} ({}; {} training images; {})",
        classified.in_words(),
        in_words(choice, &outcome),
        protocol["train_images"],
        frozen.seen_in_words()
    )];
    lines.extend(classified.by_class());
    Ok(Row { words: lines.join("\n"), score: document["accuracy"].as_f64(), document })
}

/// What is tried.
fn config(choice: &ProbeChoice) -> LinearConfig {
    if choice.protocol == ProbeProtocol::Sgd {
        let default = Sgd::default();
        let optimizer = LinearOptimizer::Sgd(Sgd {
            learning_rate: choice.learning_rate.unwrap_or(default.learning_rate),
            epochs: choice.epochs.unwrap_or(default.epochs),
            batch_size: choice.encoder.batch_size.unwrap_or(default.batch_size),
            ..default
        });
        let decay = choice.weight_decay.unwrap_or(0.0);
        let settings = vec![LinearSetting { optimizer, decay }];
        return LinearConfig { settings, ..LinearConfig::sgd(choice.seed) };
    }
    let mut config = LinearConfig { seed: choice.seed, ..LinearConfig::default() };
    if let Some(decay) = choice.weight_decay {
        config.settings.truncate(1);
        config.settings[0].decay = decay;
    }
    config
}

/// How the classifier came about, for a program.
fn protocol(choice: &ProbeChoice, outcome: &LinearOutcome, train_images: usize) -> Value {
    let mut protocol = json!({
        "encoder": "frozen",
        "features": "standardised on the training images",
        "views": "centre crop",
        "weight_decay": outcome.setting.decay,
        "train_images": train_images,
        "seed": choice.seed,
        "version": env!("CARGO_PKG_VERSION"),
    });
    match outcome.setting.optimizer {
        LinearOptimizer::Sgd(sgd) => {
            protocol["optimizer"] = json!("sgd");
            protocol["learning_rate"] = json!(sgd.learning_rate);
            protocol["momentum"] = json!(sgd.momentum);
            protocol["epochs"] = json!(sgd.epochs);
            protocol["batch_size"] = json!(sgd.batch_size);
            protocol["schedule"] = json!("cosine");
        }
        LinearOptimizer::Lbfgs(lbfgs) => {
            protocol["optimizer"] = json!("l-bfgs");
            protocol["most_steps"] = json!(lbfgs.most_steps);
            protocol["tried"] = json!(
                config(choice)
                    .settings
                    .iter()
                    .zip(&outcome.held_out_accuracies)
                    .map(|(setting, accuracy)| {
                        json!({ "weight_decay": setting.decay, "held_out_accuracy": accuracy })
                    })
                    .collect::<Vec<_>>()
            );
            protocol["held_out_images"] = json!(outcome.held_out_images);
        }
    }
    protocol
}

/// How the classifier came about, for people.
fn in_words(choice: &ProbeChoice, outcome: &LinearOutcome) -> String {
    let decay = outcome.setting.decay;
    let how = match outcome.setting.optimizer {
        LinearOptimizer::Sgd(sgd) => format!(
            "SGD at {} along a cosine, momentum {}, weight decay {decay}, {} epochs, batches of {}",
            sgd.learning_rate, sgd.momentum, sgd.epochs, sgd.batch_size
        ),
        LinearOptimizer::Lbfgs(_) if outcome.held_out_images > 0 => format!(
            "L-BFGS, weight decay {decay} chosen among {} on {} held-out training images",
            config(choice).settings.len(),
            outcome.held_out_images
        ),
        LinearOptimizer::Lbfgs(_) => format!("L-BFGS, weight decay {decay}"),
    };
    format!("features standardised on the training set; {how}; seed {}", choice.seed)
}
