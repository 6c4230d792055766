//! How the program ends: exit codes, and the one place that turns an error into words and a code.

use std::error::Error;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use barlow_data::source::SpecError;

use barlow_train::interrupt::Signal;

use crate::settings::SettingsProblems;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All was done.
    Done,
    /// It cannot be done, or failed on the way.
    Failed,
    /// Wrong usage or configuration, found without looking at data or weights.
    Usage,
    /// Ended by SIGINT, state saved.
    Interrupted,
    /// Ended by SIGTERM, state saved.
    Terminated,
}

impl Exit {
    /// The number that the shell sees; signals as shells count them, 128 and more.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl From<Signal> for Exit {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Interrupt => Self::Interrupted,
            Signal::Terminate => Self::Terminated,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Marks an error as wrong usage: as the error itself, or as its context.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Usage {
    message: String,
    hint: Option<String>,
}

/// A signal ended the command, and there was nothing to save.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted(pub Signal);

/// A message with advice, for an error that is no wrong usage: as the error itself, or as its
/// context.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Advised {
    message: String,
    hint: String,
}

impl Usage {
    /// What is wrong, lower case and without a final stop.
    pub fn new(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), hint: None }
    }

    /// Adds what the user can do.
    #[must_use]
    pub fn hint(self, hint: impl fmt::Display) -> Self {
        Self { hint: Some(hint.to_string()), ..self }
    }
}

impl Advised {
    /// What went wrong, and what the user can do.
    pub fn new(message: impl fmt::Display, hint: impl fmt::Display) -> Self {
        Self { message: message.to_string(), hint: hint.to_string() }
    }
}

/// The exit of a command, after its error, if any, was printed on stderr.
pub fn conclude(result: anyhow::Result<Exit>) -> Exit {
    match result {
        Ok(exit) => exit,
        Err(error) => {
            let exit = exit_of(&error);
            if exit != Exit::Done {
                let mut stderr = io::stderr().lock();
                let is_coloured = stderr.is_terminal()
                    && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
                // Nothing is left to do where even stderr cannot be written.
                let _ = write_error(&mut stderr, &error, is_coloured);
            }
            exit
        }
    }
}

/// The exit that an error stands for. Whoever reads our output may stop reading: a broken pipe is
/// no failure.
pub fn exit_of(error: &anyhow::Error) -> Exit {
    let is_usage = error.downcast_ref::<Usage>().is_some()
        || error.downcast_ref::<SettingsProblems>().is_some()
        || error.chain().any(|cause| cause.is::<SettingsProblems>() || cause.is::<SpecError>());
    if let Some(Interrupted(signal)) = error.downcast_ref() {
        (*signal).into()
    } else if is_usage {
        Exit::Usage
    } else if error.chain().any(is_broken_pipe) {
        Exit::Done
    } else {
        Exit::Failed
    }
}

fn is_broken_pipe(cause: &(dyn Error + 'static)) -> bool {
    let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
    kind == Some(io::ErrorKind::BrokenPipe)
}

/// Writes `error: ...` with its causes, and `hint: ...` below.
///
/// # Errors
/// If it cannot be written.
pub fn write_error(
    out: &mut impl Write,
    error: &anyhow::Error,
    is_coloured: bool,
) -> io::Result<()> {
    let paint = |code: &str, word: &str| {
        if is_coloured { format!("\x1b[1;{code}m{word}\x1b[0m") } else { word.to_owned() }
    };
    writeln!(out, "{} {error}", paint("31", "error:"))?;
    for cause in error.chain().skip(1) {
        writeln!(out, "  caused by: {cause}")?;
    }
    let usage = error.downcast_ref::<Usage>().and_then(|usage| usage.hint.as_deref());
    let advice = error.downcast_ref::<Advised>().map(|advised| advised.hint.as_str());
    for hint in usage.into_iter().chain(advice) {
        writeln!(out, "{} {hint}", paint("36", "hint:"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    fn written(error: &anyhow::Error) -> String {
        let mut out = Vec::new();
        write_error(&mut out, error, false).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_error_prints_its_causes_and_its_hint() {
        let cause = io::Error::other("disk full");
        let error = anyhow::Error::new(cause)
            .context(Advised::new("cannot save `run`", "free some space"))
            .context("while training");
        assert_eq!(exit_of(&error), Exit::Failed);
        assert_eq!(
            written(&error),
            "error: while training\n  caused by: cannot save `run`\n  caused by: disk full\n\
             hint: free some space\n"
        );
    }

    #[test]
    fn wrong_usage_is_two_wherever_it_stands_in_the_chain() {
        let spec = barlow_data::source::SourceSpec::parse("synthetic:x").unwrap_err();
        let wrapped = barlow_data::source::SourceError::from(spec.clone());
        let refused = || Err::<(), _>(io::Error::other("x"));
        for error in [
            anyhow::Error::new(Usage::new("`--resume` needs `--out`")),
            refused().context(Usage::new("no").hint("yes")).context("outer").unwrap_err(),
            anyhow::Error::new(spec).context("opening the images"),
            anyhow::Error::new(wrapped).context("opening the images"),
            anyhow::Error::new(SettingsProblems { problems: vec![] }).context("reading"),
        ] {
            assert_eq!(exit_of(&error), Exit::Usage, "{error:?}");
        }
    }

    #[test]
    fn a_reader_that_stops_reading_is_no_failure() {
        let error = anyhow::Error::new(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(exit_of(&error.context("printing")), Exit::Done);
    }
}
