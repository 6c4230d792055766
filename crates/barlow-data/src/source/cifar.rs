//! CIFAR-10 and CIFAR-100 in their binary versions.
//!
//! A record is the label (CIFAR-100: the coarse one, then the fine one) and 3072 bytes: the red,
//! green and blue planes of 32 x 32 pixels, row by row (<https://www.cs.toronto.edu/~kriz/cifar.html>).

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::fingerprint::Fingerprint;
use super::{CifarClasses, Source, SourceError, SourceSpec, Split};
use crate::decode::ImageError;
use crate::{DecodedImage, Image};

const SIDE: usize = 32;
const PLANE: usize = SIDE * SIDE;
const PIXELS: usize = 3 * PLANE;
/// No file of either data set has more records.
const MAX_RECORDS: u64 = 50_000;

/// The images of CIFAR-10 or CIFAR-100, kept in memory as they lie in the files.
#[derive(Debug)]
pub struct Cifar {
    folder: PathBuf,
    kind: &'static Kind,
    records: Vec<u8>,
    classes: Vec<String>,
}

/// How one of the two data sets is laid out.
#[derive(Debug)]
struct Kind {
    name: &'static str,
    /// Where the published archive keeps the files.
    subfolder: &'static str,
    train: &'static [&'static str],
    test: &'static [&'static str],
    class_names: &'static str,
    classes: u8,
    /// Labels before the pixels; the last one counts.
    label_bytes: usize,
    expected: &'static str,
}

static CIFAR_10: Kind = Kind {
    name: "cifar10",
    subfolder: "cifar-10-batches-bin",
    train: &[
        "data_batch_1.bin",
        "data_batch_2.bin",
        "data_batch_3.bin",
        "data_batch_4.bin",
        "data_batch_5.bin",
    ],
    test: &["test_batch.bin"],
    class_names: "batches.meta.txt",
    classes: 10,
    label_bytes: 1,
    expected: "a file of CIFAR-10's binary version (records of 3073 bytes)",
};

static CIFAR_100: Kind = Kind {
    name: "cifar100",
    subfolder: "cifar-100-binary",
    train: &["train.bin"],
    test: &["test.bin"],
    class_names: "fine_label_names.txt",
    classes: 100,
    label_bytes: 2,
    expected: "a file of CIFAR-100's binary version (records of 3074 bytes)",
};

impl Cifar {
    /// Reads one half of a data set from `folder` or the published archive's folder below it.
    /// Classes go by the names beside the files, or by number where those are missing.
    ///
    /// # Errors
    /// If files are missing (all are named), cannot be read, or are no whole records.
    pub fn open(folder: &Path, classes: CifarClasses, split: Split) -> Result<Self, SourceError> {
        let kind = match classes {
            CifarClasses::Ten => &CIFAR_10,
            CifarClasses::Hundred => &CIFAR_100,
        };
        let names = match split {
            Split::Train => kind.train,
            Split::Test => kind.test,
        };
        let inner = folder.join(kind.subfolder);
        let found = if inner.join(names[0]).is_file() { inner } else { folder.to_owned() };
        let files: Vec<PathBuf> = names.iter().map(|name| found.join(name)).collect();
        let missing: Vec<_> = files.iter().filter(|file| !file.is_file()).cloned().collect();
        if !missing.is_empty() {
            let spec = SourceSpec::Cifar { folder: folder.to_owned(), classes, split };
            return Err(SourceError::MissingFiles { spec, missing });
        }
        let mut records = Vec::new();
        for file in &files {
            read_records(file, kind, &mut records)?;
        }
        let classes = class_names(&found.join(kind.class_names), kind);
        Ok(Self { folder: found, kind, records, classes })
    }

    fn record(&self, id: usize) -> (usize, &[u8]) {
        let record = &self.records[id * self.kind.record_bytes()..][..self.kind.record_bytes()];
        let (labels, pixels) = record.split_at(self.kind.label_bytes);
        (usize::from(labels[self.kind.label_bytes - 1]), pixels)
    }
}

impl Kind {
    fn record_bytes(&self) -> usize {
        self.label_bytes + PIXELS
    }
}

fn read_records(
    path: &Path,
    kind: &'static Kind,
    records: &mut Vec<u8>,
) -> Result<(), SourceError> {
    let failed = |source| SourceError::Read { path: path.to_owned(), source };
    let malformed = |reason: String| {
        let expected = kind.expected;
        SourceError::MalformedFile { path: path.to_owned(), expected, reason }
    };
    let file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let record_bytes = kind.record_bytes();
    if size == 0 || size % record_bytes as u64 != 0 || size / record_bytes as u64 > MAX_RECORDS {
        return Err(malformed(format!("it has {size} bytes")));
    }
    let start = records.len();
    records.reserve_exact(size as usize);
    file.take(size).read_to_end(records).map_err(failed)?;
    let read = &records[start..];
    if read.len() as u64 != size {
        return Err(malformed(format!("it has {} bytes", read.len())));
    }
    let labels = read.chunks_exact(record_bytes).map(|record| record[kind.label_bytes - 1]);
    match labels.max() {
        Some(label) if label >= kind.classes => Err(malformed(format!("it has a label {label}"))),
        _ => Ok(()),
    }
}

