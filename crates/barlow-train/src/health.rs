//! Is the run healthy? A verdict in plain words, from the readings of an epoch's steps.

use std::collections::BTreeMap;

use barlow_nn::tensor_file::{Array, Dtype, TensorFileError, Tensors};
use barlow_objectives::{CONSTANT, Evaluation, Finding, Objective, Reading, Verdict};

/// A step that moves the weights by this share of their norm forgets within ten steps what it
/// learnt; healthy LARS runs stay below 0.02.
const TORN: f64 = 0.1;

/// An effective rank below this means that embeddings of so many dimensions lie on a line.
const LINE: f64 = 2.0;
const MANY: usize = 8;

/// Names of sums; those of the objective's measures follow [`MEASURE`] and [`MEASURED`].
const STEPS: &str = "steps";
const SKIPPED: &str = "skipped";
const LOSS: &str = "loss";
const UPDATE: &str = "relative_update";
const FIRST_LOSS: &str = "first_loss";
const DIVERGED: &str = "diverged";
const COLLAPSED_SINCE: &str = "collapsed_since_step";
const COLLAPSED_STEPS: &str = "collapsed_steps";
const MEASURE: &str = "measure/";
/// Steps that had a measure; a batch may have nothing to measure.
const MEASURED: &str = "measured/";

/// Sums over the steps of the current epoch, and the first loss of the run.
///
/// They are part of a checkpoint, so that a verdict does not depend on interruptions.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Readings {
    sums: BTreeMap<String, f64>,
}

impl Readings {
    fn add(&mut self, name: &str, value: f64) {
        *self.sums.entry(name.to_owned()).or_insert(0.0) += value;
    }

    fn get(&self, name: &str) -> f64 {
        self.sums.get(name).copied().unwrap_or(0.0)
    }

    /// Takes in a step that was applied; `collapsed` is its number if the objective says that it was
    /// one of a collapsed network.
    pub fn applied(
        &mut self,
        evaluation: &Evaluation,
        relative_update: f64,
        collapsed: Option<u64>,
    ) {
        match collapsed {
            Some(step) => {
                self.sums.entry(COLLAPSED_SINCE.to_owned()).or_insert(step as f64);
                self.add(COLLAPSED_STEPS, 1.0);
            }
            None => {
                self.sums.remove(COLLAPSED_SINCE);
            }
        }
        self.sums.entry(FIRST_LOSS.to_owned()).or_insert(evaluation.loss);
        self.add(STEPS, 1.0);
        self.add(LOSS, evaluation.loss);
        self.add(UPDATE, relative_update);
        for (name, value) in &evaluation.measures {
            self.add(&format!("{MEASURE}{name}"), *value);
            self.add(&format!("{MEASURED}{name}"), 1.0);
        }
    }

    /// Takes in a step whose loss or gradient was not finite.
    pub fn skipped(&mut self) {
        self.add(SKIPPED, 1.0);
    }

    /// Forgets the epoch; the first loss stays, that a run diverged, and since when it is collapsed.
    pub fn begin_epoch(&mut self) {
        let stays = [FIRST_LOSS, DIVERGED, COLLAPSED_SINCE];
        self.sums.retain(|name, _| stays.contains(&name.as_str()));
    }

    /// The verdict on the epoch so far; a run that diverged stays so until its loss is below the
    /// first one.
    ///
    /// `embedding_rank` is the effective rank of what the objective reads, `[batch_size, dim]`.
    pub fn verdict(
        &mut self,
        objective: &dyn Objective,
        batch_size: usize,
        dim: usize,
        embedding_rank: f64,
    ) -> Finding {
        let mut finding = self.judge(objective, batch_size, dim, embedding_rank);
        if finding.verdict == Verdict::Collapsed {
            finding.since_step = self.sums.get(COLLAPSED_SINCE).map(|&step| step as u64);
        }
        if finding.verdict == Verdict::Diverging {
            self.sums.insert(DIVERGED.to_owned(), 1.0);
        }
        finding
    }

