//! Work on one batch, shared out over threads sample by sample.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, scope};

use super::LoadError;

/// Calls `work` on every item, on as many threads as there are `states` (the calling one among
/// them); each call has a state of its own. Which thread does which item is left to chance.
///
/// Threads live for one batch: that lets them borrow the batch's buffers, and costs some tens of
/// microseconds of the milliseconds that a batch takes.
///
/// # Errors
/// If a call panics (the other threads then take no more items) or a thread cannot be started.
/// Once `stop` is true no more items are taken, and that is no error.
pub(super) fn share<I, S>(
    items: I,
    states: &mut [S],
    stop: &AtomicBool,
    work: impl Fn(I::Item, &mut S) + Sync,
) -> Result<(), LoadError>
where
    I: Iterator + Send,
    S: Send,
{
    let items = Mutex::new(items);
    let failure = Mutex::new(None);
    let failed = AtomicBool::new(false);
    let fail = |error| {
        failed.store(true, Ordering::Relaxed);
        failure.lock().expect(NOT_POISONED).get_or_insert(error);
    };
    let run = |state: &mut S| {
        while !stop.load(Ordering::Relaxed) && !failed.load(Ordering::Relaxed) {
            let item = items.lock().expect(NOT_POISONED).next();
            let Some(item) = item else { break };
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(item, state))) {
                fail(LoadError::WorkerPanic { message: crate::panic_message(&*panic) });
            }
        }
    };
    let (own, others) = states.split_first_mut().expect("a loader has at least one worker");
    scope(|scope| {
        for (index, state) in others.iter_mut().enumerate() {
            let thread = Builder::new().name(format!("barlow-loader-{}", index + 1));
            if let Err(source) = thread.spawn_scoped(scope, || run(state)) {
                fail(LoadError::Thread { source });
                break;
            }
        }
        run(own);
    });
    match failure.into_inner().expect(NOT_POISONED) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

const NOT_POISONED: &str = "nothing panics while this lock is held";
