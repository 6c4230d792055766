//! The whole command line with one more objective: a program that brings its own.
//!
//! An objective is one file: what it is called and can be told, its loss with gradients, what it
//! carries from step to step. Registered it is trained, measured, checkpointed and resumed like the
//! built-in ones. Try it:
//!
//! ```text
//! cargo run --release --example own_objective -- pretrain --objective queue --out run
//! ```

#[path = "own_objective/queue.rs"]
mod queue;

use std::process::ExitCode;

use barlow::objectives::Registry;

fn main() -> ExitCode {
    let mut registry = Registry::default();
    registry.insert(&queue::ENTRY);
    barlow::run(&registry)
}
