//! What a user types for a source: its grammar, judged without looking at any data.
//!
//! ```text
//! SRC  = PATH                                a directory of image files
//!      | PATH ending in .txt .csv .jsonl     a list of image files
//!      | PATH ending in .tar                 tar shards; {000..099} stands for a range of numbers
//!      | fashion-mnist[:train|:test]
//!      | idx:IMAGES[,LABELS]
//!      | cifar10:DIR[:train|:test]
//!      | cifar100:DIR[:train|:test]
//!      | synthetic[:N[:SEED]]
//!      | tinted[:N[:SEED]]                  the same with colours that tell the class
//!      | mix:WEIGHT*SRC{,WEIGHT*SRC}         none of them a mix itself
//! ```
//!
//! In a mix every source has its weight, and only a comma that a weight and a star follow begins the
//! next one, so the comma of `idx:` and most commas in paths may stand as they are. A path of which
//! that is not true is written with something before the number, as `./2*b`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::shard_names::{self, RangeError};
use super::{Synthetic, Weight};

/// The seed of synthetic images where none is given.
const DEFAULT_SEED: u64 = 0;
/// Names of compressed shards, which cannot be read at any place.
const COMPRESSED: [&str; 10] = [
    ".tar.gz",
    ".tgz",
    ".tar.zst",
    ".tar.bz2",
    ".tbz2",
    ".tar.xz",
    ".txz",
    ".tar.lz4",
    ".tar.lzma",
    ".tar.z",
];

/// Which images a user wants, as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceSpec {
    /// `synthetic[:N[:SEED]]`: images that are drawn, not read.
    Synthetic {
        /// How many.
        images: usize,
        /// Which ones.
        seed: u64,
    },
    /// `tinted[:N[:SEED]]`: the same images, each with a tint that depends on its class.
    Tinted {
        /// How many.
        images: usize,
        /// Which ones.
        seed: u64,
    },
    /// `fashion-mnist[:train|:test]`, the training images where neither is named.
    FashionMnist {
        /// Training or test images.
        split: Split,
    },
    /// A path that is none of the other kinds: a directory of image files.
    Directory {
        /// The directory.
        path: PathBuf,
    },
    /// A path that ends in `.txt`, `.csv` or `.jsonl`: a file that lists image files.
    List {
        /// The list file.
        path: PathBuf,
    },
    /// `idx:IMAGES[,LABELS]`: arrays of bytes in the format of MNIST.
    Idx {
        /// The images' file.
        images: PathBuf,
        /// The labels' file.
        labels: Option<PathBuf>,
    },
    /// A path that ends in `.tar`, with ranges in braces: tar shards in WebDataset's naming.
    Tar {
        /// The path as typed.
        shards: String,
    },
    /// `cifar10:DIR[:train|:test]` or `cifar100:...`, the training images where neither is named.
    Cifar {
        /// Where the files of the binary version are, or their folder.
        folder: PathBuf,
        /// CIFAR-10 or CIFAR-100.
        classes: CifarClasses,
        /// Training or test images.
        split: Split,
    },
    /// `mix:WEIGHT*SRC,WEIGHT*SRC`: several sources as one.
    Mixed {
        /// How often each is taken, and what it is; at least one.
        parts: Vec<(Weight, SourceSpec)>,
    },
}

/// The two halves of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// Images to train with.
    Train,
    /// Images to judge with.
    Test,
}

/// Which of the two CIFAR data sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CifarClasses {
    /// CIFAR-10.
    Ten,
    /// CIFAR-100, with its fine labels.
    Hundred,
}

/// The kinds of source, without their particulars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SourceKind {
    /// Drawn, not read.
    Synthetic,
    /// Fashion-MNIST.
    FashionMnist,
    /// A directory of image files.
    Directory,
    /// A file that lists image files.
    List,
    /// Arrays of bytes in the format of MNIST.
    Idx,
    /// Tar shards.
    Tar,
    /// CIFAR-10 or CIFAR-100.
    Cifar,
    /// Several sources as one.
    Mixed,
}

/// What is wrong with the description of a source; no data were looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// Nothing was given.
    #[error("no source is given: expected a directory, a list file or a kind such as `synthetic`")]
    Empty,
    /// What follows the kind's name has the wrong form.
    #[error("`{spec}` is not a source: expected `{expected}`")]
    WrongForm {
        /// What was typed.
        spec: String,
        /// The form it should have.
        expected: &'static str,
    },
    /// Compressed shards.
    #[error(
        "`{spec}` is compressed; decompress it to a .tar first, because images are read from \
             anywhere in a shard"
    )]
    Compressed {
        /// What was typed.
        spec: String,
    },
    /// Shards whose ranges cannot be written out.
    #[error("the shards of `{spec}` cannot be listed")]
    Range {
        /// What was typed.
        spec: String,
        /// What is wrong with a range.
        source: RangeError,
    },
}

