//! Studies of many runs: what a study file asks for, what its runs measured, as table and plot.
//!
//! [`Study::read`] turns a file into arms, [`RunRecord::read`] a run directory into numbers, and
//! [`Report`] both into Markdown, CSV and JSON; [`plot()`] draws it as SVG. Texts in, texts out:
//! nothing here knows settings, networks or images, writes files, or runs anything.

mod names;
mod plot;
mod report;
mod run;
mod statistics;
mod study;

pub use plot::plot;
pub use report::{ArmFacts, Health, Report, Row, RunRow};
pub use run::{RunError, RunRecord, RunState};
pub use statistics::Spread;
pub use study::{Arm, Recipes, Setting, Study, StudyProblem};
