//! A year of a VOC devkit: a list of names, an annotation and a photograph for each.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use super::annotation;
use super::excerpt::quoted;
use super::listed::{Listed, Listing};
use super::{MultiLabelError, SourceError};
use crate::source::list::lines::{Malformed, numbered};

/// The largest annotation that is read, in bytes; VOC's own have a few thousand.
const MAX_ANNOTATION_BYTES: u64 = 4 << 20;
/// Names whose annotations are held at once.
const NAMES_AT_ONCE: usize = 4096;

/// Where the names of a split stand.
pub(super) fn list_of(folder: &Path, split: &str) -> PathBuf {
    folder.join("ImageSets/Main").join(format!("{split}.txt"))
}

/// Reads the names of a split and the annotation of each.
pub(super) fn read(folder: &Path, split: &str) -> Result<Listed, MultiLabelError> {
    let list = list_of(folder, split);
    let bytes = fs::read(&list).map_err(|source| match source.kind() {
        ErrorKind::NotFound => MultiLabelError::NoVocSplit {
            folder: folder.to_owned(),
            split: split.to_owned(),
            source,
        },
        _ => SourceError::Read { path: list.clone(), source }.into(),
    })?;
    let malformed = |Malformed { line, reason }| SourceError::MalformedLine {
        path: list.clone(),
        line,
        reason,
        expected: "the name of an image without folder and extension, as `000005`, each once",
    };
    let names = numbered(&bytes).collect::<Result<Vec<_>, _>>().map_err(malformed)?;
    let mut listing = Listing::default();
    for names in names.chunks(NAMES_AT_ONCE) {
        let annotations: Vec<_> = names
            .par_iter()
            .map(|&(line, name)| {
                check_name(name.trim())
                    .map_err(|reason| malformed(Malformed { line, reason }).into())
                    .and_then(|name| read_annotation(folder, name))
            })
            .collect();
        for (&(line, name), annotation) in names.iter().zip(annotations) {
            let annotation = annotation?;
            let classes = annotation.iter().map(|(class, &present)| (class.as_str(), present));
            let row =
                listing.row(classes).map_err(|reason| malformed(Malformed { line, reason }))?;
            let path = format!("JPEGImages/{}.jpg", name.trim());
            listing.add(line, &path, &row).map_err(malformed)?;
        }
    }
    Ok(listing.sorted())
}

/// A name that leads into no other folder and has nothing beside it.
fn check_name(name: &str) -> Result<&str, String> {
    let is_wrong = |c: char| c.is_whitespace() || c.is_control() || c == '/' || c == '\\';
    if name.contains(is_wrong) {
        return Err(format!("{} is no name", quoted(name)));
    }
    Ok(name)
}

/// Which classes an image shows; true for those to be judged, false for those to be ignored.
fn read_annotation(folder: &Path, name: &str) -> Result<BTreeMap<String, bool>, MultiLabelError> {
    let path = folder.join("Annotations").join(format!("{name}.xml"));
    let unreadable = |source| SourceError::Read { path: path.clone(), source };
    let file = File::open(&path).map_err(unreadable)?;
    let mut bytes = file.metadata().map_err(unreadable)?.len();
    let mut text = Vec::new();
    if bytes <= MAX_ANNOTATION_BYTES {
        // One byte more, so that a file that grew meanwhile is found.
        let read = file.take(MAX_ANNOTATION_BYTES + 1).read_to_end(&mut text);
        bytes = read.map_err(unreadable)? as u64;
    }
    if bytes > MAX_ANNOTATION_BYTES {
        let allowed = MAX_ANNOTATION_BYTES;
        return Err(MultiLabelError::LargeAnnotation { path, bytes, allowed });
    }
    annotation::read(&text).map_err(|Malformed { line, reason }| {
        MultiLabelError::MalformedAnnotation { path, line, reason }
    })
}
