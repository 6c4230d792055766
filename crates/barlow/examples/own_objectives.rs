//! The whole command line with two more objectives: a program that brings its own.
//!
//! An objective is one file: what it needs, its loss with gradients, what it carries from step to
//! step. Registered by name it is trained, measured, checkpointed and resumed like the built-in
//! ones. Try it:
//!
//! ```text
//! cargo run --release --example own_objectives -- pretrain --objective averaged-target --out run
//! ```
//!
//! What does not come from the command line, as sizes and momentum here, an objective holds itself.

#[path = "own_objectives/averaged_target.rs"]
mod averaged_target;
#[path = "own_objectives/directions.rs"]
mod directions;
#[path = "own_objectives/queue.rs"]
mod queue;

use std::process::ExitCode;

use barlow::objectives::Registry;

use averaged_target::AveragedTarget;
use queue::Queue;

fn main() -> ExitCode {
    let mut registry = Registry::default();
    registry.insert(AveragedTarget::NAME, |_, dim, _| Box::new(AveragedTarget::new(dim)));
    registry.insert(Queue::NAME, |_, dim, device| Box::new(Queue::new(dim, device)));
    barlow::run(&registry)
}
