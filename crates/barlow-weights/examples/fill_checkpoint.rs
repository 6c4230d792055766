//! Writes a ResNet-18 as a PyTorch checkpoint, each tensor `fill(name, shape, -1, 1)`, for
//! `reference/weights.py --load` to read:
//!
//! ```text
//! cargo run --release -p barlow-weights --example fill_checkpoint -- resnet18.pth
//! ```

use std::error::Error;
use std::fs::File;
use std::io::BufWriter;

use barlow_testing::fill;
use barlow_weights::tensor_file::{Array, Tensors};
use barlow_weights::{EncoderConfig, EncoderName, expected, torch};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("no path is given")?;
    let config = EncoderConfig { name: EncoderName::ResNet18, ..EncoderConfig::default() };
    let mut tensors = Tensors::new();
    for (name, shape) in expected(&config) {
        let values = fill(&name, shape.iter().product(), -1.0, 1.0);
        tensors.insert(name, Array::from_f32(&shape, &values)?);
    }
    torch::write(&tensors, BufWriter::new(File::create(path)?))?;
    Ok(())
}
