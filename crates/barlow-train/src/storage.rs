//! The file system calls that checkpoints are made of, behind a trait.
//!
//! A checkpoint must survive a crash at any call and any call that fails. That can only be tested
//! exhaustively on a file system that fails on command, so whatever writes a run's state goes
//! through [`Storage`]: [`Disk`] is the real one, and the tests have one that injects faults and
//! forgets what was not synced. [`write_atomically`] is the one way to replace a file.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

#[cfg(test)]
pub(crate) mod faults;

/// An open file that is being written.
pub trait StorageFile: Write {
    /// Returns when everything written so far would survive a power failure.
    ///
    /// # Errors
    /// What the system says; then nothing is known about what was written.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file system, as far as checkpoints need one.
///
/// # Errors
/// Every method gives the system's error unchanged; callers add what they were doing.
pub trait Storage: fmt::Debug + Send + Sync {
    /// Creates a file for writing, or empties an existing one.
    ///
    /// # Errors
    /// See the trait.
    fn create(&self, path: &Path) -> io::Result<Box<dyn StorageFile>>;

    /// Opens a file for reading, with its length in bytes.
    ///
    /// # Errors
    /// See the trait.
    fn open(&self, path: &Path) -> io::Result<(Box<dyn Read>, u64)>;

    /// Gives a file another name, replacing what had it, in one step.
    ///
    /// # Errors
    /// See the trait.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Returns when the names in a directory would survive a power failure.
    ///
    /// # Errors
    /// See the trait.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;

    /// Creates one directory; an existing one is no error.
    ///
    /// # Errors
    /// See the trait.
    fn create_directory(&self, path: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// See the trait.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes an empty directory.
    ///
    /// # Errors
    /// See the trait.
    fn remove_directory(&self, path: &Path) -> io::Result<()>;

    /// The sorted names in a directory.
    ///
    /// # Errors
    /// See the trait.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
}

/// The real file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl StorageFile for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

impl Storage for Disk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        Ok(Box::new(File::create(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<(Box<dyn Read>, u64)> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok((Box::new(file), length))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    #[cfg(unix)]
    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    /// Directories cannot be opened for syncing here; the system keeps names in order by itself.
    #[cfg(not(unix))]
    fn sync_directory(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn create_directory(&self, path: &Path) -> io::Result<()> {
        match fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            other => other,
        }
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut names = fs::read_dir(path)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    }
}

/// Replaces the file at `path` by what `write` produces: afterwards, and after a crash at any
/// moment, the file holds either its old content or the new one, complete.
///
/// The content goes to a temporary file beside it (its name carries the process id), is synced,
/// renamed over the old file, and the directory is synced.
///
/// # Errors
/// Whatever `write` or the storage reports; the old content then stays, unless only the last sync
/// failed, after which either may be there.
pub fn write_atomically<T, E: From<io::Error>>(
    storage: &dyn Storage,
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<T, E>,
) -> Result<T, E> {
    let temporary = temporary_path(path);
    let written = write_and_sync(storage, &temporary, write)
        .and_then(|value| storage.rename(&temporary, path).map(|()| value).map_err(E::from));
    match written {
        Ok(value) => {
            storage.sync_directory(parent(path))?;
            Ok(value)
        }
        Err(error) => {
            // The error that matters is the first; a leftover is cleaned away later.
            let _ = storage.remove_file(&temporary);
            Err(error)
        }
    }
}

fn write_and_sync<T, E: From<io::Error>>(
    storage: &dyn Storage,
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<T, E>,
) -> Result<T, E> {
    let mut file = storage.create(path)?;
    let value = write(&mut file)?;
    file.flush()?;
    file.sync()?;
    Ok(value)
}

/// True for the names that [`write_atomically`] gives to its temporary files.
pub fn is_temporary(name: &str) -> bool {
    name.strip_suffix(".tmp").and_then(|rest| rest.rsplit_once('.')).is_some_and(|(stem, pid)| {
        !stem.is_empty() && !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn temporary_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or(OsStr::new("file")).to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
}

/// The directory that a path lies in.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(path: &Path, text: &str) -> io::Result<()> {
        write_atomically(&Disk, path, |writer| writer.write_all(text.as_bytes()))
    }

    #[test]
    fn a_replaced_file_has_the_new_content_and_leaves_no_temporary() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        put(&path, "old").unwrap();
        put(&path, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(Disk.list(directory.path()).unwrap(), ["file"]);
    }

    #[test]
    fn a_writer_that_fails_leaves_the_old_content() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        put(&path, "old").unwrap();
        let failed: io::Result<()> = write_atomically(&Disk, &path, |writer| {
            writer.write_all(b"half")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(Disk.list(directory.path()).unwrap(), ["file"]);
    }

    #[test]
    fn temporary_names_are_told_from_others() {
        let path = temporary_path(Path::new("run/state.bin"));
        assert_eq!(path.parent(), Some(Path::new("run")));
        assert!(is_temporary(path.file_name().unwrap().to_str().unwrap()));
        for name in ["state.bin", "notes.tmp", "a.b.tmp", ".tmp", ".1.tmp", "x..tmp"] {
            assert!(!is_temporary(name), "{name}");
        }
    }

    #[test]
    fn an_existing_directory_may_be_created_again_but_not_over_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("inner");
        Disk.create_directory(&path).unwrap();
        Disk.create_directory(&path).unwrap();
        Disk.remove_directory(&path).unwrap();
        fs::write(&path, "").unwrap();
        assert!(Disk.create_directory(&path).is_err());
    }
}
