//! Batches of views, filled ahead of the training step by worker threads.
