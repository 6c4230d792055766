//! A file system in memory that fails on command and forgets what was not synced.
//!
//! Files and names have a current and a durable state, as on a real disk: syncing a file makes its
//! bytes durable, syncing a directory its names. Call number `k` (from 0, over every call of the
//! trait) meets a [`Fault`]. [`FaultStorage::after_crash`] is the disk as the next process finds
//! it: each file that was not synced keeps, loses, or has cut or zeroed its new bytes, and each
//! name that was not synced is there or not, at the seed's choice and independently of the others.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Storage, StorageFile};

/// What happens at the chosen call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Input/output error; the call has no effect.
    Io,
    /// No space left; a write has put down its first half.
    Full,
    /// A write takes only half of what it is given and says so.
    ShortWrite,
    /// The power fails: this call happens by half, and every later one fails.
    Crash,
}

#[derive(Debug, Default, Clone)]
struct Inode {
    current: Vec<u8>,
    durable: Vec<u8>,
}

/// A change of names, not yet synced. Within one change everything happens or nothing.
#[derive(Debug, Clone)]
enum Change {
    Put(PathBuf, Entry),
    Move(PathBuf, PathBuf, Entry),
    Remove(PathBuf),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    File(usize),
    Directory,
}

#[derive(Debug, Default)]
struct State {
    inodes: Vec<Inode>,
    names: BTreeMap<PathBuf, Entry>,
    durable_names: BTreeMap<PathBuf, Entry>,
    pending: Vec<Change>,
    calls: usize,
    fault: Option<(usize, Fault)>,
    crashed: bool,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct FaultStorage {
    state: Arc<Mutex<State>>,
}

struct FaultFile {
    state: Arc<Mutex<State>>,
    inode: usize,
}

impl Change {
    fn path(&self) -> &Path {
        match self {
            Self::Put(path, _) | Self::Move(_, path, _) | Self::Remove(path) => path,
        }
    }

    fn apply(self, names: &mut BTreeMap<PathBuf, Entry>) {
        match self {
            Self::Put(path, entry) => {
                names.insert(path, entry);
            }
            Self::Move(from, to, entry) => {
                names.remove(&from);
                names.insert(to, entry);
            }
            Self::Remove(path) => {
                names.remove(&path);
            }
        }
    }
}

impl State {
    /// Counts a call; true if it is to happen, false if it is to be cut short.
    fn enter(&mut self) -> io::Result<bool> {
        if self.crashed {
            return Err(io::Error::other("the machine is down"));
        }
        let call = self.calls;
        self.calls += 1;
        match self.fault {
            Some((at, Fault::Io)) if at == call => Err(io::Error::other("injected EIO")),
            Some((at, Fault::Full)) if at == call => Err(io::ErrorKind::StorageFull.into()),
            Some((at, Fault::Crash)) if at == call => {
                self.crashed = true;
                Ok(false)
            }
            Some((at, Fault::ShortWrite)) if at == call => Ok(false),
            _ => Ok(true),
        }
    }

    /// Counts a call that changes names; at a crash the change may still be on its way.
    fn change(&mut self, change: Change) -> io::Result<()> {
        self.enter()?;
        self.pending.push(change.clone());
        change.apply(&mut self.names);
        if self.crashed { Err(io::Error::other("the machine is down")) } else { Ok(()) }
    }

    fn entry(&self, path: &Path) -> io::Result<Entry> {
        self.names.get(path).copied().ok_or(io::ErrorKind::NotFound.into())
    }

    fn needs_parent(&self, path: &Path) -> io::Result<()> {
        match path.parent() {
            Some(parent) if parent.as_os_str().is_empty() => Ok(()),
            Some(parent) if self.entry(parent)? == Entry::Directory => Ok(()),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }
}

impl FaultStorage {
    /// Plans one fault at the call number `at`, counted from now on.
    pub(crate) fn plan(&self, at: usize, fault: Fault) {
        let mut state = self.lock();
        state.calls = 0;
        state.fault = Some((at, fault));
    }

    /// The number of calls since the last [`FaultStorage::plan`].
    pub(crate) fn calls(&self) -> usize {
        self.lock().calls
    }

    /// An independent copy of everything, with no fault planned.
    pub(crate) fn copy(&self) -> Self {
        let state = self.lock();
        let copy = State {
            inodes: state.inodes.clone(),
            names: state.names.clone(),
            durable_names: state.durable_names.clone(),
            pending: state.pending.clone(),
            ..State::default()
        };
        Self { state: Arc::new(Mutex::new(copy)) }
    }

