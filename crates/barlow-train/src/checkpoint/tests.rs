use std::collections::BTreeSet;
use std::io::Write as _;

use barlow_nn::tensor_file::Array;
use serde_json::json;

use super::*;
use crate::storage::Disk;
use crate::storage::faults::{Fault, FaultStorage, Random};

const SMALL_BLOCKS: usize = 1024;
const CRASH_SEEDS: u64 = 32;

fn checkpoints() -> &'static Path {
    Path::new("run/checkpoints")
}

/// About 5 kB that differ in every value between steps.
fn snapshot(step: u64) -> Snapshot {
    let weights: Vec<f32> = (0..1000).map(|i| i as f32 * 0.25 + step as f32).collect();
    let tensors = Tensors::from([
        ("encoder.weight".to_owned(), Array::from_f32(&[10, 100], &weights).unwrap()),
        ("sampler.position".to_owned(), Array::from_u64(&[], &[step * 64]).unwrap()),
    ]);
    Snapshot { step, tensors, facts: json!({"seed": u64::MAX, "epoch": step / 10, "a": [step]}) }
}

fn storage_with(steps: &[u64]) -> FaultStorage {
    let storage = FaultStorage::default();
    storage.create_directory(Path::new("run")).unwrap();
    storage.sync_directory(Path::new("")).unwrap();
    for &step in steps {
        save_small(&storage, step).unwrap();
    }
    storage
}

fn save_small(storage: &FaultStorage, step: u64) -> Result<PathBuf, CheckpointError> {
    save_in_blocks(storage, checkpoints(), &snapshot(step), SMALL_BLOCKS)
}

/// The step that opens, `None` for a run without a checkpoint; its content must be that step's.
fn step_that_opens(storage: &FaultStorage, case: &str) -> Option<u64> {
    let loaded =
        load_newest(storage, checkpoints()).unwrap_or_else(|error| panic!("{case}: {error}"))?;
    assert_eq!(loaded.snapshot, snapshot(loaded.snapshot.step), "{case}: mixed content");
    Some(loaded.snapshot.step)
}

/// Breaks the saving of step 30 at every call in every way; only `allowed` may open afterwards.
fn break_every_call(start: &FaultStorage, allowed: &[Option<u64>]) -> usize {
    let mut cases = 0;
    for fault in [Fault::Io, Fault::Full, Fault::ShortWrite, Fault::Crash] {
        for call in 0.. {
            let storage = start.copy();
            storage.plan(call, fault);
            let saved = save_small(&storage, 30);
            if storage.calls() <= call {
                assert!(saved.is_ok() && call > 20, "{call} calls");
                break;
            }
            let case = format!("{fault:?} at call {call}");
            if fault != Fault::Crash {
                let opened = step_that_opens(&storage, &case);
                assert!(allowed.contains(&opened), "{case}: {opened:?} opens");
                assert!(saved.is_err() || opened == Some(30), "{case}: saved, {opened:?} opens");
                let again = storage.copy();
                save_small(&again, 30).unwrap_or_else(|error| panic!("{case}, again: {error}"));
                assert_eq!(step_that_opens(&again, &case), Some(30));
            }
            for seed in 0..CRASH_SEEDS {
                let case = format!("{case}, crash seed {seed}");
                let after = storage.after_crash(seed);
                let opened = step_that_opens(&after, &case);
                assert!(allowed.contains(&opened), "{case}: {opened:?} opens");
                assert!(saved.is_err() || opened == Some(30), "{case}: saved, {opened:?} opens");
                save_small(&after, 30).unwrap_or_else(|error| panic!("{case}, resumed: {error}"));
                assert_eq!(step_that_opens(&after, &case), Some(30));
                cases += 1;
            }
        }
    }
    cases
}

#[test]
fn any_fault_at_any_call_leaves_this_generation_or_the_one_before() {
    let cases = break_every_call(&storage_with(&[10, 20]), &[Some(20), Some(30)]);
    assert!(cases > 3000, "{cases}");
}

#[test]
fn any_fault_in_the_first_save_leaves_a_checkpoint_or_none_at_all() {
    break_every_call(&storage_with(&[]), &[None, Some(30)]);
}

#[test]
fn any_fault_while_a_damaged_generation_is_replaced_leaves_a_whole_one() {
    let storage = storage_with(&[10, 20, 30]);
    let state = checkpoints().join("step-00000030/state.bin");
    storage.poke(&state, vec![0; 100]);
    break_every_call(&storage, &[Some(20), Some(30)]);
}