impl SourceSpec {
    /// Reads what a user typed.
    ///
    /// A path that would be taken for something else can be written `./synthetic`, or with a final
    /// slash for a directory named like a list file.
    ///
    /// # Errors
    /// If it begins like a known kind of source and does not go on like one.
    pub fn parse(spec: &str) -> Result<Self, SpecError> {
        if spec.is_empty() {
            return Err(SpecError::Empty);
        }
        let (kind, rest) = match spec.split_once(':') {
            Some((kind, rest)) => (kind, Some(rest)),
            None => (spec, None),
        };
        let wrong = |expected| SpecError::WrongForm { spec: spec.to_owned(), expected };
        match kind {
            "synthetic" => match synthetic(rest) {
                Some((images, seed)) => Ok(Self::Synthetic { images, seed }),
                None => Err(wrong("synthetic[:N[:SEED]], N at least 1")),
            },
            "tinted" => match synthetic(rest) {
                Some((images, seed)) => Ok(Self::Tinted { images, seed }),
                None => Err(wrong("tinted[:N[:SEED]], N at least 1")),
            },
            "fashion-mnist" => match rest {
                None | Some("train") => Ok(Self::FashionMnist { split: Split::Train }),
                Some("test") => Ok(Self::FashionMnist { split: Split::Test }),
                Some(_) => Err(wrong("fashion-mnist[:train|:test]")),
            },
            "idx" => rest.and_then(idx).ok_or_else(|| wrong("idx:IMAGES[,LABELS]")),
            "cifar10" => rest
                .and_then(|rest| cifar(rest, CifarClasses::Ten))
                .ok_or_else(|| wrong("cifar10:DIR[:train|:test]")),
            "cifar100" => rest
                .and_then(|rest| cifar(rest, CifarClasses::Hundred))
                .ok_or_else(|| wrong("cifar100:DIR[:train|:test]")),
            "mix" => {
                let form = "mix:WEIGHT*SRC,WEIGHT*SRC, weights from 0.000001 to 1000000, none of \
                            the sources a mix";
                mix(rest.unwrap_or_default())?.ok_or_else(|| wrong(form))
            }
            _ if has_extension(spec, &["tar"]) => match shard_names::expand(spec) {
                Ok(_) => Ok(Self::Tar { shards: spec.to_owned() }),
                Err(source) => Err(SpecError::Range { spec: spec.to_owned(), source }),
            },
            _ if COMPRESSED.iter().any(|end| spec.to_ascii_lowercase().ends_with(end)) => {
                Err(SpecError::Compressed { spec: spec.to_owned() })
            }
            _ if has_extension(spec, &["txt", "csv", "jsonl"]) => {
                Ok(Self::List { path: spec.into() })
            }
            _ => Ok(Self::Directory { path: spec.into() }),
        }
    }

    /// The kind of source, by which a preset can be chosen.
    pub fn kind(&self) -> SourceKind {
        match self {
            Self::Synthetic { .. } | Self::Tinted { .. } => SourceKind::Synthetic,
            Self::FashionMnist { .. } => SourceKind::FashionMnist,
            Self::Directory { .. } => SourceKind::Directory,
            Self::List { .. } => SourceKind::List,
            Self::Idx { .. } => SourceKind::Idx,
            Self::Tar { .. } => SourceKind::Tar,
            Self::Cifar { .. } => SourceKind::Cifar,
            Self::Mixed { .. } => SourceKind::Mixed,
        }
    }

    /// Whether it is of this kind or a mix with a source of this kind.
    pub fn has_kind(&self, kind: SourceKind) -> bool {
        let is_part = match self {
            Self::Mixed { parts } => parts.iter().any(|(_, part)| part.has_kind(kind)),
            _ => false,
        };
        is_part || self.kind() == kind
    }
}

impl FromStr for SourceSpec {
    type Err = SpecError;

    fn from_str(spec: &str) -> Result<Self, SpecError> {
        Self::parse(spec)
    }
}

