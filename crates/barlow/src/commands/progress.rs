//! What a running command shows: a bar on a terminal, plain lines otherwise.

use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use barlow_data::source;
use barlow_train::event::{Event, Observer};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output;

/// Shows on a terminal how many images were found so far; `clear` ends it.
pub(crate) struct Finding(ProgressBar);

impl Finding {
    pub(crate) fn new() -> Self {
        let bar = if io::stderr().is_terminal() {
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(5))
        } else {
            ProgressBar::hidden()
        };
        let style = ProgressStyle::with_template("{pos} images found, {elapsed}");
        bar.set_style(style.expect("the template is right"));
        Self(bar)
    }

    /// What a source reports to while it is opened.
    pub(crate) fn progress(&self) -> source::Progress {
        let bar = self.0.clone();
        source::Progress::new(move |images| bar.set_position(images as u64))
    }

    pub(crate) fn clear(self) {
        self.0.finish_and_clear();
    }
}

/// Shows a run on stderr.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    /// Steps in the run.
    total_steps: u64,
    /// What the bar counts now: a change begins its estimate anew.
    counted: Mutex<Counted>,
}

/// What the bar counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counted {
    Nothing,
    Steps,
    Images,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(5));
            let style = ProgressStyle::with_template(
                "{wide_bar} {pos}/{len} {msg} elapsed {elapsed} left {eta}",
            );
            bar.set_style(style.expect("the template is right"));
            bar.enable_steady_tick(Duration::from_millis(500));
            bar
        });
        Self { bar, total_steps: 0, counted: Mutex::new(Counted::Nothing) }
    }

    /// Prints a line above the bar.
    pub(crate) fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| output::message(text)),
            None => output::message(text),
        }
    }

    /// Shows how far training with labels is.
    pub(crate) fn training(&self, step: u64, of: u64) {
        self.count(Counted::Steps, step, of, || "steps,".to_owned());
    }

    /// Shows how far an evaluation is.
    pub(crate) fn evaluating(&self, images: usize, of: usize) {
        self.count(Counted::Images, images as u64, of as u64, || "images evaluated,".to_owned());
    }

    /// Shows how many images of a source were looked at.
    pub(crate) fn looking(&self, images: usize, of: usize) {
        self.count(Counted::Images, images as u64, of as u64, || "images looked at,".to_owned());
    }

    fn count(&self, what: Counted, done: u64, of: u64, message: impl FnOnce() -> String) {
        if let Some(bar) = &self.bar {
            bar.set_length(of);
            bar.set_position(done);
            bar.set_message(message());
            let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
            if std::mem::replace(&mut *counted, what) != what {
                bar.reset_eta();
            }
        }
    }

    /// Removes the bar.
    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Observer for Progress {
    fn event(&mut self, event: &Event) {
        match event {
            Event::Started { total_steps, .. } => {
                self.total_steps = *total_steps;
                self.line(&event.to_string());
            }
            Event::Evaluating { images, of } => self.evaluating(*images, *of),
            Event::Step { step, loss, images_per_second, data_wait_fraction, is_line, .. } => {
                self.count(Counted::Steps, step + 1, self.total_steps, || {
                    format!(
                        "steps, loss {loss:.2}, {images_per_second:.0} images/s, data wait {:.0} %,",
                        100.0 * data_wait_fraction
                    )
                });
                if self.bar.is_none() && *is_line {
                    self.line(&event.to_string());
                }
            }
            Event::Saved { .. } if self.bar.is_some() => {}
            Event::Finished { .. } => {
                self.clear();
                self.line(&event.to_string());
            }
            _ => self.line(&event.to_string()),
        }
    }
}
