//! Image files in, two seeded views out, as plain arrays: sources, decoding, views and the loader.
//!
//! A reader who follows one image opens [`source`] (which images there are), [`decode`] (bytes to
//! pixels), [`views`] (one image to two random distortions of it) and [`loader`] (batches, filled
//! ahead of the training step by worker threads). Nothing here knows of tensors, models or Burn.

pub mod cache;
pub mod decode;
pub mod image;
pub mod loader;
mod positional;
pub mod source;
pub mod summary;
pub mod views;

pub use image::{DecodedImage, Image};

/// What a panic said, where it said it with text.
fn panic_message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
        .to_owned()
}