impl fmt::Display for SourceSpec {
    /// In a form that parses to the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Synthetic { images, seed } => write!(f, "synthetic:{images}:{seed}"),
            Self::Tinted { images, seed } => write!(f, "tinted:{images}:{seed}"),
            Self::FashionMnist { split: Split::Train } => f.write_str("fashion-mnist:train"),
            Self::FashionMnist { split: Split::Test } => f.write_str("fashion-mnist:test"),
            Self::Directory { path } | Self::List { path } => write!(f, "{}", path.display()),
            Self::Idx { images, labels: None } => write!(f, "idx:{}", images.display()),
            Self::Idx { images, labels: Some(labels) } => {
                write!(f, "idx:{},{}", images.display(), labels.display())
            }
            Self::Tar { shards } => f.write_str(shards),
            Self::Cifar { folder, classes, split } => {
                let name = match classes {
                    CifarClasses::Ten => "cifar10",
                    CifarClasses::Hundred => "cifar100",
                };
                let split = match split {
                    Split::Train => "train",
                    Split::Test => "test",
                };
                write!(f, "{name}:{}:{split}", folder.display())
            }
            Self::Mixed { parts } => {
                f.write_str("mix:")?;
                for (number, (weight, part)) in parts.iter().enumerate() {
                    let comma = if number > 0 { "," } else { "" };
                    write!(f, "{comma}{weight}*{part}")?;
                }
                Ok(())
            }
        }
    }
}

/// How many images, and which.
fn synthetic(rest: Option<&str>) -> Option<(usize, u64)> {
    let Some(rest) = rest else { return Some((Synthetic::DEFAULT_IMAGES, DEFAULT_SEED)) };
    let (images, seed) = match rest.split_once(':') {
        Some((images, seed)) => (images, seed.parse().ok()?),
        None => (rest, DEFAULT_SEED),
    };
    let images = images.parse().ok().filter(|&images| images > 0)?;
    Some((images, seed))
}

fn idx(rest: &str) -> Option<SourceSpec> {
    let (images, labels) = match rest.split_once(',') {
        Some((images, labels)) => (images, Some(labels)),
        None => (rest, None),
    };
    let is_missing = images.is_empty() || labels.is_some_and(str::is_empty);
    (!is_missing).then(|| SourceSpec::Idx { images: images.into(), labels: labels.map(Into::into) })
}

fn cifar(rest: &str, classes: CifarClasses) -> Option<SourceSpec> {
    let (folder, split) = match (rest.strip_suffix(":train"), rest.strip_suffix(":test")) {
        (Some(folder), _) => (folder, Split::Train),
        (_, Some(folder)) => (folder, Split::Test),
        _ => (rest, Split::Train),
    };
    (!folder.is_empty()).then(|| SourceSpec::Cifar { folder: folder.into(), classes, split })
}

/// The parts of a mix; nothing if they have not the form of one, an error if one of them is wrong.
fn mix(rest: &str) -> Result<Option<SourceSpec>, SpecError> {
    let mut cuts = vec![0];
    let commas = rest.match_indices(',').map(|(at, _)| at + 1);
    cuts.extend(commas.filter(|&at| weighted(&rest[at..]).is_some()));
    let ends = cuts[1..].iter().map(|&at| at - 1).chain([rest.len()]);
    let mut parts = Vec::new();
    for (&start, end) in cuts.iter().zip(ends) {
        let Some((weight, spec)) = weighted(&rest[start..end]) else { return Ok(None) };
        let Some(weight) = Weight::parse(weight) else { return Ok(None) };
        if spec.is_empty() || spec == "mix" || spec.starts_with("mix:") {
            return Ok(None);
        }
        parts.push((weight, SourceSpec::parse(spec)?));
    }
    Ok(Some(SourceSpec::Mixed { parts }))
}

/// What stands before and after the star of `WEIGHT*SRC`.
fn weighted(text: &str) -> Option<(&str, &str)> {
    let (weight, spec) = text.split_once('*')?;
    let is_number = weight.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    (is_number && !weight.is_empty()).then_some((weight, spec))
}

