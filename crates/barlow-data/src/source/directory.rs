//! A directory of image files, with everything below it; first-level folders are the classes.

mod cache;
mod walk;

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use super::files::Files;
use super::fingerprint::Fingerprint;
use super::first_folders::FirstFolders;
use super::{OpenOptions, Source, SourceError};
use crate::DecodedImage;
use crate::decode::{ChooseReduction, ImageError, ReducedImage};
use walk::Seen;

/// The images of a kept listing, read without its check sum.
pub(super) fn listed_images(bytes: &[u8]) -> usize {
    let images = |found: walk::Found| found.paths.len();
    let behind_sum = cache::decode(bytes, b"").map_or(0, images);
    behind_sum + cache::decode_body(bytes, b"").map_or(0, images)
}

/// The image files in and below a directory, in natural order of their paths.
///
/// Files whose names end as in [`IMAGE_EXTENSIONS`](super::IMAGE_EXTENSIONS) are images, hidden
/// files and folders are passed over, any other file is counted. Links to files are followed; so
/// are links to directories, but each real directory is visited once, under its own name where it
/// lies below the root. If every image lies in a first-level folder, those folders are the classes.
#[derive(Debug)]
pub struct Directory {
    files: Files,
    labels: FirstFolders,
    seen: Seen,
    /// What went wrong with the cache of listings.
    trouble: Option<String>,
    fingerprint: OnceLock<String>,
}

impl Directory {
    /// Finds the images; none is opened, but TIFFs whose pages are to be samples.
    ///
    /// # Errors
    /// If the path is no directory, it or a directory below cannot be read, a pattern is malformed,
    /// or there is no image.
    pub fn open(root: &Path, options: &OpenOptions) -> Result<Self, SourceError> {
        let read = |source| SourceError::Read { path: root.to_owned(), source };
        if !fs::metadata(root).map_err(read)?.is_dir() {
            return Err(SourceError::WrongFileType {
                path: root.to_owned(),
                found: "file",
                expected: "directory, a list file named *.txt, *.csv or *.jsonl, or a shard named \
                           *.tar",
            });
        }
        let (found, trouble) = cache::find(root, options)?;
        let (paths, seen) = (found.paths, found.seen);
        if paths.len() == 0 {
            let path = root.to_owned();
            return Err(match seen.excluded {
                0 => SourceError::NoImages {
                    path,
                    files: seen.other_files,
                    directories: seen.directories,
                },
                excluded => SourceError::NothingLeft { path, excluded },
            });
        }
        let labels = FirstFolders::of(&paths);
        let files = Files::new(root.to_owned(), paths, &options.decode);
        Ok(Self { files, labels, seen, trouble, fingerprint: OnceLock::new() })
    }

    fn compute_fingerprint(&self) -> String {
        let paths = &self.files.paths;
        let mut fingerprint = Fingerprint::default();
        for (id, size) in self.files.sizes().into_iter().enumerate() {
            // Folder by folder, so that the same tree is the same wherever it lies.
            for name in paths.components(id) {
                fingerprint.add(name);
            }
            fingerprint.add_number(size);
        }
        fingerprint.finish("directory", self.len())
    }
}

impl Source for Directory {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn load(&self, id: usize) -> Result<DecodedImage, ImageError> {
        self.files.load(id)
    }

    fn load_reduced(
        &self,
        id: usize,
        choose: &ChooseReduction<'_>,
    ) -> Result<ReducedImage, ImageError> {
        self.files.load_reduced(id, choose)
    }

    fn name(&self, id: usize) -> String {
        self.files.name(id)
    }

    fn format(&self, id: usize) -> Option<&'static str> {
        self.files.format(id)
    }

    fn label(&self, id: usize) -> Option<usize> {
        self.labels.label(&self.files.paths, self.files.file(id))
    }

    fn classes(&self) -> &[String] {
        self.labels.classes()
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.get_or_init(|| self.compute_fingerprint()).clone()
    }

    fn remarks(&self) -> Vec<String> {
        let Seen { other_files, links, excluded, unnameable, .. } = self.seen;
        let counts = [
            (other_files, "passed over # files that are no images by their names"),
            (links, "followed # symbolic links"),
            (excluded, "the patterns leave out # images and folders"),
            (unnameable, "passed over # files whose names are no text"),
        ];
        let counted = counts.into_iter().filter(|&(count, _)| count > 0);
        let remarks = counted.map(|(count, text)| text.replace('#', &count.to_string()));
        remarks.chain(self.trouble.clone()).collect()
    }
}

#[cfg(test)]
mod tests;
