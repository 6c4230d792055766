use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::*;
use crate::storage::Storage as _;

fn run_in(path: &Path) -> RunDirectory {
    let run = RunDirectory::open(path, OpenMode::New).unwrap();
    run.write_config("seed = 1\n").unwrap();
    run
}

/// Everything that a run writes, and leftovers of a killed one.
fn whole_run(path: &Path) {
    let run = run_in(path);
    run.metrics().unwrap().append(&json!({"kind": "step", "step": 0})).unwrap();
    run.bad_images().unwrap().record(3, "a.jpg", "truncated").unwrap();
    run.train_log().unwrap().append("hello").unwrap();
    run.start_status(0).unwrap().finish(Ending::Done, None).unwrap();
    fs::write(run.encoder_path(), "").unwrap();
    fs::write(run.report_path(), "").unwrap();
    let generation = run.checkpoints_dir().join("step-00000010");
    fs::create_dir_all(&generation).unwrap();
    for name in ["state.bin", "MANIFEST.json", "state.bin.12.tmp", "../latest"] {
        fs::write(generation.join(name), "").unwrap();
    }
    fs::write(path.join("encoder.safetensors.12.tmp"), "").unwrap();
}

#[test]
fn a_missing_and_an_empty_directory_begin_fresh_in_every_mode() {
    for mode in [OpenMode::New, OpenMode::Resume, OpenMode::Overwrite] {
        let parent = tempfile::tempdir().unwrap();
        for path in [parent.path().join("a/b"), parent.path().join("a/b")] {
            // The second time only the lock file is there.
            let run = RunDirectory::open(&path, mode).unwrap();
            assert_eq!(run.state(), RunState::Fresh);
        }
    }
}

#[test]
fn a_directory_that_is_not_empty_is_refused_with_both_ways_out() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("notes.txt"), "mine").unwrap();
    let error = RunDirectory::open(directory.path(), OpenMode::New).unwrap_err().to_string();
    assert!(error.contains("is not empty") && error.contains("`--resume`"), "{error}");
    assert!(error.contains("`--overwrite`"), "{error}");
    assert_eq!(Disk.list(directory.path()).unwrap(), ["notes.txt"]);
}

#[test]
fn resuming_finds_the_run_and_its_configuration() {
    let directory = tempfile::tempdir().unwrap();
    whole_run(directory.path());
    fs::write(directory.path().join("notes.txt"), "mine").unwrap();
    let run = RunDirectory::open(directory.path(), OpenMode::Resume).unwrap();
    assert_eq!(run.state(), RunState::Continue);
    assert_eq!(run.read_config().unwrap(), "seed = 1\n");
    assert!(!directory.path().join("encoder.safetensors.12.tmp").exists());
    assert!(directory.path().join("notes.txt").exists());
}

#[test]
fn a_directory_without_a_run_is_not_resumed() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("notes.txt"), "mine").unwrap();
    let error = RunDirectory::open(directory.path(), OpenMode::Resume).unwrap_err().to_string();
    assert!(error.contains("has no `config.toml`, but `notes.txt`"), "{error}");
    assert_eq!(Disk.list(directory.path()).unwrap(), ["notes.txt"]);
}

#[test]
fn overwriting_removes_all_that_a_run_writes() {
    let directory = tempfile::tempdir().unwrap();
    whole_run(directory.path());
    let run = RunDirectory::open(directory.path(), OpenMode::Overwrite).unwrap();
    assert_eq!(run.state(), RunState::Fresh);
    assert_eq!(Disk.list(directory.path()).unwrap(), [".lock"]);
}

#[test]
fn overwriting_refuses_and_names_what_no_run_writes() {
    for foreign in ["notes.txt", "checkpoints/best.pth", "checkpoints/step-00000010/notes"] {
        let directory = tempfile::tempdir().unwrap();
        whole_run(directory.path());
        fs::write(directory.path().join(foreign), "mine").unwrap();
        let error = RunDirectory::open(directory.path(), OpenMode::Overwrite).unwrap_err();
        let error = error.to_string();
        assert!(error.contains(&format!("`{foreign}` was not written by a run")), "{error}");
        assert!(directory.path().join(foreign).exists());
        assert!(directory.path().join("checkpoints/step-00000010/state.bin").exists());
        assert!(directory.path().join("config.toml").exists());
    }
}

#[cfg(unix)]
#[test]
fn a_link_in_place_of_the_checkpoints_is_never_followed() {
    let directory = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("latest"), "precious").unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), directory.path().join("checkpoints")).unwrap();
    let error = RunDirectory::open(directory.path(), OpenMode::Overwrite).unwrap_err();
    assert!(matches!(error, RunDirectoryError::Foreign { .. }), "{error}");
    assert!(elsewhere.path().join("latest").exists());
}

#[test]
fn a_second_opening_is_refused_with_the_holder_until_the_first_is_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let run = run_in(directory.path());
    let error = RunDirectory::open(directory.path(), OpenMode::Resume).unwrap_err();
    let RunDirectoryError::Locked { holder, .. } = &error else { panic!("{error}") };
    assert_eq!(holder.pid, Some(std::process::id()));
    assert!(error.to_string().contains(&format!("process {} on `", std::process::id())), "{error}");
    drop(run);
    RunDirectory::open(directory.path(), OpenMode::Resume).unwrap();
}

