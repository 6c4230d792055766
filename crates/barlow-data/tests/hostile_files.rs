//! Files that were made or damaged to do harm: none panics out of the decoder, takes long, or takes
//! more memory than [`DecodeOptions`] allow. Memory is counted by this test's own allocator.
//!
//! 100,000 damaged files of each format by hand:
//!
//! ```text
//! cargo test --release -p barlow-data --test hostile_files -- --ignored --nocapture
//! ```
//!
//! On 2026-11-22, slowest and most memory: JPEG 36 ms, 15.4 MB; PNG 4 ms, 3.5 MB; TIFF 5 ms, 7.7 MB;
//! WebP 18 ms, 18.2 MB; BMP 4 ms, 2.6 MB; GIF 20 ms, 9.9 MB; PNM 8 ms and npy 5 ms, below 0.1 MB. One
//! file made the PNG decoder panic and one the TIFF decoder; both were contained.

#![allow(clippy::unwrap_used, reason = "helpers of tests end a test as the tests do")]

#[path = "hostile_files/bombs.rs"]
mod bombs;
#[path = "hostile_files/counting.rs"]
mod counting;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use barlow_data::decode::{self, DecodeOptions, NpyLayout, Pages, Reduction};
use barlow_testing::mutate::mutated;

/// A million pixels: small, so that a file that gets past the limits is seen.
const MAX_PIXELS: u64 = 1 << 20;
/// What decoders may take beside samples: tables, windows, and the entries of TIFF directories.
const OVERHEAD_BYTES: usize = 48 << 20;

/// Twice the samples (a decoder's own and ours), the file and a copy of it, and the overhead.
fn most_bytes(file: usize) -> usize {
    2 * (MAX_PIXELS * decode::BYTES_PER_PIXEL) as usize + 2 * file + OVERHEAD_BYTES
}

fn options(pages: Pages) -> DecodeOptions {
    DecodeOptions {
        max_pixels: MAX_PIXELS,
        pages,
        npy_layout: NpyLayout::Auto,
        scale_down: true,
        ..DecodeOptions::default()
    }
}

/// The files of `reference/formats.py`, by format.
fn originals() -> BTreeMap<&'static str, Vec<Vec<u8>>> {
    let mut originals: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let mut files: Vec<_> = std::fs::read_dir(barlow_testing::data_folder().join("formats"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    for path in files {
        let format = match path.extension().unwrap().to_str().unwrap() {
            "jpg" => "jpeg",
            "png" => "png",
            "tif" => "tiff",
            "webp" => "webp",
            "bmp" => "bmp",
            "gif" => "gif",
            "pbm" | "pgm" | "ppm" | "pam" => "pnm",
            "npy" => "npy",
            _ => continue,
        };
        originals.entry(format).or_default().push(std::fs::read(path).unwrap());
    }
    originals
}

/// Makes the checksums of a PNG's chunks right, so that damage gets further than these.
fn mend_checksums(png: &mut [u8]) {
    let mut rest = png.get_mut(8..).unwrap_or_default();
    while let Some((length, chunk)) = rest.split_first_chunk_mut::<4>() {
        let length = (u32::from_be_bytes(*length) as usize).saturating_add(4);
        let Some((data, after)) = chunk.split_at_mut_checked(length) else {
            return;
        };
        let mut crc = flate2::Crc::new();
        crc.update(data);
        let Some((sum, next)) = after.split_first_chunk_mut::<4>() else {
            return;
        };
        *sum = crc.sum().to_be_bytes();
        rest = next;
    }
}

/// The worst that was seen of one format.
#[derive(Debug, Default)]
struct Worst {
    time: Duration,
    bytes: usize,
    kinds: BTreeMap<&'static str, usize>,
}

/// Decodes `count` damaged copies of a format's files.
fn worst_of(originals: &[Vec<u8>], count: u64) -> Worst {
    let mut worst = Worst::default();
    for seed in 0..count {
        let original = &originals[seed as usize % originals.len()];
        let mut damaged = mutated(original, seed);
        if seed % 2 == 0 && damaged.starts_with(b"\x89PNG") {
            mend_checksums(&mut damaged);
        }
        let pages = [Pages::First, Pages::Channels, Pages::Samples][seed as usize / 7 % 3];
        let reduction = Reduction::ALL[seed as usize / 21 % 4];
        let options = options(pages);
        let begin = Instant::now();
        let (result, bytes) = counting::peak(|| {
            let pages = decode::count_pages_in(&damaged, &options);
            let last = pages.map_or(0, |pages| pages - 1);
            let decoded = decode::decode_page_reduced(&damaged, last, &options, &|_| reduction);
            decoded.map(|decoded| decoded.image.shape())
        });
        let time = begin.elapsed();
        assert!(bytes <= most_bytes(damaged.len()), "seed {seed}: {bytes} bytes");
        assert!(time < Duration::from_secs(10), "seed {seed}: {time:?}");
        worst.time = worst.time.max(time);
        worst.bytes = worst.bytes.max(bytes);
        let kind = result.map_or_else(|error| error.kind(), |_| "decoded");
        *worst.kinds.entry(kind).or_default() += 1;
    }
    worst
}

#[expect(clippy::print_stdout, reason = "the figures of a run by hand")]
fn damage_all(count: u64) {
    for (format, originals) in originals() {
        let worst = worst_of(&originals, count);
        println!("{format}: {count} files, {worst:?}");
    }
}

#[test]
fn damaged_files_stay_within_time_and_memory() {
    damage_all(2_000);
}

#[test]
#[ignore = "long: CONTRIBUTING.md says how to run it"]
fn many_damaged_files_stay_within_time_and_memory() {
    damage_all(100_000);
}

#[test]
fn bombs_are_refused_before_memory_is_taken() {
    // What decoders take before they know a file's size: far less than the samples would.
    const MOST_BYTES: usize = 4 << 20;
    for (name, bytes, kinds) in bombs::all() {
        let (result, peak) = counting::peak(|| decode::decode(&bytes, &options(Pages::Channels)));
        let error = result.map(|image| image.shape()).unwrap_err();
        assert!(kinds.contains(&error.kind()), "{name}: {error} ({})", error.kind());
        assert!(peak <= MOST_BYTES + 2 * bytes.len(), "{name}: {peak} bytes");
    }
}
