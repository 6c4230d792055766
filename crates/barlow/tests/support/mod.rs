//! Runs the real programs in folders of their own, and reads what they leave there.

#![allow(dead_code, reason = "each test file is a crate of its own and uses a part of this")]

pub(crate) mod images;
pub(crate) mod kills;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use tempfile::TempDir;

/// Options that make a step take milliseconds: 72 steps of 16 images, saved after every third.
pub(crate) const TINY: [&str; 17] = [
    "pretrain",
    "--data=synthetic:96",
    "--image-size=16",
    "--encoder=resnet18",
    "--width=4",
    "--set=projector.widths=32-32",
    "--batch-size=16",
    "--epochs=12",
    "--set=data.workers=2",
    "--set=encoder.stem=small",
    "--set=checkpoint.every_steps=3",
    "--set=optimizer.name=adamw",
    "--set=optimizer.base_learning_rate=0.02",
    "--set=optimizer.base_learning_rate_biases=0.02",
    "--set=probe.every_epochs=4",
    "--out",
    "run",
];

/// Steps of a run with the options of [`TINY`].
pub(crate) const TINY_STEPS: u64 = 72;

/// Longer than any of these runs takes on a machine that has other work.
const PATIENCE: Duration = Duration::from_mins(4);

/// A program in a folder of its own.
pub(crate) struct Playground {
    program: PathBuf,
    folder: TempDir,
}

/// A program that ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Playground {
    /// The program itself.
    pub(crate) fn barlow() -> Self {
        Self::of(env!("CARGO_BIN_EXE_barlow").into())
    }

    /// The example with an objective of its own; `cargo test` builds it, unless told to build one
    /// test only.
    pub(crate) fn own_objective() -> Self {
        let test = std::env::current_exe().unwrap();
        let profile = test.parent().and_then(Path::parent).unwrap();
        let program = profile.join("examples/own_objective");
        assert!(program.exists(), "build it first: cargo build --release --examples");
        Self::of(program)
    }

    fn of(program: PathBuf) -> Self {
        Self { program, folder: tempfile::tempdir().unwrap() }
    }

    /// A path in the folder.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null());
        // Listings are kept here, not among the user's own.
        command.env("XDG_CACHE_HOME", self.path("cache"));
        command
    }

    /// Runs to the end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(&mut self.command(arguments))
    }

    /// Runs with files limited to so many blocks of 1024 bytes: to the program, a full disk.
    pub(crate) fn run_with_full_disk(&self, blocks: u64, arguments: &[&str]) -> Ended {
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut command = Command::new("bash");
        command.args(["-c", &script]).arg(&self.program).args(arguments);
        command.env("XDG_CACHE_HOME", self.path("cache"));
        Ended::of(command.current_dir(&self.folder).stdin(Stdio::null()))
    }

    /// Starts in the background, silent.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Starts, and returns as soon as so many steps are recorded.
    pub(crate) fn start_and_wait(&self, arguments: &[&str], steps: u64) -> Child {
        let mut child = self.start(arguments);
        let begin = Instant::now();
        while recorded_steps(&self.path("run")) < steps {
            assert!(child.try_wait().unwrap().is_none(), "ended before step {steps}");
            assert!(begin.elapsed() < PATIENCE, "no step {steps}");
            std::thread::sleep(Duration::from_millis(2));
        }
        child
    }

    /// The bytes of the run's encoder.
    pub(crate) fn encoder(&self) -> Vec<u8> {
        fs::read(self.path("run/encoder.safetensors")).unwrap()
    }

    /// The run's metrics without what depends on the clock.
    pub(crate) fn metrics(&self) -> Vec<Value> {
        let mut records = metrics(&self.path("run"));
        for record in &mut records {
            let record = record.as_object_mut().unwrap();
            record.retain(|key, _| key != "images_per_second" && key != "data_wait_fraction");
        }
        records
    }

    /// Every file below `run` but the lock, with what is in it and when it was written.
    pub(crate) fn files(&self) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.path("run")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if !path.ends_with(".lock") {
                    let name = path.strip_prefix(self.path("run")).unwrap().display().to_string();
                    let written = path.metadata().unwrap().modified().unwrap();
                    files.insert(name, (fs::read(&path).unwrap(), written));
                }
            }
        }
        files
    }

    /// Steps of the run's checkpoints that have a manifest, ascending.
    pub(crate) fn checkpoints(&self) -> Vec<u64> {
        checkpoints(&self.path("run"))
    }

    /// A file of the checkpoint of a step.
    pub(crate) fn checkpoint_file(&self, step: u64, file: &str) -> PathBuf {
        self.path(&format!("run/checkpoints/step-{step:08}/{file}"))
    }
}

impl Ended {
    fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Fails unless the program ended with this code and said all of this on standard error.
    #[track_caller]
    pub(crate) fn assert(&self, code: i32, said: &[&str]) -> &Self {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        for part in said {
            assert!(self.stderr.contains(part), "{part:?} in\n{}", self.stderr);
        }
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

/// A folder in which a tiny run is finished, one for all tests of a file; its encoder gives 32 numbers
/// an image.
pub(crate) fn trained() -> &'static Playground {
    static PLAYGROUND: OnceLock<Playground> = OnceLock::new();
    PLAYGROUND.get_or_init(|| {
        let playground = Playground::barlow();
        playground.run(&tiny(&[])).assert(0, &[]);
        playground
    })
}

/// [`TINY`] and more.
pub(crate) fn tiny<'a>(more: &[&'a str]) -> Vec<&'a str> {
    TINY.iter().chain(more).copied().collect()
}

/// Sends a signal by name.
pub(crate) fn signal(child: &Child, name: &str) {
    let script = format!("kill -{name} {}", child.id());
    assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
}

/// The records of `metrics.jsonl`; a last line that is being written does not count.
pub(crate) fn metrics(run: &Path) -> Vec<Value> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Steps recorded in `metrics.jsonl`.
pub(crate) fn recorded_steps(run: &Path) -> u64 {
    let last =
        metrics(run).iter().rev().find_map(|r| r["step"].as_u64().filter(|_| r["kind"] == "step"));
    last.map_or(0, |step| step + 1)
}

/// Steps of the checkpoints that have a manifest, ascending.
pub(crate) fn checkpoints(run: &Path) -> Vec<u64> {
    let Ok(entries) = fs::read_dir(run.join("checkpoints")) else { return vec![] };
    let step = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap();
        let is_whole = entry.path().join("MANIFEST.json").exists();
        name.strip_prefix("step-").filter(|_| is_whole)?.parse().ok()
    };
    let mut steps: Vec<u64> = entries.filter_map(|entry| step(entry.unwrap())).collect();
    steps.sort_unstable();
    steps
}