/// The names in the file, one a line, if there are as many as classes; else numbers.
fn class_names(path: &Path, kind: &Kind) -> Vec<String> {
    let count = usize::from(kind.classes);
    let text = fs::read_to_string(path).unwrap_or_default();
    let names: Vec<String> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| super::native::printable(line.as_bytes()))
        .collect();
    if names.len() == count { names } else { (0..count).map(|class| class.to_string()).collect() }
}

impl Source for Cifar {
    fn len(&self) -> usize {
        self.records.len() / self.kind.record_bytes()
    }

    fn load(&self, id: usize) -> Result<DecodedImage, ImageError> {
        let (_, planes) = self.record(id);
        let pixel = |at| [planes[at], planes[PLANE + at], planes[2 * PLANE + at]];
        let pixels = (0..PLANE).flat_map(pixel).collect();
        Ok(Image { width: SIDE, height: SIDE, channels: 3, pixels }.into())
    }

    fn name(&self, id: usize) -> String {
        format!("{}[{id}]", self.folder.display())
    }

    fn label(&self, id: usize) -> Option<usize> {
        Some(self.record(id).0)
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn fingerprint(&self) -> String {
        let mut fingerprint = Fingerprint::default();
        fingerprint.add(&self.records);
        fingerprint.finish(self.kind.name, self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records whose pixel at `(channel, y, x)` is `seed + 100 channel + 32 y + x`, modulo 256.
    fn records(labels: &[&[u8]], seed: usize) -> Vec<u8> {
        labels
            .iter()
            .flat_map(|labels| {
                let planes = (0..PIXELS).map(|at| (seed + 100 * (at / PLANE) + at % PLANE) as u8);
                labels.iter().copied().chain(planes).collect::<Vec<_>>()
            })
            .collect()
    }

    #[test]
    fn planes_become_pixels_and_names_come_from_the_file_beside() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("cifar-10-batches-bin");
        fs::create_dir(&inner).unwrap();
        for (seed, name) in CIFAR_10.train.iter().enumerate() {
            let labels: &[&[u8]] = &[&[seed as u8], &[9]];
            fs::write(inner.join(name), records(labels, seed)).unwrap();
        }
        let names = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n";
        fs::write(inner.join("batches.meta.txt"), names).unwrap();
        for root in [folder.path(), &inner] {
            let source = Cifar::open(root, CifarClasses::Ten, Split::Train).unwrap();
            assert_eq!(source.len(), 10);
            let labels: Vec<_> = (0..10).map(|id| source.label(id).unwrap()).collect();
            assert_eq!(labels, [0, 9, 1, 9, 2, 9, 3, 9, 4, 9]);
            assert_eq!(source.classes()[9], "truck");
            let image = source.load(7).unwrap();
            assert_eq!(image.shape(), [3, 32, 32]);
            let image = image.to_8_bit().into_owned();
            for (x, y) in [(0, 0), (31, 0), (5, 17), (31, 31)] {
                let expected = [0, 100, 200].map(|plane| (3 + plane + 32 * y + x) as u8);
                assert_eq!(image.pixel(x, y), expected);
            }
        }
    }

    #[test]
    fn the_fine_label_of_cifar_100_counts() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("test.bin"), records(&[&[3, 99], &[4, 0]], 0)).unwrap();
        let source = Cifar::open(folder.path(), CifarClasses::Hundred, Split::Test).unwrap();
        assert_eq!((source.label(0), source.label(1)), (Some(99), Some(0)));
        assert_eq!((source.classes().len(), source.classes()[42].as_str()), (100, "42"));
    }

    #[test]
    fn missing_and_malformed_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Cifar::open(folder.path(), CifarClasses::Ten, Split::Train);
        fs::write(folder.path().join("data_batch_2.bin"), "").unwrap();
        let message = open().unwrap_err().to_string();
        for part in ["4 of", "data_batch_1.bin", "data_batch_5.bin"] {
            assert!(message.contains(part), "{message}");
        }
        assert!(!message.contains("data_batch_2.bin"), "{message}");
        for name in CIFAR_10.train {
            fs::write(folder.path().join(name), records(&[&[1]], 0)).unwrap();
        }
        assert!(open().is_ok());
        for bytes in [records(&[&[10]], 0), records(&[&[1]], 0)[1..].to_vec(), Vec::new()] {
            fs::write(folder.path().join("data_batch_3.bin"), bytes).unwrap();
            let message = open().unwrap_err().to_string();
            assert!(message.contains("data_batch_3.bin"), "{message}");
        }
    }
}
