//! Image files by their paths: what a directory and a list have in common.

use std::fs;
use std::path::PathBuf;

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::extensions::is_tiff_name;
use super::native;
use super::pages::Pages;
use super::paths::PathTable;
use crate::DecodedImage;
use crate::decode::{self, ChooseReduction, DecodeOptions, ImageError, ReducedImage};

/// Image files below a folder, in an order.
#[derive(Debug)]
pub(super) struct Files {
    folder: PathBuf,
    /// Below the folder, or absolute.
    pub(super) paths: PathTable,
    pages: Pages,
    decode: DecodeOptions,
}

impl Files {
    /// Files whose pages are counted, if pages are to be samples. Where that fails the file is one
    /// sample, and a bad image.
    pub(super) fn new(folder: PathBuf, paths: PathTable, decode: &DecodeOptions) -> Self {
        let pages = if decode.pages == decode::Pages::Samples {
            Pages::count(paths.len(), |file| {
                if !is_tiff_name(paths.name(file)) {
                    return 1;
                }
                let path = native::join(&folder, &paths.path(file));
                decode::count_pages(&path, decode).unwrap_or(1).max(1)
            })
        } else {
            Pages::default()
        };
        Self { folder, paths, pages, decode: decode.clone() }
    }

    /// The number of samples.
    pub(super) fn len(&self) -> usize {
        self.pages.samples(self.paths.len())
    }

    /// Which file a sample comes from.
    pub(super) fn file(&self, id: usize) -> usize {
        self.pages.locate(id).0
    }

    pub(super) fn load(&self, id: usize) -> Result<DecodedImage, ImageError> {
        let (file, page) = self.pages.locate(id);
        decode::read_page(&self.full_path(file), page, &self.decode)
    }

    pub(super) fn load_reduced(
        &self,
        id: usize,
        choose: &ChooseReduction<'_>,
    ) -> Result<ReducedImage, ImageError> {
        let (file, page) = self.pages.locate(id);
        decode::read_page_reduced(&self.full_path(file), page, &self.decode, choose)
    }

    pub(super) fn format(&self, id: usize) -> Option<&'static str> {
        decode::file_format(&self.full_path(self.file(id)), &self.decode)
    }

    pub(super) fn name(&self, id: usize) -> String {
        let path = self.full_path(self.file(id));
        native::printable(path.as_os_str().as_encoded_bytes()) + &self.pages.suffix(id)
    }

    /// The size of each file in bytes, the largest number for one that cannot be asked.
    pub(super) fn sizes(&self) -> Vec<u64> {
        let size = |file| fs::metadata(self.full_path(file)).map_or(u64::MAX, |found| found.len());
        (0..self.paths.len()).into_par_iter().map(size).collect()
    }

    fn full_path(&self, file: usize) -> PathBuf {
        native::join(&self.folder, &self.paths.path(file))
    }
}
