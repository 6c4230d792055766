//! Files of weights that were made or damaged to do harm: each is refused with its reason, nothing in it
//! is run, and none takes more memory than its size allows. Memory is counted by this test's own
//! allocator.
//!
//! 100,000 damaged files by hand:
//!
//! ```text
//! cargo test --release -p barlow-weights --test hostile_files damaged_files_by -- --ignored --nocapture
//! ```
//!
//! On 2026-11-22: most memory 0.33 MB, slowest 9 ms.

#![allow(clippy::unwrap_used, reason = "helpers of tests end a test as the tests do")]

#[path = "hostile_files/archive.rs"]
mod archive;
#[path = "hostile_files/archives.rs"]
mod archives;
#[path = "hostile_files/counting.rs"]
mod counting;
#[path = "hostile_files/pickles.rs"]
mod pickles;
#[path = "hostile_files/tensor_files.rs"]
mod tensor_files;

use std::collections::BTreeSet;
use std::io::Cursor;
use std::time::{Duration, Instant};

use barlow_testing::data_folder;
use barlow_testing::mutate::mutated;
use barlow_weights::layout::Plan;
use barlow_weights::{Contents, EncoderConfig, EncoderName, ForeignFile, expected};

/// Name, bytes, and a part of the reason that is given.
type Case = (String, Vec<u8>, String);

/// What the values of a pickle of few bytes may take: a million of them, and the stack and memo.
const OVERHEAD_BYTES: usize = 160 << 20;

/// Reads all that a file has; the messages of the first error and its causes.
fn read_all(bytes: &[u8]) -> Result<Contents, String> {
    let mut file = ForeignFile::from_reader(Cursor::new(bytes)).map_err(|e| chain(&e))?;
    let contents = file.contents().clone();
    for (name, info) in &contents.tensors {
        let array = file.read(name).map_err(|e| chain(&e))?;
        assert_eq!((array.dtype, &array.shape), (info.dtype, &info.shape));
        assert_eq!(array.bytes.len() as u64, info.bytes(), "{name}");
    }
    if let Ok(plan) = Plan::of(&contents, None) {
        plan.load(&mut file).map_err(|e| chain(&e))?;
    }
    Ok(contents)
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Reads each case: all that went otherwise than the table says.
fn deviations(cases: &[Case]) -> Vec<String> {
    let mut deviations = Vec::new();
    for (name, bytes, expected) in cases {
        let begun = Instant::now();
        let (result, peak) = counting::peak(|| read_all(bytes));
        match result {
            Ok(contents) => deviations.push(format!("{name}: taken, {contents:?}")),
            Err(error) if !error.contains(expected.as_str()) => {
                deviations.push(format!("{name}: {error}\n    expected: {expected}"));
            }
            Err(_expected) => {}
        }
        if peak > 2 * bytes.len() + OVERHEAD_BYTES {
            deviations.push(format!("{name}: {peak} bytes of memory for {}", bytes.len()));
        }
        if begun.elapsed() > Duration::from_secs(10) {
            deviations.push(format!("{name}: {:?}", begun.elapsed()));
        }
    }
    deviations
}

fn assert_refused(cases: &[Case]) {
    let names: BTreeSet<&String> = cases.iter().map(|(name, ..)| name).collect();
    assert_eq!(names.len(), cases.len(), "names of cases differ");
    let deviations = deviations(cases);
    assert!(
        deviations.is_empty(),
        "{} of {}:\n{}",
        deviations.len(),
        cases.len(),
        deviations.join("\n")
    );
}

#[test]
fn the_checkpoint_that_all_are_made_from_is_read() {
    let good = archive::checkpoint(&archive::beside_a_tensor(b"N"));
    let contents = read_all(&good).unwrap();
    assert_eq!(contents.tensors["weight"].shape, [2, 3]);
}

#[test]
fn names_that_could_run_something_are_refused_and_nothing_is_run() {
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("run");
    let cases = pickles::payloads(&format!("touch {}", marker.display()));
    assert_refused(&cases);
    // What is kept as opaque is not run either.
    let opaque = archive::call("some_package.module", "function", "text");
    let contents = read_all(&archive::checkpoint(&archive::beside_a_tensor(&opaque))).unwrap();
    assert_eq!(contents.opaque["other"], "some_package.module.function");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a payload was run");
    assert_no_children();
}

/// No process was started by this one, where the system tells.
fn assert_no_children() {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return };
    for thread in threads.flatten() {
        let children = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        assert_eq!(children, "");
    }
}

#[test]
fn pickles_that_nest_repeat_or_lie_are_refused_with_their_reason() {
    assert_refused(&pickles::cases());
}

