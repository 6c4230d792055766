//! Sets with several labels an image: a linear SVM a class, and mean average precision.

use anyhow::Context;
use barlow_data::source::multi_label::MultiLabelSet;
use barlow_eval::{
    AveragePrecisions, EvalError, Features, PrecisionRule, SvmConfig, SvmOutcome,
    average_precisions, train_svm,
};
use serde_json::json;

use super::{Row, write_result};
use crate::arguments::{ProbeArguments, ProbeChoice};
use crate::commands::progress::Progress;
use crate::exit::Advised;
use crate::frozen::Frozen;

/// Trains on the first set and judges on the second.
pub(super) fn judge(
    arguments: &ProbeArguments,
    choice: &ProbeChoice,
    frozen: &Frozen,
    [train, test]: [&String; 2],
) -> anyhow::Result<Row> {
    let open = |spec: &str| {
        MultiLabelSet::open(spec, &frozen.options())
            .with_context(|| format!("the images of `{spec}` cannot be opened"))
    };
    let learnt = open(train)?;
    let mut judged = open(test)?;
    let classes = learnt.classes().to_vec();
    judged.align(&classes).with_context(|| format!("`{test}` does not go with `{train}`"))?;
    let progress = Progress::new();
    let [train_features, test_features] = [
        frozen.represent(learnt.images(), &progress)?,
        frozen.represent(judged.images(), &progress)?,
    ];
    progress.clear();
    let config = SvmConfig { seed: choice.seed, ..SvmConfig::default() };
    let marks = marks(&learnt, &train_features);
    let svm = train_svm(&train_features, &marks, classes.len(), &config)
        .map_err(|error| named(error, &classes))?;
    let scores = svm.classifier.scores(&test_features.normalised())?;
    let marks = self::marks(&judged, &test_features);
    let precisions = |rule| average_precisions(&scores, &marks, classes.len(), rule);
    let precision = precisions(PrecisionRule::default())?;
    let eleven = precisions(PrecisionRule::ElevenPoints)?;

    let protocol = json!({
        "encoder": "frozen",
        "features": "divided by their length",
        "views": "centre crop",
        "classifier": "linear SVM a class, squared hinge, L2",
        "costs": config.costs,
        "folds": config.folds,
        "positive_weight": config.positive_weight,
        "most_passes": config.most_passes,
        "seed": config.seed,
        "version": env!("CARGO_PKG_VERSION"),
    });
    let document = json!({
        "mean_average_precision": precision.mean,
        "mean_average_precision_11_point": eleven.mean,
        "classes": by_class(&classes, &precision, &eleven, &svm),
        "train_images": train_features.len(),
        "test_images": test_features.len(),
        "train": train,
        "test": test,
        "protocol": protocol,
        "seen": frozen.protocol(),
    });
    if let Some(folder) = &arguments.out {
        write_result(folder, &svm.classifier, &classes, &document)?;
    }
    let percent = |value: Option<f64>| value.map_or("-".into(), |v| format!("{:.2} %", 100.0 * v));
    let mut lines = vec![format!(
        "SVM: mAP {} of {} images, {} by 11 points ({} training images, features of length 1, \
         squared hinge, cost of each class chosen by {}-fold cross-validation; {})",
        percent(precision.mean),
        test_features.len(),
        percent(eleven.mean),
        train_features.len(),
        config.folds,
        frozen.seen_in_words()
    )];
    let lines_of = classes.iter().zip(&precision.classes).zip(&svm.costs);
    lines.extend(
        lines_of.map(|((name, ap), cost)| format!("  {name}: {} (cost {cost})", percent(*ap))),
    );
    Ok(Row { words: lines.join("\n"), score: precision.mean, document })
}

/// A class by its name.
fn named(error: EvalError, classes: &[String]) -> anyhow::Error {
    let EvalError::FewImages { class, positive, negative, least } = error else {
        return error.into();
    };
    Advised::new(
        format!(
            "of the training images {positive} show `{}` and {negative} do not; cross-validation \
             needs {least} of each",
            classes[class]
        ),
        "add images, or leave the class out of the lists",
    )
    .into()
}

/// What the images show, `[n, classes]`, for those that could be decoded.
fn marks(set: &MultiLabelSet, features: &Features) -> Vec<i8> {
    features.ids.iter().flat_map(|&id| set.row(id as usize)).collect()
}

fn by_class(
    classes: &[String],
    precision: &AveragePrecisions,
    eleven: &AveragePrecisions,
    svm: &SvmOutcome,
) -> Vec<serde_json::Value> {
    let row = |index: usize| {
        json!({
            "name": classes[index],
            "average_precision": precision.classes[index],
            "average_precision_11_point": eleven.classes[index],
            "cost": svm.costs[index],
        })
    };
    (0..classes.len()).map(row).collect()
}
