//! Whom to tell how many images were found so far.

use std::fmt;
use std::sync::Arc;

/// A function that is told how many images were found so far, from any thread; none by default.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<dyn Fn(usize) + Send + Sync>>);

impl Progress {
    /// Calls this function now and then while images are looked for.
    pub fn new(report: impl Fn(usize) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(report)))
    }

    pub(super) fn report(&self, images: usize) {
        if let Some(report) = &self.0 {
            report(images);
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.0.is_some() { "Progress(..)" } else { "Progress(none)" };
        f.write_str(state)
    }
}
