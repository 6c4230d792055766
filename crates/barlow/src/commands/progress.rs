//! What a running command shows: a bar on a terminal, plain lines otherwise.

use std::io::{self, IsTerminal};
use std::time::Duration;

use barlow_train::event::{Event, Observer};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output;

/// Shows a run on stderr.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    /// Steps done and steps in all, to return to after an evaluation.
    steps: (u64, u64),
}

impl Progress {
    pub(super) fn new() -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(5));
            let style = ProgressStyle::with_template(
                "{wide_bar} {pos}/{len} {msg} elapsed {elapsed} left {eta}",
            );
            bar.set_style(style.expect("the template is right"));
            bar.enable_steady_tick(Duration::from_millis(500));
            bar
        });
        Self { bar, steps: (0, 0) }
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| output::message(text)),
            None => output::message(text),
        }
    }

    /// Shows how far an evaluation is.
    pub(super) fn evaluating(&self, images: usize, of: usize) {
        if let Some(bar) = &self.bar {
            bar.set_length(of as u64);
            bar.set_position(images as u64);
            bar.set_message("images evaluated,");
        }
    }

    /// Removes the bar.
    pub(super) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Observer for Progress {
    fn event(&mut self, event: &Event) {
        match event {
            Event::Started { step, total_steps, .. } => {
                self.steps = (*step, *total_steps);
                self.line(&event.to_string());
            }
            Event::Evaluating { images, of } => self.evaluating(*images, *of),
            Event::Step { step, loss, images_per_second, data_wait_fraction, is_line, .. } => {
                self.steps.0 = step + 1;
                if let Some(bar) = &self.bar {
                    bar.set_length(self.steps.1);
                    bar.set_position(self.steps.0);
                    bar.set_message(format!(
                        "loss {loss:.2} {images_per_second:.0} images/s data wait {:.0} %",
                        100.0 * data_wait_fraction
                    ));
                } else if *is_line {
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