#[test]
fn any_read_error_while_loading_never_starts_the_run_anew() {
    let start = storage_with(&[10, 20]);
    for call in 0.. {
        let storage = start.copy();
        storage.plan(call, Fault::Io);
        let loaded = load_newest(&storage, checkpoints());
        if storage.calls() <= call {
            assert!(call > 4);
            break;
        }
        if let Ok(loaded) = loaded {
            let loaded = loaded.expect("an unreadable checkpoint is not none");
            assert_eq!(loaded.snapshot, snapshot(loaded.snapshot.step));
            assert!(loaded.snapshot.step == 20 || loaded.rejected.len() == 1);
        }
    }
}

#[test]
fn no_change_of_the_bytes_on_disk_is_ever_loaded() {
    let start = storage_with(&[10, 20]);
    let newest = checkpoints().join("step-00000020");
    for seed in 0..1000 {
        let mut random = Random(seed);
        let path = newest.join([STATE, MANIFEST][random.below(2)]);
        let original = start.peek(&path).unwrap();
        let mut bytes = original.clone();
        match random.below(4) {
            0 => bytes[random.below(original.len())] ^= 1 << random.below(8),
            1 => bytes.truncate(random.below(original.len())),
            2 => bytes.extend_from_slice(&original[..=random.below(original.len())]),
            _ => {
                let page = random.below(original.len()) & !511;
                let end = original.len().min(page + 512);
                bytes[page..end].fill(0);
            }
        }
        if bytes == original {
            continue;
        }
        let storage = start.copy();
        storage.poke(&path, bytes);
        let loaded = load_newest(&storage, checkpoints()).unwrap().unwrap();
        assert_eq!(loaded.snapshot, snapshot(10), "seed {seed}");
        assert_eq!(loaded.rejected.len(), 1, "seed {seed}");
        assert_eq!(loaded.rejected[0].path, newest);
    }
}

#[test]
fn a_rejected_generation_says_which_bytes_are_wrong() {
    let storage = storage_with(&[10, 20]);
    let path = checkpoints().join("step-00000020/state.bin");
    let mut bytes = storage.peek(&path).unwrap();
    bytes[2000] ^= 1;
    storage.poke(&path, bytes);
    let rejected = load_newest(&storage, checkpoints()).unwrap().unwrap().rejected;
    assert_eq!(
        rejected[0].to_string(),
        "`run/checkpoints/step-00000020`: `state.bin` is damaged: reading or writing a tensor \
         file failed: bytes 1024..2048 do not match the checksum in `MANIFEST.json`"
    );
}

#[test]
fn a_run_whose_checkpoints_are_all_damaged_is_an_error_that_names_each() {
    let storage = storage_with(&[10, 20]);
    for name in ["step-00000010", "step-00000020"] {
        storage.poke(&checkpoints().join(name).join(STATE), vec![1, 2, 3]);
    }
    let error = load_newest(&storage, checkpoints()).unwrap_err();
    let CheckpointError::NoneUsable { rejected, .. } = &error else { panic!("{error}") };
    assert_eq!(rejected.len(), 2);
    assert!(error.to_string().contains("bytes in `state.bin`, found 3"), "{error}");

    // Manifests that vanished are noticed by what `latest` says.
    for name in ["step-00000010", "step-00000020"] {
        storage.remove_file(&checkpoints().join(name).join(MANIFEST)).unwrap();
    }
    let error = load_newest(&storage, checkpoints()).unwrap_err();
    assert!(error.to_string().contains("`MANIFEST.json` is missing"), "{error}");
}

#[test]
fn a_newer_format_is_refused_and_not_passed_over() {
    let storage = storage_with(&[10, 20]);
    let path = checkpoints().join("step-00000020/MANIFEST.json");
    let rest = "\"format_version\": 2,\n\"anything\": \"else\"\n}";
    storage.poke(&path, manifest::with_checksum(rest).into_bytes());
    let error = load_newest(&storage, checkpoints()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "checkpoint `run/checkpoints/step-00000020` has format version 2, this program reads up \
         to 1; continue the run with the program that wrote it"
    );
}

