//! A rival's script as a process: its command line, its JSON lines, and the pace we set.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};

/// The last line of a script: what it measured, in one mode.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Report {
    /// The work's name.
    pub work: String,
    /// The mode.
    pub mode: String,
    /// Median repetition.
    pub seconds_median: f64,
    /// Every repetition, in order.
    pub seconds: Vec<f64>,
    /// Source images per second, by the median.
    pub pairs_per_second: f64,
    /// Most memory that was ever resident.
    pub peak_rss_bytes: u64,
    /// The part of it that the work added.
    pub peak_growth_bytes: u64,
    /// Threads.
    pub threads: usize,
    /// PyTorch's version.
    pub torch: String,
}

/// One line of a script.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Report(Report),
    Repetition { seconds: f64 },
    Ready { ready: bool },
    Modes { modes: Vec<String> },
}

/// The command line of a script: its name and arguments, and the threads.
pub(super) fn command(python: &Path, scripts: &Path, script: &[&str], threads: usize) -> Command {
    let mut command = Command::new(python);
    if let [name, arguments @ ..] = script {
        command.arg(scripts.join(name)).args(arguments);
    }
    command.args(["--threads", &threads.to_string()]);
    command
}

/// The modes that a script has.
///
/// # Errors
/// If it does not run or does not say.
pub(super) fn modes(mut command: Command) -> anyhow::Result<Vec<String>> {
    command.arg("--list-modes");
    let mut peer = Peer::spawn(command)?;
    match peer.next()? {
        Line::Modes { modes } => Ok(modes),
        line => bail!("{} answered {line:?} when asked for its modes", peer.name),
    }
}

/// A script that waits for us before each repetition; ended when dropped.
#[derive(Debug)]
pub(super) struct Peer {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts a script that was given `--paced`, and waits until it is warm.
    ///
    /// # Errors
    /// If it does not run, ends, or says something else.
    pub(super) fn start(command: Command) -> anyhow::Result<Self> {
        let mut peer = Self::spawn(command)?;
        match peer.next()? {
            Line::Ready { ready: true } => Ok(peer),
            line => bail!("{} began with {line:?}", peer.name),
        }
    }

    fn spawn(mut command: Command) -> anyhow::Result<Self> {
        let name = format!("{command:?}");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("starting {name}"))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().context("its output was asked for")?;
        Ok(Self { name, child, stdin, stdout: BufReader::new(stdout) })
    }

    /// Has it do its work once; the seconds that it took by its own clock.
    ///
    /// # Errors
    /// If it ends, or says something else.
    pub(super) fn repeat(&mut self) -> anyhow::Result<f64> {
        let stdin = self.stdin.as_mut().context("it is still open")?;
        writeln!(stdin)
            .and_then(|()| stdin.flush())
            .with_context(|| format!("asking {}", self.name))?;
        match self.next()? {
            Line::Repetition { seconds } => Ok(seconds),
            line => bail!("{} answered {line:?}", self.name),
        }
    }

    /// Ends it; what it measured.
    ///
    /// # Errors
    /// If it does not say, or fails.
    pub(super) fn finish(mut self) -> anyhow::Result<Report> {
        self.stdin = None;
        let report = match self.next()? {
            Line::Report(report) => report,
            line => bail!("{} ended with {line:?}", self.name),
        };
        let status = self.child.wait().with_context(|| format!("ending {}", self.name))?;
        ensure!(status.success(), "{}: {status}", self.name);
        Ok(report)
    }

    /// The next line that is JSON; libraries may print others.
    fn next(&mut self) -> anyhow::Result<Line> {
        let mut line = String::new();
        loop {
            line.clear();
            let read = self.stdout.read_line(&mut line);
            let read = read.with_context(|| format!("reading from {}", self.name))?;
            ensure!(read > 0, "{} ended early", self.name);
            if line.starts_with('{') {
                let read = serde_json::from_str(&line);
                return read.with_context(|| format!("{} said {}", self.name, line.trim_end()));
            }
        }
    }
}

impl Drop for Peer {
    /// Its end is forced; one that has ended is only collected.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    const REPORT: &str = r#"{"work": "w", "mode": "f32", "seconds_median": 0.5, "seconds": [0.5],
        "pairs_per_second": 2.0, "peak_rss_bytes": 1, "peak_growth_bytes": 0, "threads": 2,
        "torch": "0", "more": null}"#;

    fn script(text: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", text]);
        command
    }

    #[test]
    fn a_paced_script_repeats_when_asked_and_reports_at_the_end() {
        let report = REPORT.replace('\n', " ");
        let text = format!(
            r#"echo noise; echo '{{"ready": true}}'
            while read line; do echo '{{"seconds": 0.5}}'; done; echo '{report}'"#
        );
        let mut peer = Peer::start(script(&text)).unwrap();
        for _ in 0..3 {
            assert!((peer.repeat().unwrap() - 0.5).abs() < 1e-12);
        }
        let report = peer.finish().unwrap();
        assert_eq!((report.mode.as_str(), report.seconds.len()), ("f32", 1));
    }

    #[test]
    fn a_script_that_fails_or_talks_nonsense_is_an_error() {
        for text in
            ["exit 1", "echo '{}'", r#"echo '{"ready": false}'"#, r#"echo '{"seconds": 1}'"#]
        {
            assert!(Peer::start(script(text)).is_err(), "{text}");
        }
        let mut peer = Peer::start(script(r#"echo '{"ready": true}'; read line; exit 1"#)).unwrap();
        assert!(peer.repeat().is_err());
    }

    #[test]
    fn modes_are_those_that_the_script_names() {
        let text = r#"echo '{"modes": ["f32", "bf16"]}'"#;
        assert_eq!(modes(script(text)).unwrap(), ["f32", "bf16"]);
    }
}
