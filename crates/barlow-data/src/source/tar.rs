//! Tar shards in WebDataset's naming, read where they lie: nothing is ever unpacked.
//!
//! Each shard is read through once, stepping over the images, for an index of its samples; then an
//! image is one read at its place. Members' names are keys, never paths on a disk. An image is
//! known by its member's name and, should the shard change under the run, by its header's check sum.

mod cache;
mod header;
mod index;
mod label;
mod members;
mod shards;

use std::collections::HashMap;
use std::io::{Read, Seek};
use std::path::PathBuf;

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use super::extensions::is_tiff_name;
use super::fingerprint::Fingerprint;
use super::first_folders::FirstFolders;
use super::natural;
use super::pages::Pages;
use super::paths::{FolderNumbers, PathTable};
use super::patterns::Patterns;
use super::{OpenOptions, Source, SourceError, SourceSpec, SpecError, native, shard_names};
use crate::DecodedImage;
use crate::decode::{self, ChooseReduction, DecodeOptions, ImageError, ReducedImage};
use index::{Seen, ShardIndex};
use members::Place;
use shards::Shards;

/// The images of one or many tar archives, in natural order of their members' paths over all shards
/// (for equal ones in the order of the shards), so that a folder and its shards are the same samples.
///
/// Members whose paths agree up to the first dot of the last name are one sample; its image is the
/// first whose extension is one of [`IMAGE_EXTENSIONS`](super::IMAGE_EXTENSIONS), or without such the
/// first whose name ends in one. Its label is the text of the member `.cls`, or of `label` or `cls`
/// in the member `.json`; classes are the distinct labels in natural order. Where no sample has a
/// label, first-level folders are the classes as they are of a directory.
#[derive(Debug)]
pub struct Tar {
    spec: SourceSpec,
    shards: Shards,
    paths: PathTable,
    rows: Vec<Row>,
    pages: Pages,
    labels: Labels,
    seen: Seen,
    /// Images that the patterns leave out.
    excluded: usize,
    /// What is wrong with shards or the cache.
    troubles: Vec<String>,
    decode: DecodeOptions,
}

/// Where an image lies.
#[derive(Debug, Clone, Copy)]
struct Row {
    place: Place,
    shard: u32,
}

#[derive(Debug)]
enum Labels {
    /// Of each image one more than the class, 0 for none; and the classes.
    Members(Vec<u32>, Vec<String>),
    Folders(FirstFolders),
}

impl Tar {
    /// Finds the samples of the shards that a pattern such as `shards-{000..099}.tar` stands for.
    ///
    /// # Errors
    /// If the pattern stands for too many, shards are missing (all are named), cannot be read, or are
    /// no tar archives, or no image is left.
    pub fn open(pattern: &str, options: &OpenOptions) -> Result<Self, SourceError> {
        let spec = SourceSpec::Tar { shards: pattern.to_owned() };
        let patterns = Patterns::new(&options.include, &options.exclude)?;
        let names = shard_names::expand(pattern)
            .map_err(|source| SpecError::Range { spec: pattern.to_owned(), source })?;
        let files: Vec<PathBuf> = names.into_iter().map(PathBuf::from).collect();
        let missing: Vec<_> = files.par_iter().filter(|file| !file.exists()).cloned().collect();
        if !missing.is_empty() {
            return Err(SourceError::MissingFiles { spec, missing });
        }
        let indexes: Vec<_> =
            files.par_iter().map(|file| cache::find(file, options)).collect::<Result<_, _>>()?;
        let mut gathered = Gathered::default();
        for (shard, (index, trouble)) in indexes.into_iter().enumerate() {
            if let Some(trouble) = &index.trouble {
                gathered.troubles.push(format!("`{}` {trouble}", files[shard].display()));
            }
            gathered.troubles.extend(trouble);
            gathered.take(shard as u32, &index, &patterns);
            options.progress.report(gathered.rows.len());
        }
        let Gathered { mut paths, mut rows, labels, classes, seen, excluded, troubles, .. } =
            gathered;
        if rows.is_empty() {
            return Err(match excluded {
                0 => SourceError::NoImageMembers { spec, members: seen.members() },
                _ => SourceError::NothingLeft { path: pattern.into(), excluded },
            });
        }
        let order = paths.natural_order();
        paths.pick(&order);
        rows = order.iter().map(|&id| rows[id]).collect();
        let labels = if classes.is_empty() {
            Labels::Folders(FirstFolders::of(&paths))
        } else {
            let (ranks, classes) = in_natural_order(&classes);
            let rank = |label: u32| label.checked_sub(1).map_or(0, |at| ranks[at as usize] + 1);
            Labels::Members(order.iter().map(|&id| rank(labels[id])).collect(), classes)
        };
        let mut tar = Self {
            spec,
            shards: Shards::new(files),
            paths,
            rows,
            pages: Pages::default(),
            labels,
            seen,
            excluded,
            troubles,
            decode: options.decode.clone(),
        };
        if options.decode.pages == decode::Pages::Samples {
            tar.pages = Pages::count(tar.rows.len(), |member| tar.count_pages(member));
        }
        Ok(tar)
    }

