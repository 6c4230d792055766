//! Writes synthetic images and their labels as NumPy files, for `reference/synthetic_baselines.py`:
//! `synthetic_dump IMAGES SEED STEM` gives `STEM-images.npy` and `STEM-labels.npy`.

use std::fs;
use std::io;

use barlow_data::source::{Source, Synthetic};

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [images, seed, stem] = arguments.as_slice() else {
        return Err(io::Error::other("usage: synthetic_dump IMAGES SEED STEM"));
    };
    let source = Synthetic::new(
        images.parse().map_err(io::Error::other)?,
        seed.parse().map_err(io::Error::other)?,
    );
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for id in 0..source.len() {
        pixels.extend(source.load(id).map_err(io::Error::other)?.to_8_bit().pixels.iter());
        labels.extend(source.label(id).map(|label| label as u8));
    }
    write_npy(&format!("{stem}-images.npy"), &format!("({images}, 32, 32, 3)"), &pixels)?;
    write_npy(&format!("{stem}-labels.npy"), &format!("({images},)"), &labels)
}

/// Writes unsigned bytes in NumPy's format 1.0.
fn write_npy(path: &str, shape: &str, values: &[u8]) -> io::Result<()> {
    let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}");
    let mut file = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    file.extend(format!("{header:<117}\n").bytes());
    file.extend(values);
    fs::write(path, file)
}
