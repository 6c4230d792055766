//! Opens a source, reads members of it in order and at random, and prints what each step costs.
//!
//!     cargo run --release -p barlow-data --example open_source -- SRC [CACHE_FOLDER] [IMAGES]
//!
//! Memory is the growth of the process over the opening, and its peak, as Linux tells them.

#![allow(clippy::print_stdout, reason = "a program of its own")]

use std::path::PathBuf;
use std::time::Instant;

use barlow_data::source::{OpenOptions, Source, open};
use barlow_random::{Key, Permutation};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let spec = arguments.next().ok_or("expected a source")?;
    let cache_folder = arguments.next().filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let images: usize = arguments.next().map_or(Ok(0), |number| number.parse())?;
    let options = OpenOptions { cache_folder, ..OpenOptions::default() };

    let before = memory("VmRSS");
    let begin = Instant::now();
    let source = open(&spec, &options)?;
    let seconds = begin.elapsed().as_secs_f64();
    let (held, len) = (memory("VmRSS").saturating_sub(before), source.len());
    println!("opened in {seconds:.3} s: {len} images, {} classes", source.classes().len());
    println!(
        "memory: {held} bytes more, {:.1} an image; peak {:.1} MB",
        held as f64 / len as f64,
        memory("VmHWM") as f64 / 1e6
    );
    for remark in source.remarks() {
        println!("remark: {remark}");
    }
    let begin = Instant::now();
    let fingerprint = source.fingerprint();
    println!("fingerprint in {:.3} s: {fingerprint}", begin.elapsed().as_secs_f64());

    let images = images.min(len);
    if images > 0 {
        let order = Permutation::new(Key::default(), len as u64);
        load("in order", &*source, 0..images);
        load("at random", &*source, (0..images).map(|id| order.at(id as u64) as usize));
    }
    Ok(())
}

/// Loads images on one thread, good or bad.
fn load(how: &str, source: &dyn Source, ids: impl Iterator<Item = usize>) {
    let begin = Instant::now();
    let (mut images, mut bad) = (0, 0);
    for id in ids {
        images += 1;
        bad += usize::from(source.load(id).is_err());
    }
    let rate = f64::from(images) / begin.elapsed().as_secs_f64();
    println!("{how}: {rate:.0} images/s ({bad} of {images} bad)");
}

/// A line of the process's status, in bytes.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) * 1024
}
