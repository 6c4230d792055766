//! Everything that is wrong with a study: its form, and the settings of its arms, each with its line.

use std::path::PathBuf;

use barlow_report::{Setting, StudyProblem};

use crate::exit::Usage;
use crate::settings::{Origin, Problem, SettingsProblems};

/// Problems as they are found, each once.
#[derive(Debug)]
pub(super) struct Problems {
    path: PathBuf,
    lines: Vec<String>,
}

impl Problems {
    /// None yet; `path` is what messages call the study.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, lines: Vec::new() }
    }

    /// Problems of the study's form.
    pub(super) fn add_of_study(&mut self, problems: &[StudyProblem]) {
        self.lines.extend(problems.iter().map(ToString::to_string));
    }

    /// A seed where there is no place for one.
    pub(super) fn add_seed(&mut self, setting: &Setting) {
        let Setting { key, line, .. } = setting;
        self.add(format!("line {line}: key `{key}` is not an arm's: a study has `seeds`"));
    }

    /// Problems of an arm's settings; `settings` are those that the study states, and the last of a
    /// key is the one that counts.
    pub(super) fn add_of_settings(&mut self, problems: SettingsProblems, settings: &[&Setting]) {
        for mut problem in problems.problems {
            if let Problem::UnknownKey { key, origin, .. } | Problem::Value { key, origin, .. } =
                &mut problem
                && let Some(setting) = settings.iter().rev().find(|setting| setting.key == *key)
                && *origin == Origin::Set
            {
                *origin = Origin::File { path: self.path.clone(), line: setting.line };
            }
            let hint = problem.hint().map(|hint| format!("\n    hint: {hint}"));
            self.add(format!("{problem}{}", hint.unwrap_or_default()));
        }
    }

    /// Adds a problem that arms share once only.
    fn add(&mut self, line: String) {
        if !self.lines.contains(&line) {
            self.lines.push(line);
        }
    }

    /// # Errors
    /// If there is any problem.
    pub(super) fn finish(self) -> Result<(), Usage> {
        let count = match self.lines.len() {
            0 => return Ok(()),
            1 => "a problem".to_owned(),
            count => format!("{count} problems"),
        };
        let lines = self.lines.join("\n  ");
        Err(Usage::new(format!("the study `{}` has {count}\n  {lines}", self.path.display())))
    }
}
