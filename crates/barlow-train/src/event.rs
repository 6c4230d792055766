//! What a run says while it goes: each event is a line of `train.log`, and for whoever watches.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use barlow_objectives::Finding;

/// Something that happened in a run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// The run begins or goes on.
    Started {
        /// Steps done before.
        step: u64,
        /// Steps in the run.
        total_steps: u64,
        /// Steps in an epoch.
        steps_per_epoch: u64,
        /// What the start of a run prints: device, images, parameters and so on.
        summary: Vec<String>,
    },
    /// Part of an evaluation is done.
    Evaluating {
        /// Images done.
        images: usize,
        /// Of so many.
        of: usize,
    },
    /// A step was applied.
    Step {
        /// Its number, from 0.
        step: u64,
        /// The epoch it belongs to, from 0.
        epoch: u64,
        /// The loss.
        loss: f64,
        /// The loss that perfect embeddings would still have.
        floor: Option<f64>,
        /// Source images a second, of this step.
        images_per_second: f64,
        /// Share of the step's time spent waiting for images, 0..1.
        data_wait_fraction: f64,
        /// Whether the step is a line of the log: not all are, lest the log grow without end.
        is_line: bool,
    },
    /// An epoch was evaluated; epoch 0 is the untrained encoder.
    Epoch {
        /// Epochs done.
        epoch: u64,
        /// Epochs in the run.
        of: u64,
        /// k-NN accuracy, 0..1.
        knn: Option<f64>,
        /// Effective rank of representation and embedding.
        effective_rank: (f64, f64),
        /// The verdict.
        health: Finding,
    },
    /// A checkpoint was saved.
    Saved {
        /// After so many steps.
        step: u64,
        /// Time it took.
        took: Duration,
    },
    /// Something the user should know or may act on.
    Warning(String),
    /// Something worth saying.
    Note(String),
    /// The run is over.
    Finished {
        /// Steps done.
        step: u64,
        /// Where the encoder lies.
        encoder: PathBuf,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { summary, .. } => f.write_str(&summary.join("\n")),
            Self::Evaluating { images, of } => write!(f, "evaluating: {images} of {of} images"),
            Self::Step {
                step, epoch, loss, floor, images_per_second, data_wait_fraction, ..
            } => {
                write!(f, "step {} epoch {} loss {loss:.3}", step + 1, epoch + 1)?;
                if let Some(floor) = floor {
                    write!(f, " (floor {floor:.3})")?;
                }
                let wait = 100.0 * data_wait_fraction;
                write!(f, ", {images_per_second:.0} images/s, data wait {wait:.0} %")
            }
            Self::Epoch { epoch, of, knn, effective_rank: (representation, embedding), health } => {
                write!(f, "epoch {epoch} of {of}: ")?;
                if let Some(knn) = knn {
                    write!(f, "k-NN {:.1} %, ", 100.0 * knn)?;
                }
                write!(
                    f,
                    "effective rank of representation {representation:.1}, of embedding \
                     {embedding:.1}; {}: {}",
                    health.verdict, health.reason
                )
            }
            Self::Saved { step, took } => {
                write!(f, "saved after step {step} in {:.2} s", took.as_secs_f64())
            }
            Self::Warning(text) => write!(f, "warning: {text}"),
            Self::Note(text) => f.write_str(text),
            Self::Finished { step, encoder } => {
                write!(f, "finished after {step} steps; encoder: {}", encoder.display())
            }
        }
    }
}

/// An error with everything that caused it, on one line.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Somebody who watches a run.
pub trait Observer {
    /// Is told of everything, in order.
    fn event(&mut self, event: &Event);
}
