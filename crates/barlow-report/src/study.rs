//! A study file: arms listed one by one, or as the product of axes, per series of their own.
//!
//! The format is described in `docs/studies.md`. Everything wrong with a file is found in one
//! reading; what keys of settings mean is not judged here.

mod expand;
mod problem;
mod reader;

use std::collections::BTreeMap;

use toml::Value;
use toml::de::DeTable;

pub use problem::StudyProblem;
use reader::Page;

/// Seeds of a study that names none.
const SEEDS: [u64; 3] = [0, 1, 2];

/// A study as written: what is compared, and why.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Study {
    /// A line.
    pub title: String,
    /// What is under test, a sentence or two.
    pub claim: String,
    /// The configuration that the arms differ from; none to let the images choose.
    pub preset: Option<String>,
    /// What a run takes, seconds, as far as its author knows.
    pub seconds_a_run: Option<f64>,
    /// Where the arms are not what the paper had.
    pub differs: Option<String>,
    /// Where claim and numbers are from.
    pub source: Option<String>,
    /// How the paper measured its numbers.
    pub paper_protocol: Option<String>,
    /// Each arm runs once with each.
    pub seeds: Vec<u64>,
    /// What all arms have in common.
    pub settings: Vec<Setting>,
    /// What [`Arm::x`] is.
    pub x_label: Option<String>,
    /// In the order of the file.
    pub arms: Vec<Arm>,
}

/// A key of the settings with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// With its sections, `objective.lambda`.
    pub key: String,
    /// As written.
    pub value: Value,
    /// Where, from 1.
    pub line: usize,
    /// Whether it only makes the study's own preset fit its machine, and is left out with another.
    pub is_sizing: bool,
}

impl Setting {
    /// The value as it is typed after `--set`.
    pub fn text(&self) -> String {
        match &self.value {
            Value::String(text) => text.clone(),
            Value::Float(number) => format!("{number:?}"),
            value => value.to_string(),
        }
    }
}

/// One way to train.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Arm {
    /// Unique in the study; a folder's name.
    pub name: String,
    /// What tables and plots call it.
    pub label: String,
    /// What it shares with the other points of its line in a plot: series, then axes without x.
    pub groups: Vec<String>,
    /// Where it stands on the horizontal axis.
    pub x: Option<f64>,
    /// Name of the arm that it is measured against; may be its own.
    pub baseline: Option<String>,
    /// Whether it stands by itself, crossed with nothing.
    pub is_reference: bool,
    /// What the paper reports, percent.
    pub paper: Option<f64>,
    /// The paper's difference to its baseline, points, where it gives no more than that.
    pub paper_difference: Option<f64>,
    /// In order; of two of one key the last one counts.
    pub settings: Vec<Setting>,
}

/// Settings by name, for `like`.
pub type Recipes = BTreeMap<String, Vec<Setting>>;

impl Study {
    /// Reads a study file, with everything that is wrong with it. What could be read is there even
    /// then, so that its settings can be judged in the same go.
    pub fn read(text: &str, recipes: &Recipes) -> (Self, Vec<StudyProblem>) {
        let mut page = Page::new(text);
        let root = match DeTable::parse(text) {
            Ok(root) => root,
            Err(error) => {
                let line = page.line(error.span().map_or(0, |span| span.start));
                let message = error.message().replace('\n', ", ");
                return (Self::default(), vec![StudyProblem::Syntax { line, message }]);
            }
        };
        let root = page.place(&root);
        page.allow(
            root,
            &[
                "title",
                "claim",
                "preset",
                "seconds_a_run",
                "differs",
                "source",
                "paper_protocol",
                "seeds",
                "x",
                "settings",
                "sizing",
                "arm",
                "axis",
                "series",
                "reference",
                "paper",
                "paper_difference",
            ],
        );
        let mut study = Self {
            title: page.required(root, "title", "the study"),
            claim: page.required(root, "claim", "the study"),
            preset: page.text(root, "preset"),
            seconds_a_run: page.number(root, "seconds_a_run"),
            differs: page.text(root, "differs"),
            source: page.text(root, "source"),
            paper_protocol: page.text(root, "paper_protocol"),
            seeds: page.seeds(root, "seeds").unwrap_or_else(|| SEEDS.to_vec()),
            settings: [page.settings(root, "settings"), page.sizing(root)].concat(),
            x_label: page.text(root, "x"),
            arms: Vec::new(),
        };
        expand::arms(&mut page, root, recipes, &mut study);
        study.note_paper(&mut page, root);
        (study, page.problems)
    }

    /// The settings of each arm by its name, for other studies to begin with.
    pub fn recipes(&self) -> Recipes {
        self.arms.iter().map(|arm| (arm.name.clone(), arm.settings.clone())).collect()
    }

    /// The arm of this name.
    pub fn arm(&self, name: &str) -> Option<&Arm> {
        self.arms.iter().find(|arm| arm.name == name)
    }

    /// `[paper]` and `[paper_difference]`.
    fn note_paper<'a>(&mut self, page: &mut Page<'a>, root: reader::Place<'a>) {
        for (key, is_difference) in [("paper", false), ("paper_difference", true)] {
            for (name, number, line) in page.numbers(root, key) {
                match self.arms.iter_mut().find(|arm| arm.name == name) {
                    Some(arm) if is_difference => arm.paper_difference = Some(number),
                    Some(arm) => arm.paper = Some(number),
                    None => {
                        let known = self.arms.iter().map(|arm| format!("`{}`", arm.name));
                        let known = known.collect::<Vec<_>>().join(", ");
                        page.problems.push(StudyProblem::NoSuchArm { line, name, known });
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
