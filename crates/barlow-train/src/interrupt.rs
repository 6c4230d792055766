//! Ctrl-C and `kill`: the first asks the run to save and end, the second ends it at once.
//!
//! The loop asks [`Interrupt::requested`] after each step. Nothing here saves anything.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// A signal that asks a run to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGTERM: `kill`, a batch system at its time limit.
    Terminate,
}

impl Signal {
    /// What a process that ended on this signal exits with: 128 and the signal's number.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }

    fn number(self) -> i32 {
        match self {
            Self::Interrupt => SIGINT,
            Self::Terminate => SIGTERM,
        }
    }
}

/// Knows whether the process was asked to end; clones share that knowledge.
#[derive(Debug, Clone)]
pub struct Interrupt {
    /// Exit code of the signal received, 0 before the first.
    received: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Takes over SIGINT and SIGTERM for the rest of the process: the first one is kept for
    /// [`Interrupt::requested`], the next exits at once with that signal's code.
    ///
    /// # Errors
    /// If the system refuses to install a handler.
    pub fn install() -> io::Result<Self> {
        let received = Arc::new(AtomicUsize::new(0));
        let is_second = Arc::new(AtomicBool::new(false));
        for signal in [Signal::Interrupt, Signal::Terminate] {
            // Handlers run in the order of their registration: ask first, then remember.
            let code = i32::from(signal.exit_code());
            flag::register_conditional_shutdown(signal.number(), code, Arc::clone(&is_second))?;
            let code = usize::from(signal.exit_code());
            flag::register_usize(signal.number(), Arc::clone(&received), code)?;
            flag::register(signal.number(), Arc::clone(&is_second))?;
        }
        Ok(Self { received })
    }

    /// The signal that asked the process to end, if one did.
    pub fn requested(&self) -> Option<Signal> {
        let received = self.received.load(Ordering::SeqCst);
        [Signal::Interrupt, Signal::Terminate]
            .into_iter()
            .find(|signal| usize::from(signal.exit_code()) == received)
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::process::Command;

    use signal_hook::low_level::raise;

    use super::*;

    /// Runs one of the tests below in a process of its own and gives its exit code.
    fn exit_code_of(test: &str) -> Option<i32> {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", &format!("interrupt::tests::{test}")])
            .output()
            .unwrap()
            .status
            .code()
    }

    fn raise_one_then_another(first: Signal, second: Signal) {
        let interrupt = Interrupt::install().unwrap();
        assert_eq!(interrupt.requested(), None);
        raise(first.number()).unwrap();
        assert_eq!(interrupt.requested(), Some(first));
        raise(second.number()).unwrap();
        panic!("the second signal did not end the process");
    }

    #[test]
    #[ignore = "ends its process; run by the test below"]
    fn child_of_two_interrupts() {
        raise_one_then_another(Signal::Interrupt, Signal::Interrupt);
    }

    #[test]
    #[ignore = "ends its process; run by the test below"]
    fn child_of_an_interrupt_and_a_termination() {
        raise_one_then_another(Signal::Interrupt, Signal::Terminate);
    }

    #[test]
    fn the_first_signal_is_kept_and_the_second_exits_with_its_code() {
        assert_eq!(exit_code_of("child_of_two_interrupts"), Some(130));
        assert_eq!(exit_code_of("child_of_an_interrupt_and_a_termination"), Some(143));
    }
}
