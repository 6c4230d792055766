//! Decoded images kept on disk, so that later epochs and runs read what the first one decoded.
//!
//! A cache is a folder of append-only segment files, one for each process that wrote (`segment`),
//! of records with check sums (`record`). It may be shared by several processes at once and deleted
//! at any moment: whatever cannot be read, or is not what was written, is loaded from the source
//! again. Images are the same with and without it.
//!
//! Files are read by positional reads into the buffer that becomes the image, not by a memory map:
//! a mapped file that another process cuts short kills its reader, and mapping is `unsafe`. The
//! operating system keeps what was read in memory either way.
//!
//! Nothing is evicted. An epoch asks for every image once, so an image that was used has the longest
//! to wait, and what a usual eviction keeps is never what is needed next; a cache that holds a part of
//! the images for good spares that part of the work in every epoch.
//!
//! A source's fingerprint trusts the contents of files: who changes images in place, without changing
//! their sizes or names, deletes the cache.
//!
//! ```
//! use barlow_data::cache::{CacheConfig, Cached};
//! # use barlow_data::source::{Source, Synthetic};
//! # let (source, folder) = (std::sync::Arc::new(Synthetic::new(2, 0)), tempfile::tempdir()?);
//! let config = CacheConfig { folder: folder.path().join("decoded"), max_bytes: 20 << 30 };
//! let cached = Cached::open(source, "{}", &config)?;
//! assert_eq!(cached.load(0)?, cached.load(0)?); // decoded, then read back
//! assert_eq!((cached.report().misses, cached.report().hits), (1, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod record;
mod segment;
mod writer;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

use sha2::{Digest, Sha256};

use crate::DecodedImage;
use crate::decode::ImageError;
use crate::source::Source;
use record::Record;
use writer::Writer;

pub use error::CacheError;

/// Segment files that one process keeps open, at most: a quarter of the usual limit of 1024.
const MOST_SEGMENTS: usize = 256;

/// Where a cache is and how large it may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheConfig {
    /// The folder of all caches; each source has a folder of its own in it, made when it is needed.
    pub folder: PathBuf,
    /// The most bytes on disk for one source. Before each record the folder is measured; processes
    /// that write in the same instant may exceed the limit by a record each.
    pub max_bytes: u64,
}

/// A source whose images are taken from a cache where it has them, and added where it has not.
///
/// All else is the wrapped source's. An image that cannot be loaded is not remembered: it is the
/// source's error each time.
#[derive(Debug)]
pub struct Cached {
    source: Arc<dyn Source>,
    folder: PathBuf,
    places: RwLock<HashMap<usize, Place>>,
    writer: Mutex<Writer>,
    /// Segments that could not be opened.
    passed_over: usize,
    hits: AtomicU64,
    misses: AtomicU64,
    damaged: AtomicU64,
}

/// Where a record begins.
#[derive(Debug, Clone)]
struct Place {
    file: Arc<File>,
    offset: u64,
}

/// What a cache holds and has done since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheReport {
    /// Images that it holds.
    pub images: usize,
    /// Images that were read from it.
    pub hits: u64,
    /// Images that were asked of the source, the damaged ones among them.
    pub misses: u64,
    /// Records that could not be read or were not what had been written.
    pub damaged: u64,
    /// Bytes added to it.
    pub added_bytes: u64,
}

impl Cached {
    /// Opens the cache of a source, or begins one.
    ///
    /// `key` is what decides the samples beside the source's fingerprint (decode options, as JSON):
    /// another key is another cache. All headers of records are read, their images are not.
    ///
    /// # Errors
    /// If the folder is no folder or cannot be listed. One that cannot be written is a remark.
    pub fn open(
        source: Arc<dyn Source>,
        key: &str,
        config: &CacheConfig,
    ) -> Result<Self, CacheError> {
        let folder = config.folder.join(folder_name(&source.fingerprint(), key));
        let made = fs::create_dir_all(&folder);
        if let Err(error) = &made
            && let io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists = error.kind()
        {
            return Err(CacheError::NotADirectory { path: folder });
        }
        let listed = segment::list(&folder)
            .map_err(|source| CacheError::Read { path: folder.clone(), source })?;
        let used_bytes = listed.iter().map(|(_, bytes)| bytes).sum();
        let mut places = HashMap::new();
        let mut passed_over = listed.len().saturating_sub(MOST_SEGMENTS);
        for (path, _) in listed.into_iter().take(MOST_SEGMENTS) {
            let Ok(file) = File::open(path) else {
                passed_over += 1;
                continue;
            };
            let file = Arc::new(file);
            // Of two records of an image the later one counts: it may have been written because
            // the earlier one was damaged.
            segment::scan(&file, source.len(), |id, offset| {
                places.insert(id, Place { file: Arc::clone(&file), offset });
            });
        }
        let writer = Writer::new(folder.clone(), config.max_bytes, used_bytes, made.err());
        Ok(Self {
            source,
            folder,
            places: RwLock::new(places),
            writer: Mutex::new(writer),
            passed_over,
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            damaged: AtomicU64::new(0),
        })
    }

