//! The samples of one shard: which member is the image of each, and where it lies.
//!
//! Naming is WebDataset's: the members whose paths agree up to the first dot of the last name are
//! one sample, what follows that dot says what a member is.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read, Seek};

use super::label;
use super::members::{End, MemberKind, Members, Place};
use crate::source::extensions::{is_image_extension, is_image_name};
use crate::source::paths::{FolderNumbers, PathTable};

/// The longest name that is kept: the longest path of common systems.
const MAX_NAME_BYTES: usize = 4096;

/// The samples of a shard that have an image, in the order in which they begin.
#[derive(Debug, Default)]
pub(super) struct ShardIndex {
    /// The image members' names.
    pub(super) paths: PathTable,
    pub(super) places: Vec<Place>,
    /// Of each sample, one more than the position in `classes`; 0 without.
    pub(super) labels: Vec<u32>,
    /// The distinct labels, in the order in which they occur.
    pub(super) classes: Vec<String>,
    pub(super) seen: Seen,
    /// What is wrong with the shard, if anything.
    pub(super) trouble: Option<String>,
    /// Whether that is so before the first member.
    pub(super) is_broken_from_the_start: bool,
}

/// What there is besides the samples' images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Links, devices, files with holes.
    pub(super) refused: usize,
    /// Hidden files, and files whose names have nothing before or no dot.
    pub(super) nameless: usize,
    /// Files of a name that another file had before.
    pub(super) duplicates: usize,
    /// Images of a sample that has one already.
    pub(super) further_images: usize,
    /// Samples without an image.
    pub(super) imageless: usize,
    /// Labels that are too long or no text.
    pub(super) unread_labels: usize,
}

impl Seen {
    pub(super) fn add(&mut self, other: Self) {
        self.refused += other.refused;
        self.nameless += other.nameless;
        self.duplicates += other.duplicates;
        self.further_images += other.further_images;
        self.imageless += other.imageless;
        self.unread_labels += other.unread_labels;
    }

    /// Members that are no images, where no sample has one.
    pub(super) fn members(self) -> usize {
        self.refused + self.nameless + self.duplicates + self.imageless
    }
}

#[derive(Default)]
struct Sample {
    /// Whether the image's whole extension is one, its name and place.
    image: Option<(bool, Box<[u8]>, Place)>,
    label: u32,
    /// Whether the label is a `.cls` member's, which goes before others.
    label_is_final: bool,
}

impl ShardIndex {
    /// Reads an archive of `len` bytes once, stepping over the data of images.
    ///
    /// # Errors
    /// If it cannot be read. A damaged or cut archive is none: the members before the damage count.
    pub(super) fn build(reader: impl Read + Seek, len: u64) -> io::Result<Self> {
        let mut members = Members::new(reader, len);
        let mut index = Self::default();
        let mut samples: Vec<Sample> = Vec::new();
        let mut numbers: HashMap<Box<[u8]>, usize> = HashMap::new();
        let mut names: HashSet<Box<[u8]>> = HashSet::new();
        let mut classes: HashMap<String, u32> = HashMap::new();
        loop {
            let member = match members.next() {
                Ok(member) => member,
                Err(End::Io(error)) => return Err(error),
                Err(End::Mark(at)) => {
                    index.trouble = members.goes_on_after(at)?.then(|| {
                        format!("goes on after its end mark at byte {at}; what follows is not read")
                    });
                    break;
                }
                Err(End::Cut(at)) => {
                    index.trouble = Some(format!("is cut off at byte {at}"));
                    break;
                }
                Err(End::Damaged(at, reason)) => {
                    index.is_broken_from_the_start = at == 0;
                    index.trouble = Some(format!("is damaged at byte {at}: {reason}"));
                    break;
                }
            };
            match member.kind {
                MemberKind::Regular => {}
                MemberKind::Directory => continue,
                MemberKind::Refused => {
                    index.seen.refused += 1;
                    continue;
                }
            }
            let name = without_dots(&member.name);
            let Some((key, extension)) = split(name) else {
                index.seen.nameless += 1;
                continue;
            };
            if !names.insert(name.into()) {
                index.seen.duplicates += 1;
                continue;
            }
            let number = *numbers.entry(key.into()).or_insert_with(|| {
                samples.push(Sample::default());
                samples.len() - 1
            });
            let sample = &mut samples[number];
            if let Some(most) = label::max_bytes(&extension) {
                let Place { offset, bytes, .. } = member.place;
                let label = if bytes <= most {
                    label::read(&extension, &members.read(offset, bytes)?)
                } else {
                    Err(())
                };
                match label {
                    Err(()) => index.seen.unread_labels += 1,
                    Ok(Some(text)) if !sample.label_is_final => {
                        let next = classes.len() as u32 + 1;
                        sample.label = *classes.entry(text).or_insert_with_key(|text| {
                            index.classes.push(text.clone());
                            next
                        });
                        sample.label_is_final = extension == b"cls";
                    }
                    Ok(_) => {}
                }
            } else if is_image_name(name) {
                let is_whole = is_image_extension(&extension);
                let has_image = sample.image.as_ref().map(|&(is_whole, ..)| is_whole);
                index.seen.further_images += usize::from(has_image.is_some());
                if has_image.is_none_or(|other_is_whole| is_whole && !other_is_whole) {
                    sample.image = Some((is_whole, name.into(), member.place));
                }
            }
        }
        index.take(samples);
        Ok(index)
    }

    fn take(&mut self, samples: Vec<Sample>) {
        let mut folders = FolderNumbers::default();
        for sample in samples {
            match sample.image {
                Some((_, name, place)) => {
                    self.paths.add_path(&name, &mut folders);
                    self.places.push(place);
                    self.labels.push(sample.label);
                }
                None => self.seen.imageless += 1,
            }
        }
    }
}

/// A name without a leading `./`.
fn without_dots(mut name: &[u8]) -> &[u8] {
    while let Some(rest) = name.strip_prefix(b"./") {
        name = rest;
    }
    name
}

/// A name's key and its extension in small letters; nothing if it is too long, hidden (or in a hidden
/// folder) or has no dot.
fn split(name: &[u8]) -> Option<(&[u8], Vec<u8>)> {
    let is_hidden = name.split(|&byte| byte == b'/').any(|part| part.starts_with(b"."));
    if is_hidden || name.len() > MAX_NAME_BYTES {
        return None;
    }
    let last = name.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
    let dot = last + name[last..].iter().position(|&byte| byte == b'.')?;
    Some((&name[..dot], name[dot + 1..].to_ascii_lowercase()))
}

#[cfg(test)]
mod tests;
