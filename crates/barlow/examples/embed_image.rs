//! A program of one's own: loads an encoder and embeds images.
//!
//! ```text
//! cargo run --release --example embed_image -- run/encoder.safetensors a.jpg b.jpg
//! ```
//!
//! It prints the length of the representations, and how similar each image is to the first.

#![expect(clippy::print_stdout, reason = "that is what it is for")]

use barlow::ImageEncoder;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: embed_image ENCODER.safetensors IMAGE...";
    let encoder = ImageEncoder::open(arguments.next().ok_or(anyhow::anyhow!(usage))?)?;
    let mut first: Option<Vec<f32>> = None;
    for path in arguments {
        let vector = encoder.embed_file(&path)?;
        let first = first.get_or_insert_with(|| vector.clone());
        println!(
            "{path}: {} numbers, cosine to the first {:.3}",
            vector.len(),
            cosine(first, &vector)
        );
    }
    Ok(())
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}