    fn count_pages(&self, member: usize) -> usize {
        if !is_tiff_name(self.paths.name(member)) {
            return 1;
        }
        let bytes = self.read(member);
        let pages = bytes.and_then(|bytes| decode::count_pages_in(&bytes, &self.decode));
        pages.unwrap_or(1).max(1)
    }

    fn read(&self, member: usize) -> Result<Vec<u8>, ImageError> {
        let Row { place, shard } = self.rows[member];
        self.shards.read(shard as usize, place, self.decode.max_file_bytes)
    }

    fn member_label(&self, member: usize) -> Option<usize> {
        match &self.labels {
            Labels::Members(labels, _) => (labels[member] as usize).checked_sub(1),
            Labels::Folders(folders) => folders.label(&self.paths, member),
        }
    }
}

/// What an index of an archive of `len` bytes holds.
pub(super) fn index_bytes(archive: impl Read + Seek, len: u64) -> usize {
    let counted = |index: ShardIndex| index.places.len() + index.seen.members();
    ShardIndex::build(archive, len).map_or(0, counted)
}

/// The samples of a kept index, read without its check sum.
pub(super) fn indexed_samples(bytes: &[u8]) -> usize {
    let samples = |index: ShardIndex| index.places.len();
    let behind_sum = cache::decode(bytes, b"").map_or(0, samples);
    behind_sum + cache::decode_body(bytes, b"").map_or(0, samples)
}

/// The samples of the shards so far.
#[derive(Default)]
struct Gathered {
    paths: PathTable,
    folders: FolderNumbers,
    rows: Vec<Row>,
    labels: Vec<u32>,
    classes: Vec<String>,
    numbers: HashMap<String, u32>,
    seen: Seen,
    excluded: usize,
    troubles: Vec<String>,
}

impl Gathered {
    fn take(&mut self, shard: u32, index: &ShardIndex, patterns: &Patterns) {
        // Of this shard's labels; classes that only images left out have are none.
        let mut numbers: Vec<Option<u32>> = vec![None; index.classes.len()];
        for (id, (&place, &label)) in index.places.iter().zip(&index.labels).enumerate() {
            let path = index.paths.path(id);
            if !patterns.take(&path) {
                self.excluded += 1;
                continue;
            }
            self.paths.add_path(&path, &mut self.folders);
            self.rows.push(Row { place, shard });
            let label = match (label as usize).checked_sub(1) {
                Some(at) => *numbers[at].get_or_insert_with(|| self.number(&index.classes[at])),
                None => 0,
            };
            self.labels.push(label);
        }
        self.seen.add(index.seen);
    }

