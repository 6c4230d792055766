//! `barlow probe`: a linear classifier on the frozen encoder, on one set or several.

mod cached;
mod multi_label;

use std::fs;
use std::path::Path;

use anyhow::Context;
use barlow_eval::LinearClassifier;
use barlow_train::finetune::Decay;
use serde_json::{Value, json};

use super::export::{refuse_existing, write_whole};
use super::finetune::{Ended, Place, run};
use super::output;
use crate::arguments::{FinetuneChoice, ProbeArguments, ProbeChoice, ProbeProtocol};
use crate::classified::write_classifier;
use crate::exit::{Exit, Usage};
use crate::frozen::Frozen;

/// One result.
struct Row {
    /// What is printed for people.
    words: String,
    /// What a program reads.
    document: Value,
    /// The number of the table: top-1 accuracy or mean average precision, 0..1.
    score: Option<f64>,
}

/// Trains and judges a classifier for each pair of sources.
///
/// # Errors
/// If an option is wrong, weights, images or the folder cannot be used, or training fails.
pub fn probe(arguments: &ProbeArguments) -> anyhow::Result<Exit> {
    let choice = arguments.check()?;
    refuse_useless(arguments, &choice)?;
    let pairs = arguments.train.iter().zip(&arguments.test);
    let mut rows = Vec::new();
    if choice.protocol == ProbeProtocol::Paper {
        for (train, test) in pairs {
            match paper(arguments, &choice, [train, test])? {
                Ok(row) => rows.push(row),
                Err(exit) => {
                    report(arguments, &rows)?;
                    return Ok(exit);
                }
            }
        }
    } else {
        if let Some(folder) = &arguments.out {
            let paths = [CLASSIFIER, SCORES].map(|name| folder.join(name));
            refuse_existing(&paths, arguments.overwrite)?;
        }
        let frozen = Frozen::open(&choice.encoder)?;
        if choice.protocol != ProbeProtocol::MultiLabel {
            // A mistake in the last pair is found before the first is computed.
            pairs.clone().try_for_each(|(train, test)| frozen.pair(train, test).map(drop))?;
        }
        for (train, test) in pairs {
            rows.push(match choice.protocol {
                ProbeProtocol::MultiLabel => {
                    multi_label::judge(arguments, &choice, &frozen, [train, test])?
                }
                _ => cached::judge(arguments, &choice, &frozen, [train, test])?,
            });
        }
    }
    report(arguments, &rows)
}

/// Refuses options that would be ignored, and pairs that are none.
fn refuse_useless(arguments: &ProbeArguments, choice: &ProbeChoice) -> Result<(), Usage> {
    let (train, test) = (arguments.train.len(), arguments.test.len());
    if train != test {
        return Err(Usage::new(format!("{train} `--train` and {test} `--test` make no pairs"))
            .hint("give one `--test` for each `--train`, in the same order"));
    }
    if train > 1 && arguments.out.is_some() {
        return Err(Usage::new("`--out` is for one pair of sources"));
    }
    let (is_fast, is_svm) = match choice.protocol {
        ProbeProtocol::Fast => (true, false),
        ProbeProtocol::MultiLabel => (false, true),
        ProbeProtocol::Sgd | ProbeProtocol::Paper => (false, false),
    };
    let useless = [
        ("--epochs", choice.epochs.is_some() && (is_fast || is_svm)),
        ("--learning-rate", choice.learning_rate.is_some() && (is_fast || is_svm)),
        ("--weight-decay", choice.weight_decay.is_some() && is_svm),
        ("--resume", arguments.resume && choice.protocol != ProbeProtocol::Paper),
    ];
    match useless.into_iter().find(|(_, is_useless)| *is_useless) {
        Some((option, _)) => Err(Usage::new(format!("`{option}` means nothing to this protocol"))
            .hint("see what each protocol is with `barlow probe --help`")),
        None => Ok(()),
    }
}

const CLASSIFIER: &str = "classifier.safetensors";
const SCORES: &str = "scores.json";

/// Writes a classifier and what `--json` prints of it.
fn write_result(
    folder: &Path,
    classifier: &LinearClassifier,
    classes: &[String],
    document: &Value,
) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("`{}` cannot be made", folder.display()))?;
    write_whole(&folder.join(CLASSIFIER), |out| {
        Ok(write_classifier(classifier, classes, &document["protocol"], out)?)
    })?;
    write_whole(&folder.join(SCORES), |out| Ok(writeln!(out, "{document:#}")?))
}

/// The paper's protocol: that of fine-tuning with a frozen encoder.
fn paper(
    arguments: &ProbeArguments,
    choice: &ProbeChoice,
    sources: [&String; 2],
) -> anyhow::Result<Result<Row, Exit>> {
    let request = FinetuneChoice {
        percent: 100.0,
        epochs: choice.epochs.unwrap_or(100) as u64,
        batch_size: choice.encoder.batch_size.unwrap_or(256),
        encoder_learning_rate: 0.0,
        classifier_learning_rate: choice.learning_rate.unwrap_or(0.3),
        weight_decay: choice.weight_decay.unwrap_or(1e-6),
        decay: Decay::Cosine,
        seed: choice.seed,
        is_frozen: true,
        from_scratch: false,
        encoder: choice.encoder.clone(),
    };
    let place = Place {
        out: arguments.out.as_deref(),
        resume: arguments.resume,
        overwrite: arguments.overwrite,
    };
    Ok(match run(&request, sources.map(String::as_str), &place)? {
        Ended::Interrupted(exit) => Err(exit),
        Ended::Done { document, words } => {
            Ok(Row { words, score: document["accuracy"].as_f64(), document })
        }
    })
}

fn report(arguments: &ProbeArguments, rows: &[Row]) -> anyhow::Result<Exit> {
    if rows.is_empty() {
        return Ok(Exit::Done);
    }
    if let ([row], true) = (rows, arguments.json) {
        output::json(&row.document)?;
    } else if arguments.json {
        let documents: Vec<&Value> = rows.iter().map(|row| &row.document).collect();
        output::json(&json!({ "results": documents }))?;
    } else {
        let mut lines: Vec<String> = rows.iter().map(|row| row.words.clone()).collect();
        if rows.len() > 1 {
            lines.push(table(arguments, rows));
        }
        output::text(&lines.join("\n"))?;
    }
    Ok(Exit::Done)
}

/// One line a pair: what was learnt from, what was judged, and the score.
fn table(arguments: &ProbeArguments, rows: &[Row]) -> String {
    let what = if arguments.multi_label { "mAP, %" } else { "top-1, %" };
    let mut cells = vec![["train".to_owned(), "test".to_owned(), what.to_owned()]];
    for ((train, test), row) in arguments.train.iter().zip(&arguments.test).zip(rows) {
        let score = row.score.map_or("-".to_owned(), |score| format!("{:.2}", 100.0 * score));
        cells.push([train.clone(), test.clone(), score]);
    }
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max();
    let widths = [0, 1].map(|column| width(column).unwrap_or(0));
    let line = |[train, test, score]: &[String; 3]| {
        format!("{train:<0$}  {test:<1$}  {score:>8}", widths[0], widths[1])
    };
    cells.iter().map(line).collect::<Vec<_>>().join("\n")
}
