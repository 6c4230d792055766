//! The lock that keeps a second process out of a run directory.

use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use super::{LOCK, RunDirectoryError, at};

/// The process that holds a lock, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its number, on its host.
    pub pid: Option<u32>,
    /// The host's name.
    pub host: Option<String>,
}

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match (self.pid, &self.host) {
            (Some(pid), Some(host)) => write!(formatter, "process {pid} on `{host}`"),
            (Some(pid), None) => write!(formatter, "process {pid}"),
            _ => formatter.write_str("another process"),
        }
    }
}

/// An exclusive lock on a directory; the system drops it with the process, however that ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes it.
    ///
    /// # Errors
    /// If another process has it, or its file cannot be written.
    pub fn take(directory: &Path) -> Result<Self, RunDirectoryError> {
        let path = directory.join(LOCK);
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(at(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = holder(&mut file);
                return Err(RunDirectoryError::Locked { path: directory.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(at(&path)(source)),
        }
        let line = format!("{} {}\n", std::process::id(), host_name());
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(line.as_bytes()))
            .map_err(at(&path))?;
        Ok(Self { _file: file })
    }
}

/// Who wrote the lock; nobody known if it is being written or the system forbids to read it.
fn holder(file: &mut File) -> Holder {
    let mut text = String::new();
    let words = match file.take(1024).read_to_string(&mut text) {
        Ok(_) if text.ends_with('\n') => text.trim_end().split_once(' '),
        _ => None,
    };
    let pid = words.and_then(|(pid, _)| pid.parse().ok());
    Holder { pid, host: words.map(|(_, host)| host.to_owned()) }
}

/// This machine's name, `unknown` where it cannot be found out.
pub(super) fn host_name() -> String {
    let name = if cfg!(target_os = "linux") {
        std::fs::read_to_string("/proc/sys/kernel/hostname").ok()
    } else {
        let output = std::process::Command::new("hostname").output().ok();
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let name = name.unwrap_or_default().trim().to_owned();
    if name.is_empty() { "unknown".to_owned() } else { name }
}
