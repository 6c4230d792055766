//! A thread that works ahead of its consumer, by a bounded number of products.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{Builder, JoinHandle};

/// The consumer's end; dropping it stops the thread and waits for it.
#[derive(Debug)]
pub(super) struct Ahead<T> {
    products: Option<Receiver<T>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Ahead<T> {
    /// Starts a thread that calls `produce` until it gives nothing, and holds at most `ahead`
    /// products that nobody has taken (besides the one that it is working on). `produce` is to
    /// return soon once its argument is true; what it returns then is thrown away.
    pub(super) fn start(
        name: &str,
        ahead: usize,
        mut produce: impl FnMut(&AtomicBool) -> Option<T> + Send + 'static,
    ) -> io::Result<Self> {
        let (sender, products) = sync_channel(ahead);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = Builder::new().name(name.to_owned()).spawn(move || {
            while let Some(product) = produce(&stopped) {
                if sender.send(product).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { products: Some(products), stop, thread: Some(thread) })
    }

    /// The next product, waited for; nothing at the end. `Err` is what a panic of the thread said,
    /// told once.
    pub(super) fn next(&mut self) -> Option<Result<T, String>> {
        if let Some(product) = self.products.as_ref().and_then(|products| products.recv().ok()) {
            return Some(Ok(product));
        }
        self.products = None;
        let panic = self.thread.take()?.join().err()?;
        Some(Err(crate::panic_message(&*panic)))
    }
}

impl<T> Ahead<T> {
    /// Stops the thread and throws away what it has produced.
    pub(super) fn stop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.products = None;
        if let Some(thread) = self.thread.take() {
            // A panic of a thread whose products nobody wants any more is nobody's business.
            let _ = thread.join();
        }
    }
}

impl<T> Drop for Ahead<T> {
    fn drop(&mut self) {
        self.stop();
    }
}