#[test]
fn archives_of_two_meanings_and_other_formats_are_refused_with_their_reason() {
    assert_refused(&archives::cases());
}

#[test]
fn tensor_files_that_lie_are_refused_with_their_reason() {
    assert_refused(&tensor_files::cases());
}

#[test]
fn an_encoder_whose_tensors_all_share_one_storage_is_not_loaded() {
    let config = EncoderConfig { name: EncoderName::ResNet18, ..EncoderConfig::default() };
    let shapes = expected(&config);
    let largest: usize = shapes.values().map(|shape| shape.iter().product()).max().unwrap();
    let storage =
        archive::storage("FloatStorage", &archive::text("0"), &archive::int(largest as i64));
    let mut body = b"}(".to_vec();
    for (name, shape) in &shapes {
        let strides = (0..shape.len()).map(|i| shape[i + 1..].iter().product::<usize>() as i64);
        let strides = archive::numbers(&strides.collect::<Vec<_>>());
        let shape =
            archive::numbers(&shape.iter().map(|&extent| extent as i64).collect::<Vec<_>>());
        let tensor =
            archive::Tensor { storage: storage.clone(), shape, strides, ..Default::default() };
        body.extend([archive::text(name), tensor.pickle()].concat());
    }
    body.push(b'u');
    let zeros = vec![0; 4 * largest];
    let bytes = archive::archive(&[("a/data.pkl", &archive::pickle(&body)), ("a/data/0", &zeros)]);
    let mut file = ForeignFile::from_reader(Cursor::new(&bytes)).unwrap();
    let plan = Plan::of(file.contents(), None).unwrap();
    let error = plan.load(&mut file).unwrap_err().to_string();
    // 11,176,512 weights and 9,600 running statistics of four bytes.
    let expected = format!("have 44744448 bytes in a file of {}: many share", bytes.len());
    assert!(error.contains(&expected), "{error}");
}

/// The checkpoints and tensor files of `reference/weights.py` that are read.
fn originals() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(data_folder().join("weights"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().unwrap() != "json")
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read(path).unwrap())
        })
        .filter(|(_, bytes)| read_all(bytes).is_ok())
        .collect();
    files.sort();
    assert_eq!(files.len(), 16);
    files
}

#[test]
fn every_truncation_is_refused() {
    for (name, bytes) in originals() {
        let step = if bytes.len() < 4000 { 1 } else { 97 };
        for length in (0..bytes.len()).step_by(step) {
            assert!(read_all(&bytes[..length]).is_err(), "{name} cut at {length}");
        }
    }
}

/// A damaged copy. Of archives most damage anywhere is found by a check sum, so some copies are damaged
/// near the end alone, where the directory is, and half in their pickles, with sums that are right.
fn damaged(original: &[u8], seed: u64) -> Vec<u8> {
    let is_archive = original.starts_with(b"PK");
    match seed / 16 % 4 {
        0 | 1 if is_archive => {
            let mut entries = archive::entries(original);
            for (name, data) in &mut entries {
                if name.ends_with("/data.pkl") {
                    *data = mutated(data, seed);
                }
            }
            let entries: Vec<_> = entries.iter().map(|(n, data)| (n.as_str(), &data[..])).collect();
            archive::archive(&entries)
        }
        2 if is_archive => {
            let split = original.len().saturating_sub(200 + 1000 * (seed as usize % 7));
            [&original[..split], &mutated(&original[split..], seed)].concat()
        }
        _ => mutated(original, seed),
    }
}

/// Reads damaged copies of all originals; the most memory and time.
fn read_damaged(count: u64) -> (usize, Duration) {
    let originals = originals();
    let (mut most_bytes, mut slowest) = (0, Duration::ZERO);
    for seed in 0..count {
        let (name, original) = &originals[seed as usize % originals.len()];
        let bytes = damaged(original, seed);
        let begun = Instant::now();
        let (_, peak) = counting::peak(|| read_all(&bytes));
        assert!(peak <= 32 * bytes.len() + OVERHEAD_BYTES, "{name}, seed {seed}: {peak} bytes");
        most_bytes = most_bytes.max(peak);
        slowest = slowest.max(begun.elapsed());
    }
    (most_bytes, slowest)
}

#[test]
fn damaged_files_neither_panic_nor_take_more_memory_than_allowed() {
    read_damaged(2000);
}

#[test]
#[ignore = "long: CONTRIBUTING.md says how to run it"]
fn damaged_files_by_the_hundred_thousand() {
    let (bytes, time) = read_damaged(100_000);
    println!("most memory {bytes} bytes, slowest {time:?}");
}