#[test]
#[ignore = "holds a lock until it is killed; run by the test below"]
fn child_that_holds_the_lock() {
    let path = std::env::var_os("BARLOW_TEST_RUN").expect("set by the test below");
    let _run = run_in(Path::new(&path));
    std::thread::sleep(std::time::Duration::from_mins(1));
}

#[test]
fn the_lock_vanishes_with_a_killed_process() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "run_directory::tests::child_that_holds_the_lock"])
        .env("BARLOW_TEST_RUN", &path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while !path.join("config.toml").exists() {
        assert!(child.try_wait().unwrap().is_none(), "the child ended early");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let error = RunDirectory::open(&path, OpenMode::Resume).unwrap_err();
    let RunDirectoryError::Locked { holder, .. } = error else { panic!("{error}") };
    assert_eq!(holder.pid, Some(child.id()));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(RunDirectory::open(&path, OpenMode::Resume).unwrap().state(), RunState::Continue);
}

#[test]
fn of_two_processes_at_once_exactly_one_gets_a_new_directory() {
    for _ in 0..50 {
        let directory = tempfile::tempdir().unwrap();
        let barrier = std::sync::Barrier::new(2);
        let opened = std::thread::scope(|scope| {
            let threads = [(); 2].map(|()| {
                scope.spawn(|| {
                    barrier.wait();
                    let run = RunDirectory::open(directory.path(), OpenMode::New);
                    if let Ok(run) = &run {
                        run.write_config("seed = 1\n").unwrap();
                    }
                    run.is_ok()
                })
            });
            threads.map(|thread| thread.join().unwrap()).iter().filter(|&&ok| ok).count()
        });
        assert_eq!(opened, 1);
    }
}

#[test]
fn resumed_metrics_hold_what_the_checkpoint_knows_and_no_torn_line() {
    let directory = tempfile::tempdir().unwrap();
    let run = run_in(directory.path());
    let path = directory.path().join("metrics.jsonl");
    let step = |step: u64| json!({"kind": "step", "step": step, "loss": 0.5});
    let epoch = |epoch: u64, step: u64| json!({"kind": "epoch", "epoch": epoch, "step": step});
    let written = [epoch(0, 0), step(0), step(1), epoch(1, 2), step(2), step(3), epoch(2, 4)];
    let mut metrics = run.metrics().unwrap();
    for record in &written {
        metrics.append(record).unwrap();
    }
    drop(metrics);
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{whole}{{\"kind\":\"st")).unwrap();

    let mut metrics = run.metrics().unwrap();
    assert_eq!(metrics.earlier(), written);
    assert_eq!(fs::read_to_string(&path).unwrap(), whole);
    metrics.cut_back_to(3).unwrap();
    assert_eq!(metrics.earlier(), &written[..5]);
    metrics.cut_back_to(2).unwrap();
    metrics.append(&step(2)).unwrap();
    let lines: Vec<Value> = fs::read_to_string(&path)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines, [&written[..4], &[step(2)]].concat());

    run.metrics().unwrap().clear().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
}

#[test]
fn a_broken_line_amid_the_metrics_is_an_error_with_its_number() {
    let directory = tempfile::tempdir().unwrap();
    let run = run_in(directory.path());
    fs::write(directory.path().join("metrics.jsonl"), "{\"step\":0}\n{\n{\"step\":1}\n").unwrap();
    let error = run.metrics().unwrap_err().to_string();
    assert!(error.starts_with("line 2 of `"), "{error}");
}

#[test]
fn a_bad_image_is_listed_once_across_resumes() {
    let directory = tempfile::tempdir().unwrap();
    let run = run_in(directory.path());
    let mut images = run.bad_images().unwrap();
    assert!(images.is_empty());
    assert!(images.record(7, "b\n.jpg", "truncated").unwrap());
    assert!(!images.record(7, "b\n.jpg", "truncated").unwrap());
    let mut images = run.bad_images().unwrap();
    assert!(!images.record(7, "b\n.jpg", "truncated").unwrap());
    assert!(images.record(8, "c.jpg", "not an image").unwrap());
    assert_eq!(images.len(), 2);
    let text = fs::read_to_string(directory.path().join("bad_images.jsonl")).unwrap();
    assert_eq!(text.lines().count(), 2);
    assert_eq!(
        serde_json::from_str::<Value>(text.lines().next().unwrap()).unwrap(),
        json!({"id": 7, "path": "b\n.jpg", "reason": "truncated"})
    );
}

#[test]
fn the_first_free_name_is_taken_once_only() {
    let parent = tempfile::tempdir().unwrap();
    let runs = parent.path().join("runs");
    assert_eq!(first_free(&runs, "quick").unwrap(), runs.join("quick-001"));
    let names = std::thread::scope(|scope| {
        let threads = [(); 8].map(|()| scope.spawn(|| first_free(&runs, "quick").unwrap()));
        let mut names = threads.map(|thread| thread.join().unwrap());
        names.sort();
        names
    });
    let expected: Vec<PathBuf> = (2..10).map(|n| runs.join(format!("quick-{n:03}"))).collect();
    assert_eq!(names[..], expected);
    assert_eq!(first_free(&runs, "cifar").unwrap(), runs.join("cifar-001"));
}
