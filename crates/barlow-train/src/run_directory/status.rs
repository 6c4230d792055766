//! `status.json`: whether a run lives, for those who watch it from outside.
//!
//! A thread renews the heartbeat, so a watcher tells a long step from a dead process: a status that
//! says `running` with a heartbeat older than a minute belongs to a process that was killed.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::lock::host_name;
use super::{RunDirectoryError, at};
use crate::storage::{Disk, write_atomically};

/// The contract allows 10 seconds; half of it leaves room for a slow disk.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// All epochs are done.
    Done,
    /// A signal asked it to end; its state is saved.
    Interrupted,
    /// It could not go on.
    Failed,
    /// Its numbers stopped being finite, as they would again: a failure whose cause is `diverged`.
    Diverged,
}

#[derive(Debug, Clone, Serialize)]
struct Record {
    state: &'static str,
    pid: u32,
    host: String,
    step: u64,
    /// Unix seconds.
    heartbeat: u64,
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'static str>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    record: Mutex<Record>,
    ended: Condvar,
}

/// The status of a running process; its end is written by [`Status::finish`], or as `failed` when
/// it is dropped without.
#[derive(Debug)]
pub struct Status {
    shared: Arc<Shared>,
    heartbeat: Option<JoinHandle<()>>,
}

impl Status {
    pub(super) fn start(path: &Path, step: u64) -> Result<Self, RunDirectoryError> {
        Self::start_with_interval(path, step, HEARTBEAT)
    }

    fn start_with_interval(
        path: &Path,
        step: u64,
        interval: Duration,
    ) -> Result<Self, RunDirectoryError> {
        let record = Record {
            state: "running",
            pid: std::process::id(),
            host: host_name(),
            step,
            heartbeat: 0,
            reason: None,
            cause: None,
        };
        let (path, record) = (path.to_owned(), Mutex::new(record));
        let shared = Arc::new(Shared { path, record, ended: Condvar::new() });
        shared.write(shared.lock()).map_err(at(&shared.path))?;
        let thread = Arc::clone(&shared);
        let heartbeat = std::thread::Builder::new()
            .name("heartbeat".to_owned())
            .spawn(move || thread.beat(interval))
            .map_err(at(&shared.path))?;
        Ok(Self { shared, heartbeat: Some(heartbeat) })
    }

    /// Notes how many updates are done; the next heartbeat writes it.
    pub fn set_step(&self, step: u64) {
        self.shared.lock().step = step;
    }

    /// Writes how the run ended, with the reason in words if there is one.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn finish(mut self, ending: Ending, reason: Option<&str>) -> Result<(), RunDirectoryError> {
        self.end(ending, reason).map_err(at(&self.shared.path))
    }

    /// Stops the heartbeat before the last word is written, so that nothing comes after it.
    fn end(&mut self, ending: Ending, reason: Option<&str>) -> io::Result<()> {
        let Some(heartbeat) = self.heartbeat.take() else {
            return Ok(());
        };
        let mut record = self.shared.lock();
        record.state = match ending {
            Ending::Done => "done",
            Ending::Interrupted => "interrupted",
            Ending::Failed | Ending::Diverged => "failed",
        };
        record.cause = (ending == Ending::Diverged).then_some("diverged");
        record.reason = reason.map(str::to_owned);
        self.shared.ended.notify_all();
        drop(record);
        // The thread does not panic; if it did, the status is still to be written.
        let _ = heartbeat.join();
        self.shared.write(self.shared.lock())
    }
}

impl Drop for Status {
    fn drop(&mut self) {
        // Nobody is left to tell; a watcher sees the heartbeat stop.
        let _ = self.end(Ending::Failed, Some("the run ended without saying why"));
    }
}

impl Shared {
    /// A panic while the lock is held cannot leave the record half changed.
    fn lock(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn beat(&self, interval: Duration) {
        loop {
            let (record, _) = self
                .ended
                .wait_timeout_while(self.lock(), interval, |record| record.state == "running")
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            if record.state != "running" {
                return;
            }
            // A full disk now may have room at the next beat; training goes on meanwhile.
            let _ = self.write(record);
        }
    }

    /// Writes a copy, so that [`Status::set_step`] never waits for the disk.
    fn write(&self, record: MutexGuard<'_, Record>) -> io::Result<()> {
        let mut copy = record.clone();
        drop(record);
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        copy.heartbeat = since_1970.as_secs();
        let mut text = serde_json::to_vec(&copy)?;
        text.push(b'\n');
        write_atomically(&Disk, &self.path, |writer| writer.write_all(&text))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn read(path: &Path) -> Value {
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn the_heartbeat_writes_the_step_and_the_end_has_the_last_word() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("status.json");
        let status = Status::start_with_interval(&path, 7, Duration::from_millis(5)).unwrap();
        let first = read(&path);
        assert_eq!((&first["state"], &first["step"]), (&"running".into(), &7.into()));
        assert_eq!(first["pid"], std::process::id());
        assert!(first["heartbeat"].as_u64().unwrap() > 1_700_000_000);
        assert!(!first["host"].as_str().unwrap().is_empty());
        assert_eq!(first["reason"], Value::Null);

        status.set_step(8);
        let patience = std::time::Instant::now();
        while read(&path)["step"] != 8 {
            assert!(patience.elapsed() < Duration::from_secs(20), "no heartbeat");
            std::thread::sleep(Duration::from_millis(2));
        }
        status.set_step(9);
        status.finish(Ending::Interrupted, Some("SIGTERM")).unwrap();
        let last = read(&path);
        assert_eq!((&last["state"], &last["step"]), (&"interrupted".into(), &9.into()));
        assert_eq!(last["reason"], "SIGTERM");
    }

    #[test]
    fn a_status_that_is_dropped_says_failed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("status.json");
        drop(Status::start(&path, 0).unwrap());
        assert_eq!(read(&path)["state"], "failed");
    }
}