    /// The disk after a power failure now: unsynced bytes and names at the seed's choice.
    pub(crate) fn after_crash(&self, seed: u64) -> Self {
        let state = self.lock();
        let mut random = Random(seed);
        let mut names = state.durable_names.clone();
        for change in &state.pending {
            if random.below(2) == 0 {
                change.clone().apply(&mut names);
            }
        }
        let all = names.clone();
        names.retain(|path, _| {
            path.ancestors().skip(1).all(|above| {
                above.as_os_str().is_empty() || all.get(above) == Some(&Entry::Directory)
            })
        });
        let mut inodes = state.inodes.clone();
        for inode in &mut inodes {
            if inode.current != inode.durable {
                let boundary = (random.below(inode.current.len() / 512 + 1)) * 512;
                match random.below(4) {
                    0 => {}
                    1 => inode.current = inode.durable.clone(),
                    2 => inode.current.truncate(boundary),
                    _ => inode.current[boundary..].fill(0),
                }
            }
            inode.durable = inode.current.clone();
        }
        let after = State { inodes, durable_names: names.clone(), names, ..State::default() };
        Self { state: Arc::new(Mutex::new(after)) }
    }

    /// The bytes of a file, or `None` if there is none; not counted as a call.
    pub(crate) fn peek(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.lock();
        match state.names.get(path)? {
            Entry::File(inode) => Some(state.inodes[*inode].current.clone()),
            Entry::Directory => None,
        }
    }

    /// Overwrites the bytes of an existing file behind everybody's back.
    pub(crate) fn poke(&self, path: &Path, bytes: Vec<u8>) {
        let mut state = self.lock();
        let Some(&Entry::File(inode)) = state.names.get(path) else { panic!("no file {path:?}") };
        state.inodes[inode] = Inode { current: bytes.clone(), durable: bytes };
    }

    /// Every path below the root.
    pub(crate) fn paths(&self) -> BTreeSet<PathBuf> {
        self.lock().names.keys().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics inside")
    }
}

impl Write for FaultFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.state.lock().expect("no test panics inside");
        let whole = state.enter();
        let half = bytes.len().div_ceil(2);
        let content = &mut state.inodes[self.inode].current;
        match whole {
            Ok(true) => content.extend_from_slice(bytes),
            Ok(false) => {
                content.extend_from_slice(&bytes[..half]);
                return if state.crashed { Err(io::Error::other("down")) } else { Ok(half) };
            }
            Err(error) => {
                if error.kind() == io::ErrorKind::StorageFull {
                    content.extend_from_slice(&bytes[..half]);
                }
                return Err(error);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl StorageFile for FaultFile {
    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.state.lock().expect("no test panics inside");
        state.enter()?;
        if state.crashed {
            return Err(io::Error::other("down"));
        }
        let inode = &mut state.inodes[self.inode];
        inode.durable = inode.current.clone();
        Ok(())
    }
}

impl Storage for FaultStorage {
    fn create(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        let mut state = self.lock();
        state.needs_parent(path)?;
        let inode = state.inodes.len();
        state.inodes.push(Inode::default());
        state.change(Change::Put(path.to_owned(), Entry::File(inode)))?;
        Ok(Box::new(FaultFile { state: Arc::clone(&self.state), inode }))
    }

    fn open(&self, path: &Path) -> io::Result<(Box<dyn Read>, u64)> {
        let mut state = self.lock();
        state.enter()?;
        match state.entry(path)? {
            Entry::File(inode) => {
                let bytes = state.inodes[inode].current.clone();
                let length = bytes.len() as u64;
                Ok((Box::new(Cursor::new(bytes)), length))
            }
            Entry::Directory => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.lock();
        let entry = state.entry(from)?;
        state.needs_parent(to)?;
        state.change(Change::Move(from.to_owned(), to.to_owned(), entry))
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.enter()?;
        if state.crashed {
            return Err(io::Error::other("down"));
        }
        let (now, later): (Vec<_>, Vec<_>) = std::mem::take(&mut state.pending)
            .into_iter()
            .partition(|change| change.path().parent() == Some(path));
        state.pending = later;
        for change in now {
            change.apply(&mut state.durable_names);
        }
        Ok(())
    }

    fn create_directory(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.needs_parent(path)?;
        if state.names.contains_key(path) {
            return state.enter().map(|_| ());
        }
        state.change(Change::Put(path.to_owned(), Entry::Directory))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.entry(path)?;
        state.change(Change::Remove(path.to_owned()))
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.entry(path)?;
        if state.names.keys().any(|name| name.parent() == Some(path)) {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        state.change(Change::Remove(path.to_owned()))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut state = self.lock();
        state.enter()?;
        if !path.as_os_str().is_empty() {
            state.entry(path)?;
        }
        let below = state.names.keys().filter(|name| name.parent() == Some(path));
        Ok(below.filter_map(|name| Some(name.file_name()?.to_str()?.to_owned())).collect())
    }
}

/// `SplitMix64`, for choices that a seed repeats.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.bits() % bound as u64) as usize
    }
}