    /// One more than a class's position.
    fn number(&mut self, class: &str) -> u32 {
        *self.numbers.entry(class.to_owned()).or_insert_with(|| {
            self.classes.push(class.to_owned());
            self.classes.len() as u32
        })
    }
}

/// The place of each text in natural order, and all in that order.
fn in_natural_order(texts: &[String]) -> (Vec<u32>, Vec<String>) {
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by(|&a, &b| natural::compare(texts[a].as_bytes(), texts[b].as_bytes()));
    let mut ranks = vec![0; texts.len()];
    for (rank, &at) in order.iter().enumerate() {
        ranks[at] = rank as u32;
    }
    (ranks, order.iter().map(|&at| texts[at].clone()).collect())
}

impl Source for Tar {
    fn len(&self) -> usize {
        self.pages.samples(self.rows.len())
    }

    fn load(&self, id: usize) -> Result<DecodedImage, ImageError> {
        let (member, page) = self.pages.locate(id);
        decode::decode_page(&self.read(member)?, page, &self.decode)
    }

    fn load_reduced(
        &self,
        id: usize,
        choose: &ChooseReduction<'_>,
    ) -> Result<ReducedImage, ImageError> {
        let (member, page) = self.pages.locate(id);
        decode::decode_page_reduced(&self.read(member)?, page, &self.decode, choose)
    }

    fn format(&self, id: usize) -> Option<&'static str> {
        let Row { place, shard } = self.rows[self.pages.locate(id).0];
        let beginning = Place { bytes: place.bytes.min(16), ..place };
        decode::format_name(&self.shards.read(shard as usize, beginning, 16).ok()?)
    }

    fn name(&self, id: usize) -> String {
        let (member, _) = self.pages.locate(id);
        let shard = self.shards.path(self.rows[member].shard as usize);
        let shard = native::printable(shard.as_os_str().as_encoded_bytes());
        let path = native::printable(&self.paths.path(member));
        format!("{shard}:{path}{}", self.pages.suffix(id))
    }

    fn label(&self, id: usize) -> Option<usize> {
        self.member_label(self.pages.locate(id).0)
    }

    fn classes(&self) -> &[String] {
        match &self.labels {
            Labels::Members(_, classes) => classes,
            Labels::Folders(folders) => folders.classes(),
        }
    }

    fn fingerprint(&self) -> String {
        let mut fingerprint = Fingerprint::default();
        for class in self.classes() {
            fingerprint.add(class.as_bytes());
        }
        for (member, row) in self.rows.iter().enumerate() {
            fingerprint.add(&self.paths.path(member));
            fingerprint.add_number(row.place.bytes);
            fingerprint.add_label(self.member_label(member));
        }
        fingerprint.finish("tar", self.len())
    }

    fn remarks(&self) -> Vec<String> {
        /// Shards in trouble that are named.
        const NAMED: usize = 10;
        let Seen { refused, nameless, duplicates, further_images, imageless, unread_labels } =
            self.seen;
        let counts = [
            (refused, "passed over # members that are links, devices or have holes"),
            (nameless, "passed over # members that are hidden or whose names have no dot"),
            (duplicates, "passed over # members whose names came before in the same shard"),
            (
                further_images,
                "passed over # images of samples that have one already (what agrees up \
                              to the first dot of its name is one sample)",
            ),
            (imageless, "passed over # samples without an image"),
            (unread_labels, "passed over # labels that are too long or no text"),
            (self.excluded, "the patterns leave out # images"),
        ];
        let counted = counts.into_iter().filter(|&(count, _)| count > 0);
        let mut remarks: Vec<String> =
            counted.map(|(count, text)| text.replace('#', &count.to_string())).collect();
        remarks.extend(self.troubles.iter().take(NAMED).cloned());
        if let more @ 1.. = self.troubles.len().saturating_sub(NAMED) {
            remarks.push(format!("{more} more remarks of this kind about `{}`", self.spec));
        }
        remarks
    }
}

#[cfg(test)]
mod tests;
