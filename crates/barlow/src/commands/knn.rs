//! `barlow knn`: a frozen encoder judged by nearest neighbours.

use barlow_eval::{Features, KnnOutcome, knn_sweep};
use serde_json::json;

use super::output;
use super::progress::Progress;
use crate::arguments::{KnnArguments, KnnChoice};
use crate::exit::Exit;
use crate::frozen::Frozen;
use crate::images;

/// Prints the share of test images whose neighbours among the training images have their class.
///
/// # Errors
/// If an option is wrong, or weights or images cannot be used.
pub fn knn(arguments: &KnnArguments) -> anyhow::Result<Exit> {
    let choice = arguments.check()?;
    let frozen = Frozen::open(&choice.encoder)?;
    let progress = Progress::new();
    let (bank, queries) = if let Some(test) = &choice.test {
        let pair = frozen.pair(&choice.train, test)?;
        if pair.train.fingerprint() == pair.test.fingerprint() {
            (frozen.represent(&pair.train, &progress)?, None)
        } else {
            let [bank, queries] = frozen.represent_pair(&pair, &progress)?;
            (bank, Some(queries))
        }
    } else {
        let source = images::open_labelled(&choice.train, &frozen.options())?;
        (frozen.represent(&source, &progress)?, None)
    };
    progress.clear();
    let outcomes = knn_sweep(&bank, queries.as_ref(), &choice.ks, choice.temperature)?;
    report(&choice, &frozen, &bank, queries.as_ref(), &outcomes, arguments.json)
}

fn report(
    choice: &KnnChoice,
    frozen: &Frozen,
    bank: &Features,
    queries: Option<&Features>,
    outcomes: &[KnnOutcome],
    as_json: bool,
) -> anyhow::Result<Exit> {
    // Images without a label neither vote nor count.
    let labelled = |features: &Features| features.labels.iter().flatten().count();
    let train_images = labelled(bank);
    let test_images = queries.map_or(train_images, labelled);
    let temperature = choice.temperature;
    if as_json {
        let results = outcomes.iter().map(|outcome| {
            json!({
                "k": outcome.k,
                "accuracy": outcome.accuracy,
                "top_5_accuracy": outcome.top_5_accuracy,
            })
        });
        let mut document = json!({
            "accuracy": outcomes[0].accuracy,
            "k": outcomes[0].k,
            "temperature": temperature,
            "train_images": train_images,
            "test_images": test_images,
            "leave_one_out": queries.is_none(),
            "train": choice.train,
            "test": choice.test.as_ref().unwrap_or(&choice.train),
            "results": results.collect::<Vec<_>>(),
            "seen": frozen.protocol(),
        });
        for key in ["image_size", "resize"] {
            document[key] = document["seen"][key].clone();
        }
        output::json(&document)?;
        return Ok(Exit::Done);
    }
    let bank = match queries {
        Some(_) => format!("bank of {train_images} images"),
        None => "each by all others".to_owned(),
    };
    let seen = frozen.seen_in_words();
    let lines = outcomes.iter().map(|outcome| {
        format!(
            "k-NN accuracy: {:.2} % of {test_images} images (k {}, temperature {temperature}, \
             cosine; {bank}; {seen}; top-5 {:.2} %)",
            100.0 * outcome.accuracy,
            outcome.k,
            100.0 * outcome.top_5_accuracy,
        )
    });
    output::text(&lines.collect::<Vec<_>>().join("\n"))?;
    Ok(Exit::Done)
}