#[test]
fn the_two_newest_whole_generations_are_kept_and_nothing_else() {
    let storage = storage_with(&[10, 20, 30]);
    let generations = |storage: &FaultStorage| steps(&storage.list(checkpoints()).unwrap());
    assert_eq!(generations(&storage), [30, 20]);
    // The newest decays; the next save must not count it as the one to fall back to.
    storage.poke(&checkpoints().join("step-00000030/state.bin"), vec![0; 7]);
    save_small(&storage, 40).unwrap();
    assert_eq!(generations(&storage), [40, 20]);
    // A run resumed from an older generation replaces what came after it.
    save_small(&storage, 25).unwrap();
    assert_eq!(generations(&storage), [25, 20]);
    let names: BTreeSet<String> =
        storage.paths().iter().map(|path| path.display().to_string()).collect();
    assert_eq!(
        names.iter().map(String::as_str).collect::<Vec<_>>(),
        [
            "run",
            "run/checkpoints",
            "run/checkpoints/latest",
            "run/checkpoints/step-00000020",
            "run/checkpoints/step-00000020/MANIFEST.json",
            "run/checkpoints/step-00000020/state.bin",
            "run/checkpoints/step-00000025",
            "run/checkpoints/step-00000025/MANIFEST.json",
            "run/checkpoints/step-00000025/state.bin",
        ]
    );
    assert_eq!(storage.peek(&checkpoints().join(LATEST)).unwrap(), b"step-00000025\n");
}

#[test]
fn leftovers_of_a_killed_process_are_cleaned_away() {
    let storage = storage_with(&[10]);
    let unfinished = checkpoints().join("step-00000015");
    storage.create_directory(&unfinished).unwrap();
    storage.create(&unfinished.join("state.bin.77.tmp")).unwrap();
    storage.create(&checkpoints().join("latest.77.tmp")).unwrap();
    assert_eq!(step_that_opens(&storage, "unfinished"), Some(10));
    save_small(&storage, 20).unwrap();
    let left = storage.paths();
    assert!(left.iter().all(|path| !path.to_string_lossy().contains("77.tmp")), "{left:?}");
    assert!(!left.contains(&unfinished));
}

#[test]
fn the_disk_holds_what_the_layout_promises_and_gives_it_back() {
    let run = tempfile::tempdir().unwrap();
    let directory = run.path().join("checkpoints");
    assert!(load_newest(&Disk, &directory).unwrap().is_none());
    let saved = save(&Disk, &directory, &snapshot(1234)).unwrap();
    assert_eq!(saved, directory.join("step-00001234"));
    assert_eq!(Disk.list(&saved).unwrap(), ["MANIFEST.json", "state.bin"]);
    let manifest: Value =
        serde_json::from_str(&std::fs::read_to_string(saved.join(MANIFEST)).unwrap()).unwrap();
    assert_eq!(manifest["step"], 1234);
    assert_eq!(manifest["format_version"], 1);
    assert_eq!(manifest["state"]["block_bytes"], 4_194_304);
    let state = std::fs::read(saved.join(STATE)).unwrap();
    assert_eq!(manifest["state"]["bytes"], state.len() as u64);
    let loaded = load_newest(&Disk, &directory).unwrap().unwrap();
    assert_eq!(loaded.snapshot, snapshot(1234));
    assert!(loaded.rejected.is_empty());
}

#[test]
fn equal_snapshots_give_equal_bytes() {
    let first = storage_with(&[10]);
    let second = storage_with(&[10]);
    for file in [STATE, MANIFEST] {
        let path = checkpoints().join("step-00000010").join(file);
        assert_eq!(first.peek(&path), second.peek(&path));
    }
}

#[test]
fn a_disk_that_fills_up_keeps_the_generation_before() {
    let storage = storage_with(&[10]);
    storage.plan(12, Fault::Full);
    let error = save_small(&storage, 20).unwrap_err();
    assert_eq!(error.to_string(), "writing the checkpoint `run/checkpoints/step-00000020` failed");
    assert_eq!(step_that_opens(&storage, "full"), Some(10));
}

#[test]
fn steps_beyond_eight_digits_keep_their_order() {
    let names = ["step-99999999", "step-100000000", "step-1", "step-000000001", "latest", "step-x"];
    assert_eq!(steps(&names.map(String::from)), [100_000_000, 99_999_999]);
}

#[test]
fn checksums_are_sha256() {
    // FIPS 180-2, appendix B.1.
    let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let mut writer = BlockWriter::new(Vec::new(), 2);
    writer.write_all(b"abc").unwrap();
    let summary = writer.finish().unwrap();
    assert_eq!(summary.sha256, expected);
    assert_eq!((summary.bytes, summary.blocks.len()), (3, 2));
}
