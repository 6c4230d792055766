//! Everything that is wrong with a study: its form, and the settings of its arms, each with its line.

use std::path::PathBuf;

use barlow_report::{Setting, StudyProblem};

use crate::exit::Usage;
use crate::settings::{Origin, Problem, SettingsProblems};

/// Most arms that a message names.
const MOST_NAMED: usize = 3;

/// Problems as they are found, each once.
#[derive(Debug)]
pub(super) struct Problems {
    /// The study as typed.
    study: String,
    /// Its file.
    path: PathBuf,
    lines: Vec<Line>,
}

/// A problem, and whose it is.
#[derive(Debug)]
struct Line {
    text: String,
    hint: String,
    /// The arms that have it; none where it is the study's.
    arms: Vec<String>,
}

impl Problems {
    /// None yet; `study` is what was typed, `path` what messages call its file.
    pub(super) fn new(study: &str, path: PathBuf) -> Self {
        Self { study: study.to_owned(), path, lines: Vec::new() }
    }

    /// Problems of the study's form.
    pub(super) fn add_of_study(&mut self, problems: &[StudyProblem]) {
        for problem in problems {
            self.add(None, problem.to_string(), String::new());
        }
    }

    /// A seed where there is no place for one.
    pub(super) fn add_seed(&mut self, setting: &Setting) {
        let Setting { key, line, .. } = setting;
        let text = format!("line {line}: key `{key}` is not an arm's: a study has `seeds`");
        self.add(None, text, String::new());
    }

    /// Problems of an arm's settings; `settings` are those that the study states, and the last of a
    /// key is the one that counts.
    pub(super) fn add_of_settings(
        &mut self,
        arm: &str,
        problems: SettingsProblems,
        settings: &[&Setting],
    ) {
        for mut problem in problems.problems {
            if let Problem::UnknownKey { key, origin, .. }
            | Problem::ForeignConstant { key, origin, .. }
            | Problem::Value { key, origin, .. } = &mut problem
                && let Some(setting) = settings.iter().rev().find(|setting| setting.key == *key)
                && *origin == Origin::Set
            {
                *origin = Origin::File { path: self.path.clone(), line: setting.line };
            }
            let hint = problem.hint().map(|hint| format!("\n    hint: {hint}"));
            self.add(Some(arm), problem.to_string(), hint.unwrap_or_default());
        }
    }

    /// Adds a problem; one that arms share is told once.
    fn add(&mut self, arm: Option<&str>, text: String, hint: String) {
        let same = self.lines.iter().position(|line| line.text == text);
        let index = same.unwrap_or_else(|| {
            self.lines.push(Line { text, hint, arms: Vec::new() });
            self.lines.len() - 1
        });
        self.lines[index].arms.extend(arm.map(str::to_owned));
    }

    /// `of` is how many arms the study has.
    ///
    /// # Errors
    /// If there is any problem.
    pub(super) fn finish(self, of: usize) -> Result<(), Usage> {
        let count = match self.lines.len() {
            0 => return Ok(()),
            1 => "a problem".to_owned(),
            count => format!("{count} problems"),
        };
        let lines: Vec<String> = self.lines.iter().map(|line| line.in_words(of)).collect();
        let lines = lines.join("\n  ");
        Err(Usage::new(format!("the study `{}` has {count}\n  {lines}", self.study.escape_debug())))
    }
}

/// Names in quotes, one after another.
pub(super) fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted = names.into_iter().map(|name| format!("`{}`", name.escape_debug()));
    quoted.collect::<Vec<_>>().join(", ")
}

impl Line {
    /// The problem, with its arms where not all of so many have it.
    fn in_words(&self, of: usize) -> String {
        let Self { text, hint, arms } = self;
        if arms.is_empty() || arms.len() == of {
            return format!("{text}{hint}");
        }
        let named = quoted(arms.iter().take(MOST_NAMED).map(String::as_str));
        let more = arms.len().saturating_sub(MOST_NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let noun = if arms.len() == 1 { "arm" } else { "arms" };
        format!("{text} ({noun} {named}{more}){hint}")
    }
}
