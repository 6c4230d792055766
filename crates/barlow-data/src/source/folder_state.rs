//! Which folder it is and whether its entries have changed.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// The coarsest clock of a file system in use is FAT's, of 2 seconds: what changed less than that
/// before it was looked at may change again and look the same.
pub(super) const CLOCK_TICK_NS: u64 = 2_000_000_000;

/// A folder's identity and the time of the last change to its entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FolderState {
    pub(super) device: u64,
    pub(super) inode: u64,
    /// Nanoseconds since 1970.
    pub(super) modified: u64,
}

impl FolderState {
    /// Asks the file system; links are followed.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        let modified = nanoseconds(metadata.modified()?);
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            Ok(Self { device: metadata.dev(), inode: metadata.ino(), modified })
        }
        #[cfg(not(unix))]
        {
            use std::hash::{DefaultHasher, Hash, Hasher};
            let mut hash = DefaultHasher::new();
            fs::canonicalize(path)?.hash(&mut hash);
            Ok(Self { device: 0, inode: hash.finish(), modified })
        }
    }

    /// Equal for equal folders, whatever their entries.
    pub(super) fn identity(&self) -> (u64, u64) {
        (self.device, self.inode)
    }
}

/// Nanoseconds since 1970, 0 before it.
pub(super) fn nanoseconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}