    fn judge(
        &self,
        objective: &dyn Objective,
        batch_size: usize,
        dim: usize,
        embedding_rank: f64,
    ) -> Finding {
        let steps = self.get(STEPS);
        let mean = |name: &str| self.get(name) / steps;
        let measures = self.sums.iter().filter_map(|(name, sum)| {
            let name = name.strip_prefix(MEASURE)?;
            let count = self.sums.get(&format!("{MEASURED}{name}"))?;
            Some((name.to_owned(), sum / count))
        });
        let reading = Reading { batch_size, dim, measures: measures.collect() };
        let finding = Finding::new;

        let (skipped, update) = (self.get(SKIPPED), mean(UPDATE));
        if skipped > 0.0 && skipped >= 0.1 * (steps + skipped) {
            let all = steps + skipped;
            return finding(
                Verdict::Diverging,
                format!(
                    "{skipped} of {all} steps had to be skipped, as the log says; lower \
                     `optimizer.base_learning_rate`"
                ),
            );
        }
        if steps > 0.0 && update > TORN {
            return finding(
                Verdict::Diverging,
                format!(
                    "each step changes the weights by {:.0} % of their size (healthy: below 2 %), \
                     mean loss {:.4} after {:.4} at first; lower `optimizer.base_learning_rate`",
                    100.0 * update,
                    mean(LOSS),
                    self.get(FIRST_LOSS),
                ),
            );
        }
        let (loss, first_loss) = (mean(LOSS), self.get(FIRST_LOSS));
        if self.get(DIVERGED) > 0.0 && loss >= first_loss {
            return finding(
                Verdict::Diverging,
                format!(
                    "it has not recovered from the epochs in which it diverged: mean loss \
                     {loss:.4} after {first_loss:.4} at first; lower \
                     `optimizer.base_learning_rate` and start again"
                ),
            );
        }
        let variation = reading.measure("variation");
        let is_constant = variation.is_some_and(|variation| variation < CONSTANT);
        if is_constant || embedding_rank < 1e-3 {
            return finding(
                Verdict::Collapsed,
                "every image gets the same embedding; check that images differ, that views keep \
                 what they have in common, and the weights of the objective's terms"
                    .to_owned(),
            );
        }
        let own = objective.diagnose(&reading);
        // One step of a small batch may look so by chance.
        let is_most = 2.0 * self.get(COLLAPSED_STEPS) >= steps;
        if self.sums.contains_key(COLLAPSED_SINCE) && is_most {
            let own = own.filter(|found| found.verdict == Verdict::Collapsed);
            return own.unwrap_or_else(|| {
                let reason = "in the last steps the embeddings no longer told images apart";
                finding(Verdict::Collapsed, reason.to_owned())
            });
        }
        if steps > 0.0 && dim >= MANY && embedding_rank < LINE {
            return finding(
                Verdict::Collapsed,
                format!(
                    "the embeddings of different images differ along {embedding_rank:.1} of {dim} \
                     directions only; lower `optimizer.base_learning_rate` or check the weights of \
                     the objective's terms"
                ),
            );
        }
        if let Some(finding) = own {
            return finding;
        }
        if steps == 0.0 {
            return finding(Verdict::Healthy, "not trained yet".to_owned());
        }
        let agreement = reading.measure("mean_diagonal").map_or_else(String::new, |diagonal| {
            format!("the views of an image agree by {diagonal:.2} on average, ")
        });
        let overlap = reading.measure("rms_off_diagonal").map_or_else(String::new, |off| {
            let chance = 1.0 / (batch_size as f64).sqrt();
            format!("dimensions correlate by {off:.2} (chance: {chance:.2}), ")
        });
        let reason = format!(
            "{agreement}{overlap}embeddings use {embedding_rank:.0} of {dim} directions, loss \
             {:.4}",
            mean(LOSS)
        );
        finding(Verdict::Healthy, reason)
    }

    /// The sums as arrays, the names behind `prefix`.
    pub fn arrays(&self, prefix: &str) -> Tensors {
        let array = |sum: &f64| Array {
            dtype: Dtype::F64,
            shape: vec![1],
            bytes: sum.to_le_bytes().to_vec(),
        };
        self.sums.iter().map(|(name, sum)| (format!("{prefix}{name}"), array(sum))).collect()
    }

    /// The sums that [`Readings::arrays`] gave.
    ///
    /// # Errors
    /// If an array is not of the type that was written.
    pub fn load(arrays: &Tensors, prefix: &str) -> Result<Self, TensorFileError> {
        let mut sums = BTreeMap::new();
        for (name, array) in arrays {
            if let Some(name) = name.strip_prefix(prefix) {
                sums.insert(name.to_owned(), array.to_values::<f64>()?.iter().sum());
            }
        }
        Ok(Self { sums })
    }
}
