//! Finds the images below a directory, many folders at a time.

use std::collections::{HashSet, VecDeque};
use std::fs;
use std::path::Path;

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::source::extensions::is_image_name;
use crate::source::folder_state::FolderState;
use crate::source::natural::compare_paths;
use crate::source::paths::PathTable;
use crate::source::patterns::Patterns;
use crate::source::{Progress, SourceError, native};

/// So many files are looked at between two reports of progress.
const FILES_PER_REPORT: usize = 4096;

/// What lies below a directory.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The images, relative to the directory, in natural order.
    pub(super) paths: PathTable,
    /// Every folder that was looked into, as it was then: relative path and state.
    pub(super) visited: Vec<(Box<[u8]>, FolderState)>,
    pub(super) seen: Seen,
}

/// What a walk met besides images.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Files that are no images by their names.
    pub(super) other_files: usize,
    pub(super) directories: usize,
    pub(super) links: usize,
    /// Images and folders that the patterns leave out.
    pub(super) excluded: usize,
    /// Names that this program cannot keep, on systems whose names are no bytes.
    pub(super) unnameable: usize,
}

/// One folder's own entries; names are relative to it.
#[derive(Default)]
struct Listing {
    images: Vec<u8>,
    /// Where each image's name ends in `images`.
    ends: Vec<usize>,
    folders: Vec<Box<[u8]>>,
    links: Vec<Box<[u8]>>,
    seen: Seen,
}

/// The images below `root`. Links to directories wait until all real directories below the root
/// are known, so that an image goes by its real path if it has one there.
pub(super) fn walk(
    root: &Path,
    patterns: &Patterns,
    progress: &Progress,
) -> Result<Found, SourceError> {
    let mut known = HashSet::new();
    let mut found = Found::default();
    let mut linked = VecDeque::from([Box::default()]);
    while let Some(start) = linked.pop_front() {
        let mut level: Vec<Box<[u8]>> = vec![start];
        let mut links = Vec::new();
        while !level.is_empty() {
            let states = in_parallel(&level, |folder| FolderState::of(&native::join(root, folder)));
            let mut fresh = Vec::new();
            for (folder, state) in std::mem::take(&mut level).into_iter().zip(states) {
                let state = state.map_err(|error| read_error(root, &folder, error))?;
                if known.insert(state.identity()) {
                    fresh.push(folder.clone());
                    found.visited.push((folder, state));
                }
            }
            let so_far = found.paths.len();
            let listings =
                in_parallel(&fresh, |folder| list(root, folder, patterns, progress, so_far));
            for (folder, listing) in fresh.iter().zip(listings) {
                let listing = listing.map_err(|error| read_error(root, folder, error))?;
                found.take(folder, &listing);
                let below = |name: Box<[u8]>| [folder, &*name, b"/"].concat().into_boxed_slice();
                level.extend(listing.folders.into_iter().map(below));
                links.extend(listing.links.into_iter().map(below));
            }
            progress.report(found.paths.len());
        }
        links.sort_by(|a, b| {
            compare_paths(a.split(|&byte| byte == b'/'), b.split(|&byte| byte == b'/'))
        });
        linked.extend(links);
    }
    let order = found.paths.natural_order();
    found.paths.pick(&order);
    Ok(found)
}

impl Found {
    fn take(&mut self, folder: &[u8], listing: &Listing) {
        if !listing.ends.is_empty() {
            let folder = self.paths.add_folder(folder);
            let mut start = 0;
            for &end in &listing.ends {
                self.paths.add(folder, &listing.images[start..end]);
                start = end;
            }
        }
        let (all, own) = (&mut self.seen, &listing.seen);
        all.other_files += own.other_files;
        all.directories += own.directories;
        all.links += own.links;
        all.excluded += own.excluded;
        all.unnameable += own.unnameable;
    }
}

fn list(
    root: &Path,
    folder: &[u8],
    patterns: &Patterns,
    progress: &Progress,
    so_far: usize,
) -> std::io::Result<Listing> {
    let mut listing = Listing::default();
    let path = native::join(root, folder);
    let mut inner = folder.to_vec();
    for entry in fs::read_dir(&path)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = native::bytes(&name) else {
            listing.seen.unnameable += 1;
            continue;
        };
        if name.starts_with(b".") {
            continue;
        }
        let kind = entry.file_type()?;
        // A dead link named like an image counts as one, and is reported when it is read.
        let leads_to_directory = kind.is_symlink()
            && fs::metadata(path.join(native::path(name))).is_ok_and(|found| found.is_dir());
        listing.seen.links += usize::from(kind.is_symlink());
        listing.seen.directories += usize::from(kind.is_dir());
        inner.truncate(folder.len());
        inner.extend_from_slice(name);
        if kind.is_dir() || leads_to_directory {
            if patterns.exclude(&inner) {
                listing.seen.excluded += 1;
            } else if kind.is_dir() {
                listing.folders.push(name.into());
            } else {
                listing.links.push(name.into());
            }
        } else if !is_image_name(name) {
            listing.seen.other_files += 1;
        } else if patterns.take(&inner) {
            listing.images.extend_from_slice(name);
            listing.ends.push(listing.images.len());
            if listing.ends.len().is_multiple_of(FILES_PER_REPORT) {
                progress.report(so_far + listing.ends.len());
            }
        } else {
            listing.seen.excluded += 1;
        }
    }
    Ok(listing)
}

fn in_parallel<T: Send>(folders: &[Box<[u8]>], work: impl Fn(&[u8]) -> T + Sync + Send) -> Vec<T> {
    folders.into_par_iter().map(|folder| work(folder)).collect()
}

fn read_error(root: &Path, folder: &[u8], source: std::io::Error) -> SourceError {
    SourceError::Read { path: native::join(root, folder), source }
}
