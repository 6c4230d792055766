//! A piece of work that a rival does too, and how ours is timed.

use anyhow::Context;
use clap::ValueEnum;
use serde::Serialize;

use crate::arguments::{Options, Selection};
use crate::output;
use crate::table::Table;
use crate::timing::Timing;

/// Precision of our activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Precision {
    /// bf16 where the processor is faster with it.
    Auto,
    /// f32.
    F32,
}

impl Precision {
    /// As on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::F32 => "f32",
        }
    }
}

/// Does the work once.
pub(crate) type Repeat = Box<dyn FnMut()>;

/// Makes the inputs, verifies that the answer for them is right, and gives what does the work once.
pub(crate) type Prepare = fn(Precision) -> anyhow::Result<Repeat>;

/// A piece of work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    /// The name that the rival's script gives it.
    pub name: &'static str,
    /// Source images of one repetition.
    pub images: usize,
    /// The script under `benches/peers`, and its arguments.
    pub peer: &'static [&'static str],
    /// What is claimed.
    pub claims: &'static [Claim],
    /// Ours; none while there is nothing to set against the rival.
    pub prepare: Option<Prepare>,
}

/// That ours is so many times as fast as the rival's best mode.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim {
    /// Precision of ours.
    pub precision: Precision,
    /// Modes of the rival that count: those that begin with this.
    pub against: &'static str,
    /// The ratio that must be reached.
    pub at_least: f64,
    /// The ratio that is wanted.
    pub aim: f64,
}

impl Work {
    /// Ours in a precision, ready to be timed; none if there is none.
    ///
    /// # Errors
    /// If it cannot be prepared, or its answer is wrong.
    pub(crate) fn prepare(&self, precision: Precision) -> anyhow::Result<Option<Repeat>> {
        let Some(prepare) = self.prepare else { return Ok(None) };
        let repeat = prepare(precision)
            .with_context(|| format!("preparing `{}` in {}", self.name, precision.name()))?;
        Ok(Some(repeat))
    }
}

/// One work of ours, timed.
#[derive(Debug, Serialize)]
struct Timed {
    work: &'static str,
    mode: Precision,
    seconds_median: f64,
    images_per_second: f64,
    spread: f64,
    seconds: Timing,
}

/// Times ours of every selected work, in every precision that a claim is about.
///
/// # Errors
/// If a work cannot be prepared, its answer is wrong, or stdout cannot be written.
pub(crate) fn time_ours(
    works: &[Work],
    selection: &Selection,
    options: &Options,
) -> anyhow::Result<()> {
    let mut results = Vec::new();
    let mut table = Table::new(["work", "mode", "seconds", "images/s", "spread"]);
    for work in selection.of(works) {
        for claim in selection.claims(work) {
            let Some(repeat) = work.prepare(claim.precision)? else {
                output::message(&format!("`{}`: ours does not exist yet", work.name));
                break;
            };
            let seconds = options.plan().time(repeat);
            let timed = Timed {
                work: work.name,
                mode: claim.precision,
                seconds_median: seconds.median(),
                images_per_second: work.images as f64 / seconds.median(),
                spread: seconds.spread(),
                seconds,
            };
            table.row([
                work.name.to_owned(),
                claim.precision.name().to_owned(),
                format!("{:.4}", timed.seconds_median),
                format!("{:.1}", timed.images_per_second),
                format!("{:.0} %", 100.0 * timed.spread),
            ]);
            results.push(timed);
        }
    }
    output::results(options.json, options.threads(), &results, &table)
}

impl Selection {
    /// The works whose name fits.
    pub(crate) fn of<'a>(&self, works: &'a [Work]) -> impl Iterator<Item = &'a Work> {
        works.iter().filter(|work| work.name.contains(&self.only))
    }

    /// The claims about the wanted precision.
    pub(crate) fn claims<'a>(&self, work: &'a Work) -> impl Iterator<Item = &'a Claim> {
        let wanted = self.precision;
        work.claims
            .iter()
            .filter(move |claim| wanted.is_none_or(|wanted| wanted == claim.precision))
    }
}
