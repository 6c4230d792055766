//! What a user types for a source: its grammar, judged without looking at any data.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::Synthetic;

/// The seed of synthetic images where none is given.
const DEFAULT_SEED: u64 = 0;
/// Kinds that are spelt `word:...`, for recognising what is not available here.
const UNAVAILABLE: [&str; 2] = ["cifar10", "cifar100"];

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
}

/// The two halves of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// Images to train with.
    Train,
    /// Images to judge with.
    Test,
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
    /// A kind of source that this version does not read.
    #[error("sources of kind `{kind}` are not available in this version (`{spec}`)")]
    Unavailable {
        /// What was typed.
        spec: String,
        /// The kind.
        kind: String,
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
        let unavailable =
            |kind: &str| SpecError::Unavailable { spec: spec.to_owned(), kind: kind.to_owned() };
        match kind {
            "synthetic" => {
                synthetic(rest).ok_or_else(|| wrong("synthetic[:N[:SEED]], N at least 1"))
            }
            "fashion-mnist" => match rest {
                None | Some("train") => Ok(Self::FashionMnist { split: Split::Train }),
                Some("test") => Ok(Self::FashionMnist { split: Split::Test }),
                Some(_) => Err(wrong("fashion-mnist[:train|:test]")),
            },
            "idx" => rest.and_then(idx).ok_or_else(|| wrong("idx:IMAGES[,LABELS]")),
            _ if UNAVAILABLE.contains(&kind) => Err(unavailable(kind)),
            _ if has_extension(spec, &["tar"]) => Err(unavailable("tar")),
            _ if has_extension(spec, &["txt", "csv", "jsonl"]) => {
                Ok(Self::List { path: spec.into() })
            }
            _ => Ok(Self::Directory { path: spec.into() }),
        }
    }

    /// The kind of source, by which a preset can be chosen.
    pub fn kind(&self) -> SourceKind {
        match self {
            Self::Synthetic { .. } => SourceKind::Synthetic,
            Self::FashionMnist { .. } => SourceKind::FashionMnist,
            Self::Directory { .. } => SourceKind::Directory,
            Self::List { .. } => SourceKind::List,
            Self::Idx { .. } => SourceKind::Idx,
        }
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
            Self::FashionMnist { split: Split::Train } => f.write_str("fashion-mnist:train"),
            Self::FashionMnist { split: Split::Test } => f.write_str("fashion-mnist:test"),
            Self::Directory { path } | Self::List { path } => write!(f, "{}", path.display()),
            Self::Idx { images, labels: None } => write!(f, "idx:{}", images.display()),
            Self::Idx { images, labels: Some(labels) } => {
                write!(f, "idx:{},{}", images.display(), labels.display())
            }
        }
    }
}

fn synthetic(rest: Option<&str>) -> Option<SourceSpec> {
    let Some(rest) = rest else {
        return Some(SourceSpec::Synthetic {
            images: Synthetic::DEFAULT_IMAGES,
            seed: DEFAULT_SEED,
        });
    };
    let (images, seed) = match rest.split_once(':') {
        Some((images, seed)) => (images, seed.parse().ok()?),
        None => (rest, DEFAULT_SEED),
    };
    let images = images.parse().ok().filter(|&images| images > 0)?;
    Some(SourceSpec::Synthetic { images, seed })
}

fn idx(rest: &str) -> Option<SourceSpec> {
    let (images, labels) = match rest.split_once(',') {
        Some((images, labels)) => (images, Some(labels)),
        None => (rest, None),
    };
    let is_missing = images.is_empty() || labels.is_some_and(str::is_empty);
    (!is_missing).then(|| SourceSpec::Idx { images: images.into(), labels: labels.map(Into::into) })
}

fn has_extension(spec: &str, extensions: &[&str]) -> bool {
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
        let idx = |labels| SourceSpec::Idx { images: path("a.gz"), labels };
        for (spec, expected, kind) in [
            ("synthetic", synthetic(Synthetic::DEFAULT_IMAGES, 0), SourceKind::Synthetic),
            ("synthetic:7", synthetic(7, 0), SourceKind::Synthetic),
            ("synthetic:7:9", synthetic(7, 9), SourceKind::Synthetic),
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
            "fashion-mnist:foo",
            "fashion-mnist:",
            "idx",
            "idx:",
            "idx:,b",
            "idx:a,",
        ] {
            let error = SourceSpec::parse(spec).unwrap_err();
            assert!(matches!(error, SpecError::WrongForm { .. }), "{spec}: {error}");
        }
        assert_eq!(SourceSpec::parse(""), Err(SpecError::Empty));
        for spec in ["cifar10:data", "cifar100:data:test", "shards-{000..099}.tar"] {
            let error = SourceSpec::parse(spec).unwrap_err();
            assert!(matches!(error, SpecError::Unavailable { .. }), "{spec}: {error}");
        }
    }
}
