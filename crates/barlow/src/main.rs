//! The `barlow` program.

use std::process::ExitCode;

use barlow::objectives::Registry;

fn main() -> ExitCode {
    barlow::run(&Registry::default())
}
