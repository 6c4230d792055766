//! Which paths are wanted, by patterns.

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};

use super::{SourceError, native};

/// The paths that a user wants: those that some pattern includes (all, without one) and none
/// excludes.
///
/// A pattern with a slash inside is of whole paths, relative to the folder, the list or the shard;
/// one without is of names at any depth. A pattern of a folder is of all that lies below it.
/// `*` and `?` stand for anything but a slash, `**` for folders, `[ab]` for one of these
/// characters, `{a,b}` for one of these texts, `\` before a character for that character.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    include: Option<GlobSet>,
    exclude: Option<GlobSet>,
}

impl Patterns {
    pub(super) fn new(include: &[String], exclude: &[String]) -> Result<Self, SourceError> {
        Ok(Self { include: set(include)?, exclude: set(exclude)? })
    }

    /// Whether an image at this path is wanted.
    pub(super) fn take(&self, path: &[u8]) -> bool {
        let included = self.include.as_ref().is_none_or(|set| set.is_match(native::path(path)));
        included && !self.exclude(path)
    }

    /// Whether this path, or all that lies below this folder, is not wanted.
    pub(super) fn exclude(&self, path: &[u8]) -> bool {
        self.exclude.as_ref().is_some_and(|set| set.is_match(native::path(path)))
    }
}

/// Judges a pattern for [`OpenOptions`](super::OpenOptions) without any data.
///
/// # Errors
/// [`SourceError::Pattern`], with what is wrong with it.
pub fn check_pattern(pattern: &str) -> Result<(), SourceError> {
    globs(pattern).map(drop)
}

fn set(patterns: &[String]) -> Result<Option<GlobSet>, SourceError> {
    if patterns.is_empty() {
        return Ok(None);
    }
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        for glob in globs(pattern)? {
            set.add(glob);
        }
    }
    let wrong = |source| SourceError::Pattern { pattern: patterns.join(" "), source };
    set.build().map(Some).map_err(wrong)
}

/// What a pattern matches itself, and what lies below that.
fn globs(pattern: &str) -> Result<[Glob; 2], SourceError> {
    let wrong = |source| SourceError::Pattern { pattern: pattern.to_owned(), source };
    let whole = pattern.trim_end_matches('/');
    let anchored = match whole.strip_prefix("./").or_else(|| whole.strip_prefix('/')) {
        Some(path) => path.to_owned(),
        None if whole.contains('/') => whole.to_owned(),
        None => format!("**/{whole}"),
    };
    let glob = |text: &str| {
        let mut glob = GlobBuilder::new(text);
        glob.literal_separator(true).backslash_escape(true).build().map_err(wrong)
    };
    Ok([glob(&anchored)?, glob(&format!("{anchored}/**"))?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_names_paths_and_what_lies_below_folders() {
        for (pattern, taken, left) in [
            ("*.png", vec!["a.png", "x/y/a.png"], vec!["a.jpg", "png"]),
            ("train/*.png", vec!["train/a.png"], vec!["a.png", "train/x/a.png", "x/train/a.png"]),
            ("train/**/*.png", vec!["train/a.png", "train/x/y/a.png"], vec!["a.png"]),
            ("cats", vec!["cats/1.png", "x/cats/y/1.png"], vec!["dogs/cats.png"]),
            ("/cats/", vec!["cats/1.png"], vec!["x/cats/1.png"]),
            ("./a?.{png,jpg}", vec!["ab.png", "ab.jpg"], vec!["a/.png", "abc.png", "x/ab.png"]),
            ("[ab]*", vec!["a1", "b"], vec!["c"]),
            ("\\*.png", vec!["*.png"], vec!["a.png"]),
        ] {
            let patterns = [pattern.to_owned()];
            let only = Patterns::new(&patterns, &[]).unwrap();
            let without = Patterns::new(&[], &patterns).unwrap();
            for (paths, matches) in [(taken, true), (left, false)] {
                for path in paths {
                    assert_eq!(only.take(path.as_bytes()), matches, "{pattern} {path}");
                    assert_eq!(without.take(path.as_bytes()), !matches, "{pattern} {path}");
                }
            }
        }
        assert!(Patterns::default().take(b"anything"));
    }

    #[test]
    fn a_malformed_pattern_is_named() {
        let message = check_pattern("a[").unwrap_err().to_string();
        assert!(message.contains("`a[`"), "{message}");
        assert!(check_pattern("train/*.png").is_ok());
    }
}