pub(super) fn has_extension(spec: &str, extensions: &[&str]) -> bool {
    !spec.ends_with(std::path::is_separator)
        && Path::new(spec)
            .extension()
            .is_some_and(|found| extensions.iter().any(|e| found.eq_ignore_ascii_case(e)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_form_parses_and_prints_back_to_itself() {
        let path = PathBuf::from;
        let train = SourceSpec::FashionMnist { split: Split::Train };
        let synthetic = |images, seed| SourceSpec::Synthetic { images, seed };
        let tinted = |images, seed| SourceSpec::Tinted { images, seed };
        let idx = |labels| SourceSpec::Idx { images: path("a.gz"), labels };
        let cifar =
            |folder, classes, split| SourceSpec::Cifar { folder: path(folder), classes, split };
        let mixed = |parts: &[(&str, &str)]| {
            let part = |&(weight, spec): &(&str, &str)| {
                (Weight::parse(weight).unwrap(), SourceSpec::parse(spec).unwrap())
            };
            SourceSpec::Mixed { parts: parts.iter().map(part).collect() }
        };
        for (spec, expected, kind) in [
            ("synthetic", synthetic(Synthetic::DEFAULT_IMAGES, 0), SourceKind::Synthetic),
            ("synthetic:7", synthetic(7, 0), SourceKind::Synthetic),
            ("synthetic:7:9", synthetic(7, 9), SourceKind::Synthetic),
            ("tinted", tinted(Synthetic::DEFAULT_IMAGES, 0), SourceKind::Synthetic),
            ("tinted:7:9", tinted(7, 9), SourceKind::Synthetic),
            ("fashion-mnist", train.clone(), SourceKind::FashionMnist),
            ("fashion-mnist:train", train, SourceKind::FashionMnist),
            (
                "fashion-mnist:test",
                SourceSpec::FashionMnist { split: Split::Test },
                SourceKind::FashionMnist,
            ),
            ("idx:a.gz", idx(None), SourceKind::Idx),
            ("idx:a.gz,b", idx(Some(path("b"))), SourceKind::Idx),
            ("a/b.CSV", SourceSpec::List { path: path("a/b.CSV") }, SourceKind::List),
            ("b.jsonl", SourceSpec::List { path: path("b.jsonl") }, SourceKind::List),
            ("b.txt/", SourceSpec::Directory { path: path("b.txt/") }, SourceKind::Directory),
            (
                "./synthetic",
                SourceSpec::Directory { path: path("./synthetic") },
                SourceKind::Directory,
            ),
            (
                "C:\\images",
                SourceSpec::Directory { path: path("C:\\images") },
                SourceKind::Directory,
            ),
            (
                "a/s-{000..099}.tar",
                SourceSpec::Tar { shards: "a/s-{000..099}.tar".to_owned() },
                SourceKind::Tar,
            ),
            ("a.tar/", SourceSpec::Directory { path: path("a.tar/") }, SourceKind::Directory),
            ("cifar10:a:b", cifar("a:b", CifarClasses::Ten, Split::Train), SourceKind::Cifar),
            ("cifar10:train", cifar("train", CifarClasses::Ten, Split::Train), SourceKind::Cifar),
            ("cifar100:a:test", cifar("a", CifarClasses::Hundred, Split::Test), SourceKind::Cifar),
            (
                "mix:2*a,b,0.5*idx:x,y,1*synthetic:7",
                mixed(&[("2", "a,b"), ("0.5", "idx:x,y"), ("1", "synthetic:7")]),
                SourceKind::Mixed,
            ),
            ("mix:1*3*a,./2*b", mixed(&[("1", "3*a,./2*b")]), SourceKind::Mixed),
        ] {
            let parsed = SourceSpec::parse(spec).unwrap();
            assert_eq!((&parsed, parsed.kind()), (&expected, kind), "{spec}");
            assert_eq!(SourceSpec::parse(&parsed.to_string()).unwrap(), expected, "{spec}");
        }
    }

    #[test]
    fn wrong_grammar_is_found_without_data() {
        for spec in [
            "synthetic:x",
            "synthetic:",
            "synthetic:0",
            "synthetic:-1",
            "synthetic:5:",
            "synthetic:5:6:7",
            "tinted:0",
            "tinted:5:",
            "fashion-mnist:foo",
            "fashion-mnist:",
            "idx",
            "idx:",
            "idx:,b",
            "idx:a,",
            "cifar10",
            "cifar10:",
            "cifar100::test",
            "mix",
            "mix:",
            "mix:a,b",
            "mix:1*a,2*",
            "mix:0*a",
            "mix:1.2.3*a",
            "mix:1*mix:2*a",
            "mix:1*synthetic:x",
        ] {
            let error = SourceSpec::parse(spec).unwrap_err();
            assert!(matches!(error, SpecError::WrongForm { .. }), "{spec}: {error}");
        }
        assert_eq!(SourceSpec::parse(""), Err(SpecError::Empty));
        assert!(matches!(
            SourceSpec::parse("a-{9..1}.tar"),
            Err(SpecError::Range { source: RangeError::Backwards { .. }, .. })
        ));
        for spec in ["a.tar.gz", "a-{0..9}.TGZ", "a.tar.zst"] {
            let error = SourceSpec::parse(spec).unwrap_err();
            assert!(matches!(error, SpecError::Compressed { .. }), "{spec}: {error}");
        }
    }

    #[test]
    fn a_mix_knows_the_kinds_in_it() {
        let spec = SourceSpec::parse("mix:1*a,1*synthetic").unwrap();
        assert!(spec.has_kind(SourceKind::Synthetic) && spec.has_kind(SourceKind::Mixed));
        assert!(!spec.has_kind(SourceKind::List));
    }
}