    /// The folder of this source's cache, which may be deleted at any moment.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the cache holds and has done.
    pub fn report(&self) -> CacheReport {
        CacheReport {
            images: self.places().len(),
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            damaged: self.damaged.load(Ordering::Relaxed),
            added_bytes: self.writer().added_bytes(),
        }
    }

    /// The image as it was kept, if it was.
    fn kept(&self, id: usize) -> Option<DecodedImage> {
        let place = self.places().get(&id).cloned()?;
        let image = segment::read(&place.file, place.offset, id);
        let counter = if image.is_some() { &self.hits } else { &self.damaged };
        counter.fetch_add(1, Ordering::Relaxed);
        if image.is_none() {
            let mut places = self.places_mut();
            if places.get(&id).is_some_and(|now| now.is(&place)) {
                places.remove(&id);
            }
        }
        image
    }

    /// Keeps an image, if there is room. Only threads that add wait for each other.
    fn keep(&self, id: usize, image: &DecodedImage) {
        if !self.writer().has_room(record::bytes(image)) {
            return;
        }
        let Some(record) = Record::new(id, image) else { return };
        let mut writer = self.writer();
        // Another thread may have added it since it was not found.
        if self.places().contains_key(&id) {
            return;
        }
        if let Some(place) = writer.append(&record) {
            self.places_mut().insert(id, place);
        }
    }

    fn places(&self) -> RwLockReadGuard<'_, HashMap<usize, Place>> {
        self.places.read().expect(NOT_POISONED)
    }

    fn places_mut(&self) -> RwLockWriteGuard<'_, HashMap<usize, Place>> {
        self.places.write().expect(NOT_POISONED)
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().expect(NOT_POISONED)
    }
}

const NOT_POISONED: &str = "nothing panics while this lock is held";

impl Place {
    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.file, &other.file) && self.offset == other.offset
    }
}

/// 16 hexadecimal digits for a source and a key; the length keeps the two apart.
fn folder_name(fingerprint: &str, key: &str) -> String {
    let mut hash = Sha256::new();
    hash.update((fingerprint.len() as u64).to_le_bytes());
    hash.update(fingerprint);
    hash.update(key);
    let digest = hash.finalize();
    format!("{:016x}", u64::from_be_bytes(std::array::from_fn(|i| digest[i])))
}

impl Source for Cached {
    fn len(&self) -> usize {
        self.source.len()
    }

    fn load(&self, id: usize) -> Result<DecodedImage, ImageError> {
        if let Some(image) = self.kept(id) {
            return Ok(image);
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        let image = self.source.load(id)?;
        self.keep(id, &image);
        Ok(image)
    }

    fn name(&self, id: usize) -> String {
        self.source.name(id)
    }

    fn format(&self, id: usize) -> Option<&'static str> {
        self.source.format(id)
    }

    fn label(&self, id: usize) -> Option<usize> {
        self.source.label(id)
    }

    fn classes(&self) -> &[String] {
        self.source.classes()
    }

    fn fingerprint(&self) -> String {
        self.source.fingerprint()
    }

    /// The source's, and whether the cache cannot be read or written; asked again after a run, this
    /// tells what happened in it.
    fn remarks(&self) -> Vec<String> {
        let mut remarks = self.source.remarks();
        let folder = self.folder.display();
        if self.passed_over > 0 {
            remarks.push(format!(
                "passed over {} files of the cache `{folder}` that could not be opened",
                self.passed_over
            ));
        }
        if let Some(trouble) = self.writer().trouble() {
            remarks.push(format!("no more images are added to the cache `{folder}`: {trouble}"));
        }
        remarks
    }
}

#[cfg(test)]
mod tests;
