//! A directory of image files, with everything below it; first-level folders are the classes.

use std::collections::{HashSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

use super::fingerprint::Fingerprint;
use super::natural::compare_paths;
use super::{OpenOptions, Source, SourceError};
use crate::DecodedImage;
use crate::decode::{self, DecodeOptions, ImageError};

/// The image files in and below a directory, in natural order of their paths.
///
/// Files named `*.jpg`, `*.jpeg` or `*.png` (in any case) are images, hidden files and folders are
/// passed over, any other file is counted. Links to files are followed; so are links to
/// directories, but each real directory is visited once, under its own name where it lies below
/// the root. If every image lies in a first-level folder, those folders are the classes.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
    /// Relative to the root.
    paths: Vec<Box<Path>>,
    labels: Vec<u32>,
    classes: Vec<String>,
    seen: Seen,
    decode: DecodeOptions,
}

/// What a walk met besides images.
#[derive(Debug, Default)]
struct Seen {
    other_files: usize,
    directories: usize,
    links: usize,
}

impl Directory {
    /// Finds the images; none is opened.
    ///
    /// # Errors
    /// If the path is no directory, it or a directory below cannot be read, or there is no image.
    pub fn open(root: &Path, options: &OpenOptions) -> Result<Self, SourceError> {
        let read = |source| SourceError::Read { path: root.to_owned(), source };
        if !fs::metadata(root).map_err(read)?.is_dir() {
            return Err(SourceError::WrongFileType {
                path: root.to_owned(),
                found: "file",
                expected: "directory, or a list file named *.txt, *.csv or *.jsonl",
            });
        }
        let (mut paths, seen) = walk(root)?;
        if paths.is_empty() {
            return Err(SourceError::NoImages {
                path: root.to_owned(),
                files: seen.other_files,
                directories: seen.directories,
            });
        }
        paths.sort_by(|a, b| compare_paths(a, b));
        let (classes, labels) = classes_of(&paths);
        Ok(Self {
            root: root.to_owned(),
            paths,
            labels,
            classes,
            seen,
            decode: options.decode.clone(),
        })
    }
}

impl Source for Directory {
    fn len(&self) -> usize {
        self.paths.len()
    }

    fn load(&self, id: usize) -> Result<DecodedImage, ImageError> {
        decode::read(&self.root.join(&self.paths[id]), &self.decode)
    }

    fn name(&self, id: usize) -> String {
        self.root.join(&self.paths[id]).display().to_string()
    }

    fn label(&self, id: usize) -> Option<usize> {
        self.labels.get(id).map(|&label| label as usize)
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn fingerprint(&self) -> String {
        let mut fingerprint = Fingerprint::default();
        for path in &self.paths {
            // Folder by folder, so that the same tree is the same wherever it lies.
            for name in path.components() {
                fingerprint.add(name.as_os_str().as_encoded_bytes());
            }
            let metadata = fs::metadata(self.root.join(path));
            fingerprint.add_number(metadata.map_or(u64::MAX, |metadata| metadata.len()));
        }
        fingerprint.finish("directory", self.paths.len())
    }

    fn remarks(&self) -> Vec<String> {
        let Seen { other_files, links, .. } = self.seen;
        let mut remarks = Vec::new();
        if other_files > 0 {
            remarks
                .push(format!("passed over {other_files} files that are no images by their names"));
        }
        if links > 0 {
            remarks.push(format!("followed {links} symbolic links"));
        }
        remarks
    }
}

/// The images below `root`, in no order. Links to directories wait until all real directories
/// below the root are known, so that an image goes by its real path if it has one there.
fn walk(root: &Path) -> Result<(Vec<Box<Path>>, Seen), SourceError> {
    let mut visited = HashSet::new();
    let mut seen = Seen::default();
    let mut images = Vec::new();
    let mut linked = VecDeque::from([PathBuf::new()]);
    while let Some(start) = linked.pop_front() {
        let mut waiting = vec![start];
        while let Some(folder) = waiting.pop() {
            let path = root.join(&folder);
            let failed = |source| SourceError::Read { path: path.clone(), source };
            if !visited.insert(fs::canonicalize(&path).map_err(failed)?) {
                continue;
            }
            let mut links = Vec::new();
            for entry in fs::read_dir(&path).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let name = entry.file_name();
                if name.as_encoded_bytes().starts_with(b".") {
                    continue;
                }
                let inner = folder.join(&name);
                let kind = entry.file_type().map_err(failed)?;
                // A dead link named like an image counts as one, and is reported when it is read.
                let leads_to_directory = kind.is_symlink()
                    && fs::metadata(root.join(&inner)).is_ok_and(|metadata| metadata.is_dir());
                seen.links += usize::from(kind.is_symlink());
                if kind.is_dir() {
                    seen.directories += 1;
                    waiting.push(inner);
                } else if leads_to_directory {
                    links.push(inner);
                } else if has_image_name(&inner) {
                    images.push(inner.into_boxed_path());
                } else {
                    seen.other_files += 1;
                }
            }
            links.sort_by(|a, b| compare_paths(a, b));
            linked.extend(links);
        }
    }
    Ok((images, seen))
}

fn has_image_name(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        ["jpg", "jpeg", "png"].iter().any(|image| extension.eq_ignore_ascii_case(image))
    })
}

/// The first-level folders and each image's, or nothing where an image lies in none. `paths` are
/// sorted, so a class's images are neighbours.
fn classes_of(paths: &[Box<Path>]) -> (Vec<String>, Vec<u32>) {
    let mut classes: Vec<String> = Vec::new();
    let mut labels = Vec::with_capacity(paths.len());
    let mut current = None;
    for path in paths {
        let mut names = path.components();
        let (Some(folder), Some(_)) = (names.next(), names.next()) else {
            return (Vec::new(), Vec::new());
        };
        if current != Some(folder) {
            current = Some(folder);
            classes.push(folder.as_os_str().to_string_lossy().into_owned());
        }
        labels.push(classes.len() as u32 - 1);
    }
    (classes, labels)
}

#[cfg(test)]
mod tests;
